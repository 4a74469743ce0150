"""The layout "tree": results keep the folders and names of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privacy_faces.config.files import beside, readable
from privacy_faces.datasets.folder import LabeledPhoto, metadata_of
from privacy_faces.datasets.pairs import Pair
from privacy_faces.pipeline.job import Job


def masks_folder(output: Path) -> Path:
    """Where masks and overlays go: beside the output folder, so that nobody publishes them with the photos."""
    whole = output if output.name not in ("", "..") else output.resolve()
    return whole.with_name(f"{whole.name}.masks")


def job(source: Path | None, name: str, relative: Path, output: Path, whole_name: bool = False) -> Job:
    """The job of one photo: its result goes to `output`/`relative`.

    Args:
        source, name: see `Job`.
        relative: path below the input folder.
        output: output folder.
        whole_name: the receipt takes the whole name of the file instead of its stem, since another photo has the same.
    """
    target = output / relative
    receipt = target.with_name(beside(target.name if whole_name else target.stem, ".receipt.json"))
    return Job(source, name, target, receipt, output, masks_folder(output) / relative.parent)


def pairs(originals: Path, before: Sequence[LabeledPhoto], results: Path, after: Sequence[LabeledPhoto]) -> list[Pair]:
    """Originals with the results of the same path, whatever the ending of the file.

    Args:
        originals, before: folder and its photos.
        results, after: folder of protected photos and its photos.
    """
    found = {_stem(photo.path, results): photo.path for photo in after}
    metadata = metadata_of(originals)
    pairs = []
    for photo in before:
        groups = dict(metadata.get(photo.path, {}))
        person = groups.pop("identity", photo.identity)
        name = readable(str(photo.path.relative_to(originals)))
        pairs.append(Pair(name, person, photo.path, found.get(_stem(photo.path, originals)), groups))
    return pairs


def _stem(path: Path, root: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()
