"""Many photos: skip what is done, isolate what fails, write atomically, and say what became of each."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy_faces.config.files import write_atomic
from privacy_faces.judge.receipt import Receipt, ReceiptError
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.overlay import jpeg, overlay, png
from privacy_faces.pipeline.inputs import Collection, Job

if TYPE_CHECKING:
    from privacy_faces.pipeline.protect import Anonymizer, Journey

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one photo: "done", "skipped" (already done with these options) or "failed" (with the reason)."""

    job: Job
    status: str
    reason: str | None = None
    receipt: Receipt | None = None

    @property
    def warnings(self) -> list[str]:
        """What a user must be told, also about a photo that was done by an earlier run."""
        return list(self.receipt.warnings) if self.receipt else []

    def described(self) -> dict[str, Any]:
        """For run.json."""
        output = None if self.status == "failed" else str(self.job.target)
        return {
            "input": self.job.name,
            "output": output,
            "status": self.status,
            "reason": self.reason,
            "warnings": self.warnings,
        }


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
        engine: loads what is needed, and does the photos as it is iterated (see `privacy_faces.pipeline.sharing`);
            called only when there is something to do.
        collection: from `collect`.
        fingerprint: of the plan; what was done with another is done again.
        progress: wraps the outcomes of the photos that remain, and is told their number; called when everything is
            loaded and before the first photo.
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
        return Outcome(job, "done", receipt=process(anonymizer, job))
    except (ValueError, OSError) as error:
        return Outcome(job, "failed", str(error))
    except Exception as error:  # a defect in one photo's journey must not lose the others
        log.exception("unexpected error on %s", job.name)
        return Outcome(job, "failed", f"unexpected {type(error).__name__}: {error}")


def process(anonymizer: Anonymizer, job: Job) -> Receipt:
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
    receipt = anonymizer.receipt(journey, verdicts, job.name, str(job.target)).model_copy(
        update={
            "plan_sha256": anonymizer.plan.fingerprint(),
            "input_sha256": digest,
            "output_sha256": hashlib.sha256(written).hexdigest(),
        }
    )
    if job.original is not None:
        save_beside(journey, job.masks, job.original)
    if anonymizer.plan.run.save_masks:
        save_masks(journey, job)
    write_atomic(job.receipt, receipt.dump())
    return receipt


def finished(job: Job, fingerprint: str) -> Receipt | None:
    """The receipt of a photo that is already done: same plan, same input, and the file is the one that was judged."""
    try:
        receipt = Receipt.parse(job.receipt.read_bytes(), str(job.receipt))
        same = (
            receipt.plan_sha256 == fingerprint
            and receipt.input_sha256 == job.digest()
            and (job.original is None or job.original.is_file())
            and receipt.output_sha256 == hashlib.sha256(job.target.read_bytes()).hexdigest()
        )
    except (OSError, ReceiptError):
        return None
    return receipt if same else None


def write_run(path: Path, plan: dict[str, Any], outcomes: Sequence[Outcome], ignored: Sequence[str]) -> None:
    """run.json: the resolved options, versions, weights, and what became of every photo."""
    packages = ("torch", "numpy", "pillow", "opencv-python-headless", "dlib-bin")
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    photos = [outcome.described() for outcome in outcomes]
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt]
    used = {record.id: record.model_dump() for receipt in receipts for record in receipt.weights}
    write_json(
        path,
        {
            "schema": 1,
            **plan,
            "seed": plan["run"]["seed"],
            "versions": versions,
            "weights": list(used.values()),
            "photos": photos,
            "ignored": list(ignored),
        },
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Atomically written JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def save_masks(journey: Journey, job: Job) -> None:
    """The mask, and the photo with the mask tinted on it, as PNG under OUTPUT/masks/; the overlay alone in a layout
    that keeps masks anyway."""
    if journey.mask is None:
        return
    folder = job.masks if job.original is None else job.masks.parent
    folder.mkdir(parents=True, exist_ok=True)
    stem = job.receipt.name.removesuffix(".receipt.json")
    if job.original is None:
        write_atomic(folder / f"{stem}.mask.png", png(journey.mask.astype(np.uint8) * 255))
    write_atomic(folder / f"{stem}.overlay.png", png(overlay(journey.photo, journey.mask)))


def save_beside(journey: Journey, mask: Path, original: Path) -> None:
    """The mask and the photo as it was, without metadata, as JPEG files; black where no face was found."""
    hidden = np.zeros(journey.photo.rgb.shape[:2], dtype=bool) if journey.mask is None else journey.mask
    for path, data in ((mask, jpeg(hidden.astype(np.uint8) * 255)), (original, encode_photo(journey.photo))):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, data)
