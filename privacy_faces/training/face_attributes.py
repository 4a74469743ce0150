"""The linear maps of `models.face_attributes`, fitted to photos of people who do not exist that carry a label.

Age groups are among the labels. Sex is not: words that say it for most (a beard, lipstick) mark the first faces, and
the map then marks those that it is sure of, a few times over (self-training).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.models.face_attributes import FaceAttributes
from privacy_faces.photos.batch import COMPARED_FRAME
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.training.portraits import Portraits

Array = NDArray[np.float32]

MEN = frozenset(
    {"full beard", "stubble", "goatee", "mustache", "sideburns", "long white beard", "fashionable beard", "tie"}
)
WOMEN = frozenset(
    {
        *("lipstick", "red lipstick", "strong eyeliner", "pearl necklace", "necklace", "earrings"),
        *("long red hair", "long blond hair", "long black hair", "bob-cut hairstyle"),
    }
)
AGE_GROUPS = {
    "10 month old baby": 0,
    "2.5 year old toddler": 0,
    "small child": 0,
    "16 year old teenager": 1,
    "30 year old adult": 1,
    "wrinkly 70 year old senior": 2,
}
#: The label of photos of people who are no children, and of whom nobody said more.
GROWN = "grown"
# Such photos are many, and real: together they count as much as this many labeled ones.
_GROWN_WEIGHT = 150
# Ridge penalties of standardized embeddings.
_SEX_RIDGE, _AGE_RIDGE = 30.0, 100.0
_ROUNDS, _SURE = 6, 0.5
_BATCH = 32


@dataclass(frozen=True)
class LabeledFaces:
    """Faces of labeled photos.

    Attributes:
        labels: N words.
        splits: N of "train", "left-out".
        embeddings: recognizer -> (N, D).
    """

    labels: list[str]
    splits: list[str]
    embeddings: dict[str, Array]

    def part(self, split: str) -> LabeledFaces:
        """Those of one split."""
        rows = [row for row, name in enumerate(self.splits) if name == split]
        return LabeledFaces(
            [self.labels[row] for row in rows],
            [split] * len(rows),
            {name: values[rows] for name, values in self.embeddings.items()},
        )

    def and_of(self, others: LabeledFaces) -> LabeledFaces:
        """These faces and others of the same recognizers."""
        return LabeledFaces(
            self.labels + others.labels,
            self.splits + others.splits,
            {name: np.concatenate([values, others.embeddings[name]]) for name, values in self.embeddings.items()},
        )


@torch.no_grad()
def of_the_grown(portraits: Portraits, recognizers: Sequence[Recognizer]) -> LabeledFaces:
    """Portraits, none of them a child's, as labeled faces."""
    starts = range(0, len(portraits), _BATCH)
    embeddings = {
        recognizer.name: torch.cat([recognizer.embed(*portraits.part(start, _BATCH)) for start in starts]).numpy()
        for recognizer in recognizers
    }
    return LabeledFaces([GROWN] * len(portraits), ["train"] * len(portraits), embeddings)


@torch.no_grad()
def embedded(
    data: Path,
    finder: FaceFinder,
    recognizers: Sequence[Recognizer],
    progress: Callable[[Sequence[dict[str, str]]], Iterable[dict[str, str]]],
) -> LabeledFaces:
    """The largest face of each photo that `metadata.csv` names (file_name, label, split); photos without one are left
    out.

    Raises:
        ValueError: when the table is not there, or lacks a column.
    """
    try:
        with (data / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ValueError(f"Expected metadata.csv in {data}: {error}.") from None
    if missing := {"file_name", "label", "split"} - set(rows[0] if rows else ()):
        raise ValueError(f"Expected the columns {', '.join(sorted(missing))} in {data / 'metadata.csv'}, found none.")
    faces = LabeledFaces([], [], {})
    parts: dict[str, list[Array]] = {recognizer.name: [] for recognizer in recognizers}
    for row in progress(rows):
        photo = read_photo(data / row["file_name"])
        if (face := finder.largest(photo.rgb)) is None:
            continue
        frame = torch.from_numpy(face.frame(photo.rgb, COMPARED_FRAME)).permute(2, 0, 1)[None]
        landmarks = torch.from_numpy(face.frame_landmarks(COMPARED_FRAME)).float()[None]
        for recognizer in recognizers:
            parts[recognizer.name].append(recognizer.embed(frame, landmarks)[0].numpy())
        faces.labels.append(row["label"])
        faces.splits.append(row["split"])
    return LabeledFaces(faces.labels, faces.splits, {name: np.stack(values) for name, values in parts.items()})


def age_accuracy(attributes: FaceAttributes, recognizer: str, faces: LabeledFaces) -> tuple[int, int]:
    """Of how many faces the age group is right, and how many have a label that says one."""
    groups = np.array([AGE_GROUPS.get(label, -1) for label in faces.labels])
    said = attributes.scores(recognizer, faces.embeddings[recognizer])[:, 1:].argmax(1)
    return int((said == groups)[groups >= 0].sum()), int((groups >= 0).sum())


def fit(embeddings: Array, labels: Sequence[str]) -> Array:
    """The map (D + 1, 4) of one recognizer.

    Args:
        embeddings: (N, D), unit length.
        labels: N labels; those that say neither sex nor age are of use as faces alone. `GROWN` says that it is no
            child.

    Raises:
        ValueError: when no face is labeled as a man, as a woman, or as one of the age groups.
    """
    sex = np.array([(label in MEN) - (label in WOMEN) for label in labels], dtype=np.float64)
    group = np.array([AGE_GROUPS.get(label, -1) for label in labels])
    for wanted, found in (("men", sex > 0), ("women", sex < 0), *((f"age group {n}", group == n) for n in range(3))):
        if not found.any():
            raise ValueError(f"Expected photos whose labels say {wanted}, found none among {len(labels)}.")
    mean, deviation = embeddings.mean(0), embeddings.std(0)
    design = np.column_stack([(embeddings - mean) / deviation, np.ones(len(embeddings))]).astype(np.float64)
    known = sex.copy()
    for _ in range(_ROUNDS):
        of_sex = _ridge(design[known != 0], known[known != 0], _SEX_RIDGE)
        scores = design @ of_sex
        known = np.where(sex != 0, sex, np.where(np.abs(scores) > _SURE, np.sign(scores), 0))
    grown = np.array([label == GROWN for label in labels])
    aged = (group >= 0) | grown
    # Old or not is open of the grown: half of each.
    wanted = np.where(grown[:, None], [0, 0.5, 0.5], np.eye(3)[group])[aged]
    weights = np.where(grown, min(1.0, _GROWN_WEIGHT / max(1, grown.sum())), 1.0)[aged]
    of_age = _ridge(design[aged], wanted, _AGE_RIDGE, weights)
    maps = np.column_stack([of_sex, of_age])
    # Back from standardized embeddings.
    maps[:-1] /= deviation[:, None]
    maps[-1] -= mean @ maps[:-1]
    return maps.astype(np.float32)


def _ridge(
    design: NDArray[np.float64],
    wanted: NDArray[np.float64],
    penalty: float,
    weights: NDArray[np.float64] | float = 1.0,
) -> NDArray[np.float64]:
    # All but the constant, the last column, are drawn towards zero.
    penalties = np.append(np.full(design.shape[1] - 1, penalty), 0.0)
    weighted = design.T * weights
    return np.asarray(np.linalg.solve(weighted @ design + np.diag(penalties), weighted @ wanted))
