"""The linear maps of `models.face_attributes`, fitted to faces of nobody that are labeled: faces of the bank, by eye;
synthetic photos, by the words that they were made with; and portraits, of which it is known that they show no child."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.models.face_attributes import COLUMNS, FaceAttributes
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.photos.batch import COMPARED_FRAME
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.training.portraits import Portraits

Array = NDArray[np.float32]

# What words of SFHQ-T2I's prompts say of most faces that were made with them.
_WORDS = {
    "man": ("full beard", "stubble", "goatee", "mustache", "sideburns", "long white beard", "fashionable beard", "tie"),
    "woman": (
        *("lipstick", "red lipstick", "strong eyeliner", "pearl necklace", "necklace", "earrings"),
        *("long red hair", "long blond hair", "long black hair", "bob-cut hairstyle"),
    ),
    "child": ("10 month old baby", "2.5 year old toddler", "small child"),
    "adult": ("16 year old teenager", "30 year old adult"),
    "old": ("wrinkly 70 year old senior",),
    "glasses": (
        *("sunglasses", "aviator sunglasses", "sport sunglasses", "square glasses", "round glasses"),
        *("reading glasses", "cat-eye glasses", "rimless glasses"),
    ),
}
_MEANS = {word: meaning for meaning, words in _WORDS.items() for word in words}
_AGES = COLUMNS[1:4]
# Portraits of grown people are many: together they count as much as this many labeled faces.
_GROWN_WEIGHT = 100
# Ridge penalty of standardized embeddings.
_RIDGE = 100.0
_BATCH = 32


@dataclass(frozen=True)
class KnownFaces:
    """Faces of which something is known.

    Attributes:
        known: (N, 5), see `COLUMNS`; NaN where nothing is known.
        weights: (N,), how much each counts.
        embeddings: recognizer -> (N, D), of unit length.
    """

    known: NDArray[np.float64]
    weights: NDArray[np.float64]
    embeddings: dict[str, Array]

    def rows(self, chosen: slice | NDArray[np.bool_]) -> KnownFaces:
        """Some of them."""
        embeddings = {name: values[chosen] for name, values in self.embeddings.items()}
        return KnownFaces(self.known[chosen], self.weights[chosen], embeddings)

    def and_of(self, *others: KnownFaces) -> KnownFaces:
        """These faces and others of the same recognizers."""
        every = (self, *others)
        return KnownFaces(
            np.concatenate([faces.known for faces in every]),
            np.concatenate([faces.weights for faces in every]),
            {name: np.concatenate([faces.embeddings[name] for faces in every]) for name in self.embeddings},
        )


def row_of(meanings: Iterable[str]) -> list[float]:
    """What "man", "woman", one of the ages, "glasses" and "no glasses" say: a row of `COLUMNS`."""
    row = dict.fromkeys(COLUMNS, float("nan"))
    for meaning in meanings:
        if meaning in ("man", "woman"):
            row["sex"] = 1.0 if meaning == "man" else -1.0
        elif meaning in _AGES:
            row |= {age: float(age == meaning) for age in _AGES}
        elif meaning in ("glasses", "no glasses"):
            row["glasses"] = float(meaning == "glasses")
    return list(row.values())


def of_the_bank(bank: FaceBank, labels: Path) -> KnownFaces:
    """Faces of a bank that somebody looked at.

    Args:
        bank: whose faces.
        labels: a table: face, its number; sex, man, woman or nothing; age, child, adult or old; glasses, yes or no.

    Raises:
        ValueError: for a table that cannot be read, or names a face that the bank does not have.
    """
    rows = _table(labels, {"face", "sex", "age", "glasses"})
    numbers = [int(row["face"]) if row["face"].isdigit() else -1 for row in rows]
    if wrong := [row["face"] for row, number in zip(rows, numbers, strict=True) if not 0 <= number < len(bank)]:
        raise ValueError(f"Expected numbers of faces from 0 to {len(bank) - 1} in {labels}, found {wrong[0]}.")
    glasses = {"yes": "glasses", "no": "no glasses"}
    known = [row_of((row["sex"], row["age"], glasses.get(row["glasses"], ""))) for row in rows]
    embeddings = {name: values[numbers] for name, values in bank.embeddings.items()}
    return KnownFaces(np.array(known), np.ones(len(rows)), embeddings)


@torch.no_grad()
def of_the_grown(portraits: Portraits, recognizers: Sequence[Recognizer]) -> KnownFaces:
    """Portraits, none of them a child's; whether they are old is open: half of each."""
    starts = range(0, len(portraits), _BATCH)
    embeddings = {
        recognizer.name: torch.cat([recognizer.embed(*portraits.part(start, _BATCH)) for start in starts]).numpy()
        for recognizer in recognizers
    }
    known = np.full((len(portraits), len(COLUMNS)), np.nan)
    known[:, 1:4] = (0, 0.5, 0.5)
    weight = min(1.0, _GROWN_WEIGHT / max(1, len(portraits)))
    return KnownFaces(known, np.full(len(portraits), weight), embeddings)


