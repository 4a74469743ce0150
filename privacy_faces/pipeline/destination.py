"""Where a protected photo goes: a folder, or memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import write_atomic
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.overlay import jpeg, overlay, png
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.job import Job


class Destination(Protocol):
    """Takes one photo. The judge measures what `write` returns, not what it was given."""

    @property
    def source(self) -> str:
        """What the original is called, for the receipt."""

    @property
    def place(self) -> str | None:
        """Where the photo will be, for the receipt; None for memory."""

    def write(self, data: bytes) -> bytes:
        """Put the encoded photo where it belongs, and return the bytes that are there now."""

    def finish(self, receipt: Receipt, original: Photo, protected: Photo, mask: NDArray[np.bool_]) -> Receipt:
        """Keep the receipt, and whatever else was asked for; the photo is done.

        Args:
            receipt: what was done and measured.
            original: the photo as it was.
            protected: the photo as it is now.
            mask: (H, W), the pixels that may have changed.

        Returns:
            The receipt as it was kept.
        """


class Memory:
    """Keeps the bytes that would have been written.

    Attributes:
        data: the encoded photo.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.place = None
        self.data = b""

    def write(self, data: bytes) -> bytes:
        """Keep the bytes."""
        self.data = data
        return data

    def finish(self, receipt: Receipt, original: Photo, protected: Photo, mask: NDArray[np.bool_]) -> Receipt:
        """Nothing more to keep."""
        return receipt


class Folder:
    """The files of one job, each written atomically. The receipt comes last, and marks the photo as done.

    As a context manager it leaves no photo without a receipt behind when something is raised inside.

    Args:
        job: where things go.
        fingerprint: of the plan, by which a later run knows that the photo is done.
        digest: sha256 of the input.
        save_masks: write the mask, and an overlay to look at.
    """

    def __init__(self, job: Job, fingerprint: str, digest: str, save_masks: bool) -> None:
        self.job, self.save_masks = job, save_masks
        self.source, self.place = job.name, str(job.target)
        self._done_by = {"plan_sha256": fingerprint, "input_sha256": digest}

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not self.job.receipt.exists():
            # Either nothing was written yet, or what was written could not be judged.
            self.job.target.unlink(missing_ok=True)

    def write(self, data: bytes) -> bytes:
        """Write the photo, and read it back."""
        self.job.target.parent.mkdir(parents=True, exist_ok=True)
        # An older receipt must not vouch for the new photo, should the judge not be reached.
        self.job.receipt.unlink(missing_ok=True)
        write_atomic(self.job.target, data)
        written = self.job.target.read_bytes()
        self._done_by["output_sha256"] = hashlib.sha256(written).hexdigest()
        return written

    def finish(self, receipt: Receipt, original: Photo, protected: Photo, mask: NDArray[np.bool_]) -> Receipt:
        """Write masks and copies of the original where they are wanted, then the receipt."""
        job = self.job
        if job.original is not None:
            _write(job.masks, jpeg(mask.astype(np.uint8) * 255))
            _write(job.original, encode_photo(original))
        if self.save_masks and receipt.faces:
            folder = job.masks if job.original is None else job.masks.parent
            stem = job.receipt.name.removesuffix(".receipt.json")
            if job.original is None:
                _write(folder / f"{stem}.mask.png", png(mask.astype(np.uint8) * 255))
            _write(folder / f"{stem}.overlay.png", png(overlay(protected, mask)))
        receipt = receipt.model_copy(update=self._done_by)
        write_atomic(job.receipt, receipt.dump())
        return receipt


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)
