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
from typing import TYPE_CHECKING, Any, Literal

from privacy_faces.config.files import write_atomic
from privacy_faces.judge.receipt import Receipt, ReceiptError
from privacy_faces.pipeline.destination import Folder
from privacy_faces.pipeline.inputs import Collection
from privacy_faces.pipeline.job import Job

if TYPE_CHECKING:
    from privacy_faces.pipeline.anonymizer import Anonymizer

log = logging.getLogger(__name__)


#: pending: the run was started, and has not come to the photo yet.
Status = Literal["done", "skipped", "failed", "pending"]


@dataclass(frozen=True)
class Outcome:
    """What became of one photo: "done", "skipped" (already done with these options) or "failed" (with the reason)."""

    job: Job
    status: Status
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
    plan = anonymizer.plan
    with Folder(job, plan.fingerprint(), digest, plan.run.save_masks) as folder:
        return anonymizer.anonymize(photo, folder)


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
