"""Which files of an output folder are ours: those that a receipt of an earlier run names. No other is ever replaced or
removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from privacy_faces.config.files import WriteError, beside, put, readable, sha256_of, stage, staged
from privacy_faces.judge.receipt import Receipt, ReceiptError
from privacy_faces.pipeline.job import Job

RUN_FILE = "run.json"
_FOREIGN = "no receipt of privacy-faces names it; choose another --output folder, or move that file away"


class ForeignFileError(WriteError):
    """A file of somebody else stands where a result should go."""


def receipt_of(job: Job) -> Receipt | None:
    """The receipt of what an earlier run wrote for a job; None where there is none."""
    found = next(_receipts(job), None)
    return found[1] if found else None


def restore_receipt(job: Job) -> None:
    """Bring the receipt to its place that a run, killed between the photo and its receipt, had written already."""
    if job.receipt.exists() or not job.target.is_file():
        return
    written = sha256_of(job.target)
    for path, receipt in _receipts(job):
        if receipt.output_sha256 == written:
            put(path, job.receipt)
            return


def check_places(job: Job, places: list[Path]) -> None:
    """Refuse to write where somebody else's file stands, or through a link out of the output folder.

    Raises:
        ForeignFileError: naming it.
    """
    for place in places:
        for folder in place.parents:
            if folder in (job.root, job.root.parent):
                break
            if folder.is_symlink():
                raise ForeignFileError(
                    f"expected folders below {job.root}, found the link {folder}, which leads elsewhere; choose "
                    "another --output folder, or remove the link"
                )
    standing = [place for place in places if place.exists() or place.is_symlink()]
    if not standing:
        return
    receipt = receipt_of(job)
    named = {readable(name) for name in (job.target.name, job.receipt.name)} | {*receipt.written} if receipt else set()
    for place in standing:
        if readable(place.name) not in named:
            raise ForeignFileError(f"expected to write {place}, found a file there, and {_FOREIGN}")


def set_aside(job: Job) -> Path | None:
    """Rename what an earlier run made of another content of the input, and its receipt, so that nobody takes it for a
    result of today.

    Returns:
        The new name; None where there is nothing of that kind, or the input cannot be read at all.
    """
    restore_receipt(job)
    receipt = receipt_of(job)
    if receipt is None or not job.target.is_file():
        return None
    try:
        if receipt.made_from(job.digest()):
            return None
    except (OSError, ValueError):
        return None
    number, target, place = 0, job.target, job.receipt
    while target.exists() or place.exists():
        number += 1
        ending = ".outdated" if number == 1 else f".outdated-{number}"
        target = job.target.with_name(beside(job.target.stem, f"{ending}{job.target.suffix}"))
        place = job.receipt.with_name(beside(job.receipt.name.removesuffix(".receipt.json"), f"{ending}.receipt.json"))
    output = readable(str(target) if receipt.input else target.name)
    copy = stage(place, receipt.model_copy(update={"output": output}).dump())
    job.target.rename(target)
    put(copy, place)
    job.receipt.unlink()
    return target


def is_run_file(path: Path) -> bool:
    """Whether a file is the run.json of one of our runs."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("schema") == 1 and {"method", "photos"} <= content.keys()


def wrote(folder: Path) -> bool:
    """Whether one of our runs wrote what is in a folder."""
    masked = folder.with_suffix("") if folder.suffix == ".masks" else folder
    return is_run_file(masked / RUN_FILE)


def _receipts(job: Job) -> Iterator[tuple[Path, Receipt]]:
    """Receipts that name the job's photo: in its place, or hidden, where a run was killed."""
    here = [job.receipt] if job.receipt.exists() else []
    for path in [*here, *staged(job.receipt)]:
        try:
            receipt = Receipt.parse(path.read_bytes(), str(path))
        except (OSError, ReceiptError):
            continue
        if receipt.output is not None and Path(receipt.output).name == readable(job.target.name):
            yield path, receipt
