"""One photo to do: where it comes from, and where each file about it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.config.files import sha256_of
from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.photo import Photo


@dataclass(frozen=True)
class Job:
    """One photo to do.

    Attributes:
        source: where it comes from; None: the sample photo.
        name: for the user.
        target, receipt: where the result goes.
        root: the output folder that all of these lie in.
        masks: the folder for masks that are asked for, or the file of the mask where `original` is given.
        original: where a copy of the photo goes, in a layout that keeps one; such layouts know JPEG only.
    """

    source: Path | None
    name: str
    target: Path
    receipt: Path
    root: Path
    masks: Path
    original: Path | None = None

    def read(self, max_memory: float = MAX_MEMORY) -> tuple[Photo, str]:
        """The photo, which may take so many GiB, and the sha256 of its content."""
        if self.source is None:
            from skimage.data import astronaut

            image = astronaut()
            photo = photo_from_array(image)
            digest = hashlib.sha256(image.tobytes()).hexdigest()
        else:
            photo, digest = read_photo(self.source, max_memory), self.digest()
        return photo if self.original is None else photo.as_jpeg(), digest

    def digest(self) -> str:
        """The sha256 of the input, without decoding it where it is a file."""
        if self.source is None:
            return self.read()[1]
        if not self.source.is_file():  # opening a pipe would wait for ever
            raise FileNotFoundError(f"expected a photo file at {self.source}, found none")
        return sha256_of(self.source)
