"""The layout "ppd", that of PrivacyPreservingDiffusion: results/, masks/ and original/, named by image and class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from privacy_faces.config.files import beside, readable
from privacy_faces.datasets.folder import LabeledPhoto
from privacy_faces.datasets.pairs import Pair
from privacy_faces.pipeline.job import Job

RESULTS, MASKS, ORIGINALS = "results", "masks", "original"

_NAME = "{image}-{kind}-label-{label}.jpg"
_ORIGINAL, _RESULT = (re.compile(rf"(?P<image>.+)-{kind}-label-(?P<label>.+)\.\w+") for kind in ("img", "generated"))


def job(source: Path | None, name: str, relative: Path, output: Path, whole_name: bool = False) -> Job:
    """The job of one photo: the folder that it lies in (or its own name, without one) is the class, its stem the image.

    Args: as for `layouts.tree.job`; two photos of one stem and class cannot both be done.
    """
    image, label = relative.stem, relative.parent.name or relative.stem
    target, mask, original = (
        output / folder / _NAME.format(image=image, kind=kind, label=label)
        for folder, kind in ((RESULTS, "generated"), (MASKS, "masks"), (ORIGINALS, "img"))
    )
    return Job(source, name, target, target.with_name(beside(target.stem, ".receipt.json")), output, mask, original)


def holds(photos: Sequence[LabeledPhoto]) -> bool:
    """Whether all of these are originals of this layout, by their names."""
    return all(_ORIGINAL.fullmatch(photo.path.name) for photo in photos)


def pairs(before: Sequence[LabeledPhoto], after: Sequence[LabeledPhoto]) -> list[Pair]:
    """Originals with the results of the same image and class."""
    results = {
        (match["image"], match["label"]): photo.path for photo in after if (match := _RESULT.fullmatch(photo.path.name))
    }
    matches = [(photo.path, match) for photo in before if (match := _ORIGINAL.fullmatch(photo.path.name))]
    return [
        Pair(readable(path.name), readable(match["label"]), path, results.get((match["image"], match["label"])))
        for path, match in matches
    ]
