"""Which photos to do, and where each result goes: inputs and folders, the tree that is kept, names that would clash."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.photo import Photo

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
RUN_FILE = "run.json"
# Folders of PrivacyPreservingDiffusion's results, and what the names in them say: result, mask, original.
_PPD = (("results", "generated"), ("masks", "masks"), ("original", "img"))


class InputError(ValueError):
    """Inputs or an output folder that cannot work together; nothing was done."""


@dataclass(frozen=True)
class Job:
    """One photo to do.

    Attributes:
        source: where it comes from; None: the sample photo.
        name: for the user.
        target, receipt: where the result goes.
        masks: the folder for masks that are asked for, or the file of the mask where `original` is given.
        original: where a copy of the photo goes, in a layout that keeps one; such layouts know JPEG only.
    """

    source: Path | None
    name: str
    target: Path
    receipt: Path
    masks: Path
    original: Path | None = None

    def read(self) -> tuple[Photo, str]:
        """The photo and the sha256 of its content."""
        if self.source is None:
            from skimage.data import astronaut

            image = astronaut()
            photo = photo_from_array(image)
            digest = hashlib.sha256(image.tobytes()).hexdigest()
        else:
            photo, digest = read_photo(self.source), self.digest()
        return photo if self.original is None else photo.as_jpeg(), digest

    def digest(self) -> str:
        """The sha256 of the input, without decoding it where it is a file."""
        if self.source is None:
            return self.read()[1]
        with self.source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Collection:
    """The photos of some inputs, and the files in the folders that are none."""

    jobs: list[Job]
    ignored: list[str]


def collect(inputs: Sequence[Path], output: Path, layout: str = "tree") -> Collection:
    """The photos to do, in order of name; folders are searched to the bottom and keep their tree under `output`, or
    take the names of another `layout`.

    Raises:
        InputError: when a result would overwrite an input, two inputs would share a result, folders hold no photo, or
            the output is no place to write to.
    """
    _check_writable(output)
    if not inputs:
        return Collection([job_of(None, SAMPLE, Path(SAMPLE), output, layout)], [])
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
        job_of(path, str(path), relative, output, layout, whole_name=stems[relative.with_suffix("")] > 1)
        for path, relative in found
    ]
    sources = {path.resolve(): path for path, _ in found}
    taken: dict[Path, Job] = {}
    for job in jobs:
        for place in (job.target, job.receipt):
            if (other := taken.setdefault(place, job)) is not job:
                raise InputError(
                    f"{other.name} and {job.name} would both be written to {place}. Run them separately, with two "
                    "--output folders."
                )
        if (source := sources.get(job.target.resolve())) is not None:
            raise InputError(
                f"{source} would be overwritten by the result of {job.name}. Choose another --output folder."
            )
    return Collection(jobs, ignored)


def refuse_foreign(collection: Collection, output: Path) -> None:
    """Refuse to overwrite files that no earlier run wrote: a run leaves run.json in its folder before its first photo.

    Raises:
        InputError: naming the first such file.
    """
    if (output / RUN_FILE).exists():
        return
    for job in collection.jobs:
        if job.target.exists() and not job.receipt.exists():
            raise InputError(
                f"{job.target} exists and was not written by privacy-faces. Choose another --output folder, or add "
                "--overwrite."
            )


def job_of(
    source: Path | None, name: str, relative: Path, output: Path, layout: str = "tree", whole_name: bool = False
) -> Job:
    """The job of one photo.

    In the layout "tree" its result goes to `output`/`relative`; its receipt takes the stem, or the whole name of the
    file. In the layout "ppd", that of PrivacyPreservingDiffusion, the folder that the photo lies in (or its own name,
    without one) is the class, and its stem the image.
    """
    if layout == "ppd":
        image, label = relative.stem, relative.parent.name or relative.stem
        target, mask, original = (output / folder / f"{image}-{kind}-label-{label}.jpg" for folder, kind in _PPD)
        return Job(source, name, target, target.with_suffix(".receipt.json"), mask, original)
    target = output / relative
    receipt = target.with_name(f"{target.name if whole_name else target.stem}.receipt.json")
    return Job(source, name, target, receipt, output / "masks" / relative.parent)


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
