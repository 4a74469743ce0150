"""Many photos: find them, keep their tree, skip what is done, isolate what fails, write atomically."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy_faces.photos.overlay import jpeg, overlay, png
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.read import photo_from_array, read_photo
from privacy_faces.photos.write import encode_photo, write_atomic

if TYPE_CHECKING:
    from privacy_faces.anonymizer import Anonymizer, Journey
    from privacy_faces.evaluation.judge import FaceVerdict
    from privacy_faces.plan import Plan

log = logging.getLogger(__name__)

# What a folder is searched for. Formats that cannot be read are listed too, so that they fail by name instead of being passed over.
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


@dataclass(frozen=True)
class Outcome:
    """What became of one photo: "done", "skipped" (already done with these options) or "failed" (with the reason)."""

    job: Job
    status: str
    reason: str | None = None
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """What a user must be told, also about a photo that was done by an earlier run."""
        return list(self.receipt.get("warnings", ()))

    def described(self) -> dict[str, Any]:
        """For run.json."""
        output = None if self.status == "failed" else str(self.job.target)
        return {"input": self.job.name, "output": output, "status": self.status, "reason": self.reason, "warnings": self.warnings}


def collect(inputs: Sequence[Path], output: Path, layout: str = "tree") -> Collection:
    """The photos to do, in order of name; folders are searched to the bottom and keep their tree under `output`, or take the names of another `layout`.

    Raises:
        InputError: when a result would overwrite an input, two inputs would share a result, folders hold no photo, or the output is no place to write to.
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
        raise InputError(f"No photo found in {', '.join(map(str, inputs))}: expected files such as .jpg, .png, .webp, .tif or .bmp.")
    # Two photos of one stem in a folder (a.jpg, a.png) would share <stem>.receipt.json: there the receipts take the whole name.
    stems = Counter(relative.with_suffix("") for _, relative in found)
    jobs = [job_of(path, str(path), relative, output, layout, whole_name=stems[relative.with_suffix("")] > 1) for path, relative in found]
    sources = {path.resolve(): path for path, _ in found}
    taken: dict[Path, Job] = {}
    for job in jobs:
        for place in (job.target, job.receipt):
            if (other := taken.setdefault(place, job)) is not job:
                raise InputError(f"{other.name} and {job.name} would both be written to {place}. Run them separately, with two --output folders.")
        if (source := sources.get(job.target.resolve())) is not None:
            raise InputError(f"{source} would be overwritten by the result of {job.name}. Choose another --output folder.")
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
            raise InputError(f"{job.target} exists and was not written by privacy-faces. Choose another --output folder, or add --overwrite.")


