"""The layout "tree": results keep the folders and names of the inputs."""

from __future__ import annotations

from collections import Counter
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
    """Originals with the results of the same path: of the very same name, otherwise of another ending where only one
    original and one result can be meant.

    Args:
        originals, before: folder and its photos.
        results, after: folder of protected photos and its photos.
    """
    exact = {photo.path.relative_to(results): photo.path for photo in after}
    names = {photo.path.relative_to(originals) for photo in before}
    left, wanted = (Counter(_stem(path) for path in paths) for paths in (exact.keys() - names, names - exact.keys()))
    by_stem = {
        _stem(path): exact[path] for path in exact.keys() - names if left[_stem(path)] == wanted[_stem(path)] == 1
    }
    metadata = metadata_of(originals)
    pairs = []
    for photo in before:
        groups = dict(metadata.get(photo.path, {}))
        person = groups.pop("identity", photo.identity)
        path = photo.path.relative_to(originals)
        made = exact[path] if path in exact else by_stem.get(_stem(path))
        pairs.append(Pair(readable(str(path)), person, photo.path, made, groups))
    return pairs


def _stem(path: Path) -> str:
    return path.with_suffix("").as_posix()