@torch.no_grad()
def of_photos(
    data: Path,
    finder: FaceFinder,
    recognizers: Sequence[Recognizer],
    progress: Callable[[Sequence[dict[str, str]]], Iterable[dict[str, str]]],
) -> dict[str, KnownFaces]:
    """Split -> the largest faces of the photos that `metadata.csv` names (file_name, label, split) with a label that
    says something; photos without a face are left out.

    Raises:
        ValueError: when the table is not there, or lacks a column.
    """
    rows = [row for row in _table(data / "metadata.csv", {"file_name", "label", "split"}) if row["label"] in _MEANS]
    parts: dict[str, list[tuple[list[float], dict[str, Array]]]] = {}
    for row in progress(rows):
        photo = read_photo(data / row["file_name"])
        if (face := finder.largest(photo.rgb)) is None:
            continue
        frame = torch.from_numpy(face.frame(photo.rgb, COMPARED_FRAME)).permute(2, 0, 1)[None]
        landmarks = torch.from_numpy(face.frame_landmarks(COMPARED_FRAME)).float()[None]
        seen = {recognizer.name: recognizer.embed(frame, landmarks)[0].numpy() for recognizer in recognizers}
        # Hardly a face wears glasses that its prompt does not name.
        parts.setdefault(row["split"], []).append((row_of(["no glasses", _MEANS[row["label"]]]), seen))
    return {
        split: KnownFaces(
            np.array([known for known, _ in faces]),
            np.ones(len(faces)),
            {recognizer.name: np.stack([seen[recognizer.name] for _, seen in faces]) for recognizer in recognizers},
        )
        for split, faces in parts.items()
    }


def accuracy(attributes: FaceAttributes, recognizer: str, faces: KnownFaces) -> dict[str, tuple[int, int]]:
    """Of how many faces sex, age group and glasses are right, and of how many they are known."""
    scores = attributes.scores(recognizer, faces.embeddings[recognizer])
    sex, ages, glasses = faces.known[:, 0], faces.known[:, 1:4], faces.known[:, 4]
    aged = ages.max(1) == 1
    right = {
        "sex": (np.sign(scores.sex) == sex, ~np.isnan(sex)),
        "age group": (scores.age_group == np.nan_to_num(ages).argmax(1), aged),
        "glasses": ((scores.glasses > 0.5) == (glasses == 1), ~np.isnan(glasses)),
    }
    return {name: (int((hit & known).sum()), int(known.sum())) for name, (hit, known) in right.items()}


def fit(faces: KnownFaces, recognizer: str) -> Array:
    """The map (D + 1, 5) of one recognizer: ridge regression on standardized embeddings.

    Raises:
        ValueError: when of some column nothing, or only one value, is known.
    """
    embeddings = faces.embeddings[recognizer]
    for column, values in zip(COLUMNS, faces.known.T, strict=True):
        if len(np.unique(values[~np.isnan(values)])) < 2:
            raise ValueError(f"Expected faces that are labeled with {column} and others, found one kind alone.")
    mean, deviation = embeddings.mean(0), embeddings.std(0)
    design = np.column_stack([(embeddings - mean) / deviation, np.ones(len(embeddings))]).astype(np.float64)
    maps = np.empty((design.shape[1], len(COLUMNS)))
    for columns in ([0], [1, 2, 3], [4]):
        known = ~np.isnan(faces.known[:, columns[0]])
        wanted = faces.known[known][:, columns]
        weights = faces.weights[known] * _balanced(wanted)
        maps[:, columns] = _ridge(design[known], wanted, weights)
    # Back from standardized embeddings.
    maps[:-1] /= deviation[:, None]
    maps[-1] -= mean @ maps[:-1]
    return maps.astype(np.float32)


def _balanced(wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """A weight per row, larger for rare kinds, by the root of how rare they are."""
    _, kinds, counts = np.unique(wanted, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(np.sqrt(len(wanted) / len(counts) / counts)[kinds.ravel()])


def _ridge(
    design: NDArray[np.float64], wanted: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    # All but the constant, the last column, are drawn towards zero.
    penalties = np.append(np.full(design.shape[1] - 1, _RIDGE), 0.0)
    weighted = design.T * weights
    return np.asarray(np.linalg.solve(weighted @ design + np.diag(penalties), weighted @ wanted))


def _table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ValueError(f"Expected {path.name} in {path.parent}: {error}.") from None
    if missing := columns - set(rows[0] if rows else ()):
        raise ValueError(f"Expected the columns {', '.join(sorted(missing))} in {path}, found none.")
    return rows
