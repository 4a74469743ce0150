"""One job of many: whether it is done already, what became of it, and no failure that touches the others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from privacy_faces.config.files import WriteError, readable, sha256_of
from privacy_faces.judge.receipt import Receipt, ReceiptError
from privacy_faces.pipeline.destination import Folder
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.ours import receipt_of, restore_receipt, set_aside

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
        output = None if self.status == "failed" else readable(str(self.job.target))
        return {
            "input": self.job.name,
            "output": output,
            "status": self.status,
            "reason": self.reason,
            "warnings": self.warnings,
        }


def attempt(anonymizer: Anonymizer, job: Job) -> Outcome:
    """Do one photo, or say why it failed."""
    try:
        return Outcome(job, "done", receipt=process(anonymizer, job))
    except Exception as error:  # one photo's failure must not lose the others
        reason = str(error)
        if not isinstance(error, (ValueError, OSError)):
            log.exception("unexpected error on %s", job.name)
            reason = f"unexpected {type(error).__name__}: {error}"
        return Outcome(job, "failed", readable(" ".join([reason, *getattr(error, "__notes__", [])])))


def process(anonymizer: Anonymizer, job: Job) -> Receipt:
    """Do one photo: write it, judge what was written, and put the receipt beside it, which marks it as done.

    Raises:
        ValueError or OSError: with the reason; what an earlier run made of another content of the input is set aside.
    """
    try:
        plan = anonymizer.plan
        photo, digest = job.read(plan.run.max_memory)
        with Folder(job, plan.fingerprint(), digest, plan.run.save_masks, plan.run.receipts) as folder:
            return anonymizer.anonymize(photo, folder)
    except Exception as error:
        try:
            if old := set_aside(job):
                error.add_note(f"(The input is not what it was: the result of an earlier run is now {old}.)")
        except (WriteError, OSError) as also:
            error.add_note(f"(The result of an earlier run, of another input, could not be renamed: {also})")
        raise


def finished(job: Job, fingerprint: str) -> Receipt | None:
    """The receipt of a photo that is already done: same plan, same input, and the file is the one that was judged."""
    try:
        restore_receipt(job)
        receipt = receipt_of(job)
        same = (
            receipt is not None
            and receipt.made_by(fingerprint)
            and receipt.made_from(job.digest())
            and (job.original is None or job.original.is_file())
            and receipt.output_sha256 == sha256_of(job.target)
        )
    except (OSError, ReceiptError):
        return None
    return receipt if same else None
