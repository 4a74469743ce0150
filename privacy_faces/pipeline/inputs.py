"""Which photos to do, and where each result goes: inputs and folders, the tree that is kept, names that would clash."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from privacy_faces.config.files import readable
from privacy_faces.datasets.signatures import begins_as_photo
from privacy_faces.datasets.walk import walk
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.layouts import ppd, tree
from privacy_faces.pipeline.ours import RUN_FILE, ForeignFileError, check_places, is_run_file, wrote

# What a folder is searched for, beside files that begin as photos do. Formats that cannot be read are listed too, so
# that they fail by name instead of being passed over.
PHOTO_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        ("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "tif", "tiff", "bmp", "dib", "gif"),
        (
            "heic",
            "heif",
            "hif",
            "avif",
            "jxl",
            "jp2",
            "psd",
            "svg",
            "dng",
            "cr2",
            "cr3",
            "nef",
            "arw",
            "raf",
            "orf",
            "rw2",
        ),
    )
    for name in names
)
SAMPLE = "astronaut.png"


class InputError(ValueError):
    """Inputs or an output folder that cannot work together; nothing was done."""


@dataclass(frozen=True)
class Collection:
    """The photos of some inputs.

    Attributes:
        jobs: one for each.
        ignored: files in the folders that are no photos.
        left_out: folders that were not searched, each with its reason.
    """

    jobs: list[Job]
    ignored: list[str]
    left_out: list[str] = field(default_factory=list)


def collect(inputs: Sequence[Path], output: Path, layout: Literal["tree", "ppd"] = "tree") -> Collection:
    """The photos to do, in order of name; folders are searched to the bottom, through links too,
    less those that a run of ours wrote, and keep their tree under `output`, or
    take the names of another `layout`.

    Raises:
        InputError: when a result would overwrite an input, two inputs would share a result, folders hold no photo, or
            the output is no place to write to.
    """
    _check_writable(output)
    job = (ppd if layout == "ppd" else tree).job
    if not inputs:
        return Collection([job(None, SAMPLE, Path(SAMPLE), output)], [])
    found, ignored, left_out = photos_in(
        inputs, {os.path.realpath(place) for place in (output, tree.masks_folder(output))}
    )
    # Two photos of one stem in a folder (a.jpg, a.png) would share <stem>.receipt.json: there the receipts take the
    # whole name.
    stems = Counter(relative.with_suffix("") for _, relative in found)
    jobs = [
        job(path, readable(str(path)), relative, output, whole_name=stems[relative.with_suffix("")] > 1)
        for path, relative in found
    ]
    sources = {os.path.realpath(path): path for path, _ in found}
    taken: dict[Path, Job] = {}
    for one in jobs:
        for place in (one.target, one.receipt):
            if (other := taken.setdefault(place, one)) is not one:
                raise InputError(
                    f"{other.name} and {one.name} would both be written to {place}. Run them separately, with two "
                    "--output folders."
                )
        if (source := sources.get(os.path.realpath(one.target))) is not None:
            raise InputError(
                f"{source} would be overwritten by the result of {one.name}. Choose another --output folder."
            )
    return Collection(jobs, ignored, left_out)


def photos_in(
    inputs: Sequence[Path], outputs: Container[str] = ()
) -> tuple[list[tuple[Path, Path]], list[str], list[str]]:
    """The photos that are named, or lie in a folder that is.

    Args:
        inputs: photos and folders.
        outputs: real paths of folders that are not searched.

    Returns:
        Each photo and its path below the folder; files in folders that are no photos; folders that were left out, with
        the reason.

    Raises:
        InputError: when there are none.
    """
    found: list[tuple[Path, Path]] = []
    ignored: list[str] = []
    left_out: list[str] = []

    def refused(folder: Path) -> str | None:
        if folder.name.startswith(".") or os.path.realpath(folder) in outputs:
            return ""
        return "written by privacy-faces; name it as an input to protect it again" if wrote(folder) else None

    for given in inputs:
        if not given.is_dir():
            found.append((given, Path(given.name)))
            continue
        below = walk(given, refused)
        left_out += [readable(f"{folder} ({reason})") for folder, reason in below.left_out.items()]
        for path in below.files:
            if path.name.startswith("."):
                continue
            if path.suffix.lower() in PHOTO_SUFFIXES or begins_as_photo(path):
                found.append((path, path.relative_to(given)))
            else:
                ignored.append(readable(str(path)))
    if not found:
        raise InputError(
            f"No photo found in {', '.join(map(str, inputs))}: expected files such as .jpg, .png, .webp, .tif or .bmp."
            + "".join(f" Left out: {folder}." for folder in left_out)
        )
    return found, ignored, left_out


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
