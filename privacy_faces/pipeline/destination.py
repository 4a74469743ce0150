"""Where a protected photo goes: a folder, or memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import hidden, put, readable, stage
from privacy_faces.judge.receipt import Receipt, salted
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.overlay import jpeg, overlay, png
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.ours import check_places, restore_receipt


class Destination(Protocol):
    """Takes one photo. The judge measures what `write` returns, not what it was given."""

    @property
    def source(self) -> str:
        """What the original is called, for the receipt."""

    @property
    def digest(self) -> str | None:
        """The sha256 of the original's file; None where there is no file."""

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

    def __init__(self, source: str, digest: str | None = None) -> None:
        self.source = source
        self.digest = digest
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
    """The files of one job. All of them are written whole under hidden names first, and come to their places together
    when the photo has been judged; until then, and when anything is raised, what an earlier run wrote stays as it is.

    Args:
        job: where things go.
        fingerprint: of the plan, by which a later run knows that the photo is done.
        digest: sha256 of the input.
        save_masks: write the mask, and an overlay to look at.
        receipts: what the receipt tells, see `RunOptions`.
    """

    def __init__(
        self, job: Job, fingerprint: str, digest: str, save_masks: bool, receipts: Literal["short", "full", "none"]
    ) -> None:
        self.job, self.save_masks, self.receipts = job, save_masks, receipts
        self.source, self.place = job.name, readable(str(job.target))
        self.digest: str | None = digest
        self._fingerprint, self._digest = fingerprint, digest
        self._output_sha256 = ""
        self._staged: dict[Path, Path] = {}  # place -> hidden file

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hidden_file in self._staged.values():
            hidden_file.unlink(missing_ok=True)

    def write(self, data: bytes) -> bytes:
        """Write the photo, under a hidden name, and read it back."""
        self._stage(self.job.target, data)
        written = self._staged[self.job.target].read_bytes()
        self._output_sha256 = hashlib.sha256(written).hexdigest()
        return written

    def finish(self, receipt: Receipt, original: Photo, protected: Photo, mask: NDArray[np.bool_]) -> Receipt:
        """Write masks and copies of the original where they are wanted, then the receipt."""
        job = self.job
        if job.original is not None:
            self._stage(job.masks, jpeg(mask.astype(np.uint8) * 255))
            self._stage(job.original, encode_photo(original))
        if self.save_masks and receipt.faces:
            folder = job.masks if job.original is None else job.masks.parent
            stem = job.receipt.name.removesuffix(".receipt.json")
            if job.original is None:
                self._stage(folder / f"{stem}.mask.png", png(mask.astype(np.uint8) * 255))
            self._stage(folder / f"{stem}.overlay.png", png(overlay(protected, mask)))
        receipt = receipt.model_copy(
            update={
                "written": [readable(place.name) for place in self._staged],
                "plan_sha256": self._fingerprint,
                "input_sha256": self._digest,
                "output_sha256": self._output_sha256,
                "plan_salted": salted(self._fingerprint, self._output_sha256),
                "input_salted": salted(self._digest, self._output_sha256),
            }
        )
        # Again: somebody may have put a file there while the photo was judged.
        check_places(job, [*self._staged, job.receipt])
        # The receipt comes last, and marks the photo as done.
        photo = self._staged.pop(job.target)
        self._staged[job.target] = photo
        if self.receipts != "none":
            self._staged[job.receipt] = stage(
                job.receipt, (receipt if self.receipts == "full" else receipt.short()).dump()
            )
        self._put_in_place()
        return receipt

    def _stage(self, place: Path, data: bytes) -> None:
        check_places(self.job, [place])
        place.parent.mkdir(parents=True, exist_ok=True)
        self._staged[place] = stage(place, data)

    def _put_in_place(self) -> None:
        """At no moment does a receipt lie beside a photo that it was not made for."""
        old = hidden(self.job.receipt)
        if self.job.receipt.exists():
            self.job.receipt.rename(old)
        try:
            for place, hidden_file in self._staged.items():
                put(hidden_file, place)
        except BaseException:
            restore_receipt(self.job)
            if old.exists() and not self.job.receipt.exists() and self._staged[self.job.target].exists():
                old.rename(self.job.receipt)  # of a photo that somebody changed, and that stands there still
            raise
        finally:
            old.unlink(missing_ok=True)