def run(
    engine: Callable[[list[Job]], Iterator[Outcome]],
    collection: Collection,
    fingerprint: str,
    progress: Callable[[Iterator[Outcome], int], Iterable[Outcome]] = lambda outcomes, _: outcomes,
    *,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Do every photo that is not done yet; one photo's failure does not touch the others.

    Args:
        engine: loads what is needed, and does the photos as it is iterated (see `privacy_faces.engines`); called only when there is something to do.
        collection: from `collect`.
        fingerprint: of the plan; what was done with another is done again.
        progress: wraps the outcomes of the photos that remain, and is told their number; called when everything is loaded and before the first photo.
        overwrite: redo what is done.
    """
    todo = []
    for job in collection.jobs:
        receipt = None if overwrite else finished(job, fingerprint)
        if receipt is None:
            todo.append(job)
        else:
            yield Outcome(job, "skipped", receipt=receipt)
    if todo:
        yield from progress(engine(todo), len(todo))


def attempt(anonymizer: Anonymizer, job: Job) -> Outcome:
    """Do one photo, or say why it failed."""
    try:
        return process(anonymizer, job)
    except (ValueError, OSError) as error:
        return Outcome(job, "failed", str(error))
    except Exception as error:  # a defect in one photo's journey must not lose the others
        log.exception("unexpected error on %s", job.name)
        return Outcome(job, "failed", f"unexpected {type(error).__name__}: {error}")


def process(anonymizer: Anonymizer, job: Job) -> Outcome:
    """Do one photo: write it, judge what was written, and put the receipt beside it, which marks it as done.

    Raises:
        ValueError or OSError: with the reason.
    """
    photo, digest = job.read()

    def write(data: bytes) -> bytes:
        job.target.parent.mkdir(parents=True, exist_ok=True)
        # An older receipt must not vouch for the new photo, should the judge not be reached.
        job.receipt.unlink(missing_ok=True)
        write_atomic(job.target, data)
        return job.target.read_bytes()

    try:
        journey, written, verdicts = anonymizer.anonymize(photo, write)
    except Exception:
        if not job.receipt.exists():
            # Either nothing was written yet, or what was written could not be judged: no photo stays without a receipt.
            job.target.unlink(missing_ok=True)
        raise
    receipt = anonymizer.receipt(journey, verdicts, job.name, str(job.target)) | {
        "warnings": told(anonymizer.plan, verdicts),
        "plan_sha256": anonymizer.plan.fingerprint(),
        "input_sha256": digest,
        "output_sha256": hashlib.sha256(written).hexdigest(),
    }
    if job.original is not None:
        save_beside(journey, job.masks, job.original)
    elif anonymizer.plan.run.save_masks:
        save_masks(journey, job)
    write_json(job.receipt, receipt)
    return Outcome(job, "done", receipt=receipt)


def told(plan: Plan, verdicts: list[FaceVerdict]) -> list[str]:
    """What a user must be told about a photo."""
    from privacy_faces.anonymizer import warnings_of

    if verdicts:
        return warnings_of(verdicts)
    return [f"no face found; copied {'with' if plan.run.keep_metadata else 'without'} metadata"]


def finished(job: Job, fingerprint: str) -> dict[str, Any] | None:
    """The receipt of a photo that is already done: same plan, same input, and the file is the one that was judged."""
    try:
        receipt = json.loads(job.receipt.read_text(encoding="utf-8"))
        same = (
            receipt["plan_sha256"] == fingerprint
            and receipt["input_sha256"] == job.digest()
            and (job.original is None or job.original.is_file())
            and receipt["output_sha256"] == hashlib.sha256(job.target.read_bytes()).hexdigest()
        )
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return None
    return dict(receipt) if same else None


def write_run(path: Path, plan: dict[str, Any], outcomes: Sequence[Outcome], ignored: Sequence[str]) -> None:
    """run.json: the resolved options, versions, weights, and what became of every photo."""
    packages = ("torch", "numpy", "pillow", "opencv-python-headless", "dlib-bin")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    photos = [outcome.described() for outcome in outcomes]
    used = {record["id"]: record for outcome in outcomes for record in outcome.receipt.get("weights", ())}
    write_json(
        path,
        {"schema": 1, **plan, "seed": plan["run"]["seed"], "versions": versions, "weights": list(used.values()), "photos": photos, "ignored": list(ignored)},
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Atomically written JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def save_masks(journey: Journey, job: Job) -> None:
    """The mask, and the photo with the mask tinted on it, as PNG under OUTPUT/masks/."""
    if journey.mask is None:
        return
    job.masks.mkdir(parents=True, exist_ok=True)
    stem = job.receipt.name.removesuffix(".receipt.json")
    write_atomic(job.masks / f"{stem}.mask.png", png(journey.mask.astype(np.uint8) * 255))
    write_atomic(job.masks / f"{stem}.overlay.png", png(overlay(journey.photo, journey.mask)))


def save_beside(journey: Journey, mask: Path, original: Path) -> None:
    """The mask and the photo as it was, without metadata, as JPEG files; black where no face was found."""
    hidden = np.zeros(journey.photo.rgb.shape[:2], dtype=bool) if journey.mask is None else journey.mask
    for path, data in ((mask, jpeg(hidden.astype(np.uint8) * 255)), (original, encode_photo(journey.photo))):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)


def _check_writable(output: Path) -> None:
    """Refuse a place where nothing can be written before hours of work are lost there."""
    place = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        problem = "is not writable" if place.is_dir() else "is not a folder"
        raise InputError(f"Cannot write to the output folder {output}: {place} {problem}. Choose another with --output.")


def _files(folder: Path, skip: Path) -> Iterator[Path]:
    """Files below `folder` in order of path, less the output folder if it lies inside, and hidden ones."""
    outputs = skip.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if outputs != folder.resolve() and outputs in path.resolve().parents:
            continue
        yield path


def job_of(source: Path | None, name: str, relative: Path, output: Path, layout: str = "tree", whole_name: bool = False) -> Job:
    """The job of one photo.

    In the layout "tree" its result goes to `output`/`relative`; its receipt takes the stem, or the whole name of the file. In the layout "ppd", that of
    PrivacyPreservingDiffusion, the folder that the photo lies in (or its own name, without one) is the class, and its stem the image.
    """
    if layout == "ppd":
        image, label = relative.stem, relative.parent.name or relative.stem
        target, mask, original = (output / folder / f"{image}-{kind}-label-{label}.jpg" for folder, kind in _PPD)
        return Job(source, name, target, target.with_suffix(".receipt.json"), mask, original)
    target = output / relative
    receipt = target.with_name(f"{target.name if whole_name else target.stem}.receipt.json")
    return Job(source, name, target, receipt, output / "masks" / relative.parent)
