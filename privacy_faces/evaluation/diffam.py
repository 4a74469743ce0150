"""DiffAM's evaluation (CVPR 2024), as its code runs it, so that numbers can be compared with those of the paper.

The whole picture is what a recognizer sees, without a detector. A protected photo counts as a success when its cosine
to the *scored* image of the target exceeds the published threshold. Photos come in groups, one for each target, each in
a folder with the target's name. The published code measures this alone, which says nothing of whether the person is
still found: beside it stands the same rate of the originals, and how many still match their own original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.datasets.folder import photos_in
from privacy_faces.evaluation.intervals import numbers, share
from privacy_faces.evaluation.rows import Number
from privacy_faces.judge.thresholds import ThresholdFile
from privacy_faces.methods.context import Context
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.recognizers.contract import Recognizer

#: Person whom the attack is optimized towards -> image on which its success is scored, both of CelebA-HQ.
TARGETS = {"005869": "008793", "085807": "047073", "116481": "055622", "169284": "166607"}
#: The recognizers in the published order, of which one is left out of the surrogates in turn.
RECOGNIZERS = ("ir152", "irse50", "mobileface", "facenet")
OPTIONS: Mapping[str, Mapping[str, str]] = {
    name: {"alignment": "whole"} | ({"weights": "diffam"} if name == "facenet" else {}) for name in RECOGNIZERS
}

# The published code works on pictures of this side.
_SIDE = 256
_BATCH = 32


class ProtocolError(ValueError):
    """Folders in which the protocol's groups, targets or originals cannot be found, or a recognizer that it does not
    know."""


@dataclass(frozen=True)
class Group:
    """The photos that are to resemble one target: N protected ones, their originals, and the scored image."""

    target: str
    scored: Path
    originals: tuple[Path, ...]
    protected: tuple[Path, ...]


@dataclass(frozen=True)
class Row:
    """Attack success rates of one recognizer at one false accept rate, on one group or ("all") on every photo.

    Attributes:
        role: "surrogate" helped to make the change; "held-out" did not, and is the paper's black box.
        clean: share of the originals that match the scored image.
        impersonation: share of the protected photos that do: the paper's number.
        dodging: share of the protected photos that do not match their own original.
    """

    recognizer: str
    role: str
    far: float
    threshold: float
    target: str
    clean: Number
    impersonation: Number
    dodging: Number

    def described(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            name: getattr(self, name).model_dump(exclude_none=True) for name in ("clean", "impersonation", "dodging")
        }


def find_groups(originals: Path, protected: Path, targets: Path) -> list[Group]:
    """Groups `protected`/TARGET/NAME.*, with `originals`/NAME.* or `originals`/TARGET/NAME.* and the scored image in
    `targets`.

    Raises:
        ProtocolError: when a group, an original or an image is missing.
    """
    folders = [folder for folder in sorted(protected.iterdir()) if folder.is_dir() and photos_in(folder)]
    if not folders:
        raise ProtocolError(
            f"Expected a folder of photos for each target in {protected} ({', '.join(TARGETS)}, or your own), found "
            "none."
        )
    images = {path.stem: path for path in photos_in(targets)}
    groups = []
    for folder in folders:
        scored = TARGETS.get(folder.name, folder.name)
        if scored not in images:
            raise ProtocolError(
                f"Expected the scored image {scored} of the target {folder.name} in {targets}, found "
                f"{', '.join(images) or 'none'}."
            )
        sources = originals / folder.name if (originals / folder.name).is_dir() else originals
        by_stem = {path.stem: path for path in photos_in(sources)}
        results = tuple(photos_in(folder))
        if lost := [path.name for path in results if path.stem not in by_stem]:
            raise ProtocolError(
                f"Expected the originals of {folder} in {sources}, found none of {', '.join(lost[:5])}."
            )
        groups.append(Group(folder.name, images[scored], tuple(by_stem[path.stem] for path in results), results))
    return groups


def attack_success(
    groups: Sequence[Group],
    context: Context,
    names: Sequence[str],
    surrogates: Sequence[str],
    thresholds: ThresholdFile,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> list[Row]:
    """The rows of every recognizer, false accept rate and group, and of all groups together.

    Args:
        groups: of `find_groups`.
        context: builds recognizers with `OPTIONS`.
        names: recognizers to ask, of `RECOGNIZERS`.
        surrogates: those that helped to make the change.
        thresholds: whose legacy part holds the published thresholds.
        progress: wraps the pictures.

    Raises:
        ProtocolError: for a recognizer without a published threshold.
        MissingWeightError: (and the like) for its weights.
    """
    if unknown := [name for name in names if name not in RECOGNIZERS]:
        raise ProtocolError(
            f"Expected recognizers of DiffAM's protocol ({', '.join(RECOGNIZERS)}), got {', '.join(unknown)}."
        )
    if unpublished := [name for name in names if name not in thresholds.legacy]:
        raise ProtocolError(
            f"Expected the published thresholds of {', '.join(unpublished)} under `legacy` in the threshold file. "
            "Leave --thresholds out."
        )
    recognizers = [context.recognizer(name) for name in names]
    pictures = list(
        dict.fromkeys(path for group in groups for path in (group.scored, *group.originals, *group.protected))
    )
    embeddings = _embed(pictures, recognizers, progress)
    rows = []
    # Nothing says who is in a picture; the same original in several groups is one person.
    people = {group.target: [str(path) for path in group.originals] for group in groups}
    people["all"] = [name for group in groups for name in people[group.target]]
    for recognizer in recognizers:
        role = "surrogate" if recognizer.name in surrogates else "held-out"
        cosines = [_cosines(group, embeddings[recognizer.name]) for group in groups]
        together = tuple(np.concatenate(part) for part in zip(*cosines, strict=True))
        for point in thresholds.legacy[recognizer.name].points:
            for target, (clean, aimed, own) in [
                *((group.target, part) for group, part in zip(groups, cosines, strict=True)),
                ("all", together),
            ]:
                measured = (
                    share(clean > point.threshold, people[target]),
                    share(aimed > point.threshold, people[target]),
                    share(~(own > point.threshold), people[target]),
                )
                rows.append(Row(recognizer.name, role, point.far, point.threshold, target, *measured))
    return rows


def _cosines(group: Group, embeddings: dict[Path, NDArray[np.float32]]) -> tuple[NDArray[np.float64], ...]:
    """Cosines (N,) of originals to the scored image, of protected photos to it, and of protected photos to their
    originals."""
    scored = embeddings[group.scored]
    before, after = (np.stack([embeddings[path] for path in paths]) for paths in (group.originals, group.protected))
    return numbers(before @ scored), numbers(after @ scored), numbers((before * after).sum(1))


@torch.no_grad()
def _embed(
    pictures: Sequence[Path], recognizers: Sequence[Recognizer], progress: Callable[[Sequence[Path]], Iterable[Path]]
) -> dict[str, dict[Path, NDArray[np.float32]]]:
    """Recognizer -> picture -> embedding (D,), unit length; each picture is read once."""
    found: dict[str, dict[Path, NDArray[np.float32]]] = {recognizer.name: {} for recognizer in recognizers}
    batch: dict[Path, Tensor] = {}

    def flush() -> None:
        for recognizer in recognizers:
            frames = torch.cat(list(batch.values())).to(next(recognizer.parameters()).device)
            # Whole pictures ask for no landmarks.
            rows = recognizer.embed(frames, frames.new_zeros(len(frames), 68, 2)).cpu().numpy()
            found[recognizer.name] |= dict(zip(batch, rows, strict=True))
        batch.clear()

    for path in progress(pictures):
        batch[path] = whole_picture(path)
        if len(batch) == _BATCH:
            flush()
    if batch:
        flush()
    return found


def whole_picture(path: Path) -> Tensor:
    """A picture as (1, 3, 256, 256) in [0, 1]."""
    rgb = read_photo(path).rgb
    tensor = torch.from_numpy(rgb.astype(np.float32) / np.iinfo(rgb.dtype).max).permute(2, 0, 1)[None]
    return (
        tensor
        if tensor.shape[2:] == (_SIDE, _SIDE)
        else interpolate(tensor, (_SIDE, _SIDE), mode="bilinear", antialias=True, align_corners=False)
    )
