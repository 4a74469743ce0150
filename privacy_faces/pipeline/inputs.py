"""Which photos to do, and where each result goes: inputs and folders, the tree that is kept, names that would clash."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.layouts import ppd, tree
from privacy_faces.pipeline.ours import RUN_FILE, ForeignFileError, check_places, is_run_file

# What a folder is searched for. Formats that cannot be read are listed too, so that they fail by name instead of being
# passed over.
PHOTO_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        ("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "tif", "tiff", "bmp", "dib", "gif"),
        ("heic", "heif", "avif", "jxl", "jp2", "psd", "svg", "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2"),
    )
    for name in names
)
SAMPLE = "astronaut.png"


class InputError(ValueError):
    """Inputs or an output folder that cannot work together; nothing was done."""


@dataclass(frozen=True)
class Collection:
    """The photos of some inputs, and the files in the folders that are none."""

    jobs: list[Job]
    ignored: list[str]


def collect(inputs: Sequence[Path], output: Path, layout: Literal["tree", "ppd"] = "tree") -> Collection:
    """The photos to do, in order of name; folders are searched to the bottom and keep their tree under `output`, or
    take the names of another `layout`.

    Raises:
        InputError: when a result would overwrite an input, two inputs would share a result, folders hold no photo, or
            the output is no place to write to.
    """
    _check_writable(output)
    job = (ppd if layout == "ppd" else tree).job
    if not inputs:
        return Collection([job(None, SAMPLE, Path(SAMPLE), output)], [])
    found: list[tuple[Path, Path]] = []
    ignored: list[str] = []
    for given in inputs:
        if not given.is_dir():
            found.append((given, Path(given.name)))
            continue
        for path in _files(given, skip=output):
            if path.suffix.lower() in PHOTO_SUFFIXES:
                found.append((path, path.relative_to(given)))
            else:
                ignored.append(str(path))
    if not found:
        raise InputError(
            f"No photo found in {', '.join(map(str, inputs))}: expected files such as .jpg, .png, .webp, .tif or .bmp."
        )
    # Two photos of one stem in a folder (a.jpg, a.png) would share <stem>.receipt.json: there the receipts take the
    # whole name.
    stems = Counter(relative.with_suffix("") for _, relative in found)
    jobs = [
        job(path, str(path), relative, output, whole_name=stems[relative.with_suffix("")] > 1)
        for path, relative in found
    ]
    sources = {path.resolve(): path for path, _ in found}
    taken: dict[Path, Job] = {}
    for one in jobs:
        for place in (one.target, one.receipt):
            if (other := taken.setdefault(place, one)) is not one:
                raise InputError(
                    f"{other.name} and {one.name} would both be written to {place}. Run them separately, with two "
                    "--output folders."
                )
        if (source := sources.get(one.target.resolve())) is not None:
            raise InputError(
                f"{source} would be overwritten by the result of {one.name}. Choose another --output folder."
            )
    return Collection(jobs, ignored)


def refuse_foreign(collection: Collection, output: Path) -> None:
    """Refuse to overwrite files that no run of ours wrote, and to write through links inside the output folder.

    Raises:
        InputError: naming the first such file.
    """
    try:
        for job in collection.jobs:
            check_places(job, [job.target, job.receipt])
    except ForeignFileError as error:
        raise InputError(str(error)) from None
    if (output / RUN_FILE).exists() and not is_run_file(output / RUN_FILE):
        raise InputError(
            f"{output / RUN_FILE} exists and was not written by privacy-faces. Choose another --output folder."
        )


def _check_writable(output: Path) -> None:
    """Refuse a place where nothing can be written before hours of work are lost there."""
    place = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        problem = "is not writable" if place.is_dir() else "is not a folder"
        raise InputError(
            f"Cannot write to the output folder {output}: {place} {problem}. Choose another with --output."
        )


def _files(folder: Path, skip: Path) -> Iterator[Path]:
    """Files below `folder` in order of path, less the output folder if it lies inside, and hidden ones."""
    outputs = skip.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if outputs != folder.resolve() and outputs in path.resolve().parents:
            continue
        yield path
