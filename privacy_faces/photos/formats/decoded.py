"""What the decoders of all formats give: samples as stored, with the metadata that turns them into an upright
`Photo`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import ExifTags, Image

from privacy_faces.photos.formats.icc import colors_only
from privacy_faces.photos.formats.refuse import check_size, sample_bytes
from privacy_faces.photos.photo import Metadata, Photo, PhotoError, Samples

log = logging.getLogger(__name__)

# What each Pillow mode becomes; a transparency key or table adds the alpha channel.
MODE_OF_PILLOW_MODE = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "CMYK": "CMYK",
}
WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
BAND = 256  # rows
MODE_OF_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass
class Decoded:
    """A decoded file; `native` (H, W) or (H, W, C) still lies as stored when `orientation` is not 1."""

    native: Samples
    mode: str
    icc_profile: bytes | None = None
    exif: Image.Exif = field(default_factory=Image.Exif)
    orientation: int = 1
    xmp: object = None
    lossless: bool = True
    png_colors: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def from_pillow(cls, image: Image.Image, pixels: tuple[Samples, str] | None = None) -> Decoded:
        """A Pillow image with its metadata; `pixels` is (native, mode) where something other than Pillow has decoded
        them."""
        native, mode = pixels or pillow_samples(image)
        exif, orientation = readable_exif(image.getexif)
        return cls(native, mode, image.info.get("icc_profile"), exif, orientation, image.info.get("xmp"))

    def photo(self, format: str) -> Photo:
        """The upright photo, to be written as `format`."""
        native = _upright(self.native, self.orientation)
        metadata = Metadata.safe(self.exif, self.xmp, width=native.shape[1], height=native.shape[0])
        return Photo.from_native(
            native,
            self.mode,
            format,
            icc_profile=colors_only(self.icc_profile),
            metadata=metadata,
            lossless=self.lossless,
            png_colors=self.png_colors,
        )


def pillow_samples(image: Image.Image) -> tuple[Samples, str]:
    """(native, mode) of a Pillow image, fully decoded."""
    image.load()
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), "L"
    if image.mode not in MODE_OF_PILLOW_MODE:
        raise PhotoError(
            f"expected gray, RGB, palette or CMYK samples of 8 or 16 bits, found mode {image.mode}; convert it to RGB "
            "first"
        )
    mode = _mode_of(image)
    channels = len(Image.new(mode, (1, 1)).getbands())
    samples = np.empty((image.height, image.width, channels)[: 2 if channels == 1 else 3], np.uint8)
    for top in range(0, image.height, BAND):  # to need little memory: Pillow copies what it gives, twice
        band = image.crop((0, top, image.width, min(top + BAND, image.height)))
        samples[top : top + BAND] = np.asarray(band if band.mode == mode else band.convert(mode))
    if mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        np.invert(samples, out=samples)  # Pillow takes every CMYK JPEG for inverted, but only Adobe's are
    return samples, mode


def _mode_of(image: Image.Image) -> str:
    mode = WITH_ALPHA.get(image.mode) if "transparency" in image.info else None
    return mode or MODE_OF_PILLOW_MODE[image.mode]


def check_image(image: Image.Image, max_memory: float, itemsize: int = 1, more: int = 0) -> None:
    """Refuses an image whose header, all that is read yet, declares too much or too little; see `check_size`. `more`
    bytes a pixel are what its decoder or encoder takes beyond the samples."""
    itemsize = 2 if image.mode.startswith("I;16") else itemsize
    mode = _mode_of(image) if image.mode in MODE_OF_PILLOW_MODE else "L"  # refused later, or 16-bit gray
    check_size(image.width, image.height, sample_bytes(mode, itemsize) + more, max_memory)


def opencv_16(data: bytes) -> Samples | None:
    """(H, W), or (H, W, C) with red first; None when OpenCV cannot decode 16-bit samples from `data`."""
    loudness = cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # it would print to stderr what becomes a PhotoError here
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(loudness)
    if decoded is None or decoded.dtype != np.uint16:
        return None
    samples: Samples = decoded.astype(np.uint16, copy=False)
    return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]


def readable_exif(load: Callable[[], Image.Exif]) -> tuple[Image.Exif, int]:
    """(EXIF, its orientation); an EXIF block that cannot be read counts as none."""
    try:
        exif = load()
        return exif, exif.get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # as wide as what Pillow raises on damaged EXIF; the pixels are fine
        log.warning("the EXIF block cannot be read (%s); it is ignored and the photo taken as upright", error)
        return Image.Exif(), 1


def _upright(native: Samples, orientation: int) -> Samples:
    """`native` turned as EXIF orientation 2 to 8 asks (EXIF 2.32, tag 0x0112); any other value leaves it."""
    across = (1, 0, *range(2, native.ndim))
    turns: dict[int, Callable[[], Samples]] = {
        2: lambda: native[:, ::-1],
        3: lambda: native[::-1, ::-1],
        4: lambda: native[::-1],
        5: lambda: native.transpose(across),
        6: lambda: np.rot90(native, -1),
        7: lambda: native[::-1, ::-1].transpose(across),
        8: lambda: np.rot90(native),
    }
    return turns[orientation]() if orientation in turns else native
