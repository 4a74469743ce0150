"""A photo as two aligned arrays: `rgb`, what detectors and methods see, and `native`, the samples its file holds.

Keeping both lets a pixel that no method touched go back to the file bit for bit, whatever the file's color model.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms

from privacy_faces.photos.xmp import safe_xmp

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.unsignedinteger[Any]]

# The color models each file format can hold; all of them with 8 bits per sample.
MODES_OF_FORMAT = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("L", "LA", "RGB", "RGBA"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("L", "LA", "RGB", "RGBA", "CMYK"),
    "BMP": ("L", "RGB", "RGBA"),
    "HEIF": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
}
FORMATS_WITH_16_BITS = ("PNG", "TIFF")
COLOR_CHANNELS = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3, "CMYK": 4}  # without alpha

# EXIF is kept by list: any other tag may hold or point to a picture of the old face (thumbnails, previews, Photoshop
# layers).
Tag = ExifTags.Base
KEPT_EXIF_TAGS = (
    Tag.ImageDescription,
    Tag.Make,
    Tag.Model,
    Tag.XResolution,
    Tag.YResolution,
    Tag.ResolutionUnit,
    Tag.Software,
    Tag.DateTime,
    Tag.Artist,
    Tag.HostComputer,
    Tag.Rating,
    Tag.Copyright,
    Tag.XPTitle,
    Tag.XPComment,
    Tag.XPAuthor,
    Tag.XPKeywords,
    Tag.XPSubject,
)

# Out-of-gamut colors are clipped, all others keep their hue; black point compensation keeps shadows apart in print
# profiles.
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_CONVERTED = 1 << 20  # pixels
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


class PhotoError(ValueError):
    """A photo that cannot be read or written; the message is the reason shown to the user."""


@dataclass(frozen=True)
class Metadata:
    """What `keep_metadata` writes back: already safe, that is upright and without any embedded picture of the old
    face."""

    exif: bytes = b""  # "Exif\0\0" and a TIFF block, as Pillow writes it
    xmp: bytes = b""  # an XML packet

    @classmethod
    def safe(cls, exif: Image.Exif, xmp: object, width: int, height: int) -> Metadata:
        """The safe part of a file's EXIF and XMP (bytes, or something else where it has none), for the upright photo of
        this size."""
        upright = b""
        if isinstance(xmp, bytes) and b"\0" not in xmp:  # not UTF-16 or UTF-32, which the patterns cannot search
            upright = safe_xmp(xmp)
        try:
            return cls(_safe_exif(exif, width, height), upright)
        except Exception as error:  # as wide as what Pillow raises on damaged EXIF
            log.warning("the EXIF block is damaged (%s); it cannot be kept in the protected photo", error)
            return cls(xmp=upright)


def _safe_exif(exif: Image.Exif, width: int, height: int) -> bytes:
    kept = Image.Exif()
    for tag in KEPT_EXIF_TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    # Without the maker note, where cameras put previews; its offsets would point nowhere anyway.
    camera = {
        tag: value
        for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items()
        if tag not in (Tag.MakerNote, ExifTags.IFD.Interop)
    }
    camera.update(
        {tag: size for tag, size in ((Tag.ExifImageWidth, width), (Tag.ExifImageHeight, height)) if tag in camera}
    )
    for directory, values in ((ExifTags.IFD.Exif, camera), (ExifTags.IFD.GPSInfo, exif.get_ifd(ExifTags.IFD.GPSInfo))):
        if values:
            kept[directory] = dict(values)
    if not len(kept):
        return b""
    kept[Tag.Orientation] = 1
    return kept.tobytes()


NO_METADATA = Metadata()


@dataclass(frozen=True, eq=False)  # eq: arrays have no single truth value, so photos compare by identity
class Photo:
    """One upright photo. Treat the arrays as read-only: `with_rgb` compares against `rgb` to find what changed.

    rgb: (H, W, 3) uint8 or uint16, EXIF orientation applied, alpha dropped; in the file's own RGB space, sRGB for CMYK
        files.
    native: (H, W) or (H, W, C), same dtype, upright, in the color model `mode`.
    lossless: WebP, HEIC and AVIF, whether the file was (and so will be) coded without loss.
    """

    rgb: Samples
    native: Samples
    mode: str
    format: str
    icc_profile: bytes | None = None
    metadata: Metadata = NO_METADATA
    lossless: bool = True
    png_colors: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def from_native(
        cls,
        native: Samples,
        mode: str,
        format: str,
        *,
        icc_profile: bytes | None = None,
        metadata: Metadata = NO_METADATA,
        lossless: bool = True,
        png_colors: tuple[tuple[bytes, bytes], ...] = (),
    ) -> Photo:
        """The photo of the upright samples `native`, its `rgb` computed from them."""
        native = np.ascontiguousarray(native)
        samples = native.reshape(*native.shape[:2], -1)[..., : COLOR_CHANNELS[mode]]
        if mode == "CMYK" and icc_profile and _cmyk_transforms(icc_profile) is None:
            log.warning(
                "the color profile of this CMYK photo cannot convert CMYK; using the plain CMYK formula, as viewers do"
            )
        rgb = _rgb_of(samples, mode, icc_profile)
        return cls(rgb, native, mode, format, icc_profile, metadata, lossless, png_colors)

    @property
    def height(self) -> int:
        """In pixels, upright."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """In pixels, upright."""
        return int(self.rgb.shape[1])

    @property
    def lossy(self) -> bool:
        """Whether writing the photo changes its pixels."""
        return self.format == "JPEG" or not self.lossless

    def as_jpeg(self) -> Photo:
        """The photo as an 8-bit JPEG file will hold it, in RGB; alpha is dropped. A JPEG stays as it is."""
        if self.format == "JPEG":
            return self
        rgb = self.rgb if self.rgb.dtype == np.uint8 else (self.rgb >> 8).astype(np.uint8)
        # Profiles of gray and CMYK describe samples that are no longer there.
        profile = self.icc_profile if self.mode in ("RGB", "RGBA") else None
        return Photo.from_native(rgb, "RGB", "JPEG", icc_profile=profile, metadata=self.metadata, lossless=False)

    def with_rgb(self, rgb: Samples) -> Photo:
        """The photo that shows `rgb`, (H, W, 3) of the same dtype; a pixel equal to its old rgb keeps its native
        samples bit for bit.

        Changed pixels are converted to the native color model: luma for L and LA, the inverse of the conversion used
            on
        reading for CMYK; alpha stays. `rgb` of the result is what the file will show, so gray where the file is gray.
        Raises ValueError when shape or dtype differ from this photo's.
        """
        if rgb.shape != self.rgb.shape or rgb.dtype != self.rgb.dtype:
            raise ValueError(
                f"expected rgb of shape {self.rgb.shape} and {self.rgb.dtype}, got {rgb.shape} and {rgb.dtype}"
            )
        changed = np.zeros(rgb.shape[:2], dtype=bool)
        for channel in range(3):
            changed |= rgb[..., channel] != self.rgb[..., channel]
        if not changed.any():
            return self
        if self.mode == "RGB":  # of which `rgb` is the samples themselves
            return replace(self, rgb=rgb, native=rgb)
        native = self.native.copy()
        samples = native.reshape(self.height, self.width, -1)[..., : COLOR_CHANNELS[self.mode]]  # a view of `native`
        samples[changed] = _native_of(rgb[changed], self.mode, self.icc_profile)
        shown = self.rgb.copy()
        shown[changed] = _rgb_of(samples[changed], self.mode, self.icc_profile)
        return replace(self, rgb=shown, native=native)


def _rgb_of(samples: Samples, mode: str, icc_profile: bytes | None) -> Samples:
    """(..., C) color samples of `mode` to (..., 3) RGB, same dtype."""
    if mode == "CMYK":
        return _convert(samples, "CMYK", "RGB", icc_profile)
    if COLOR_CHANNELS[mode] == 1:
        return np.repeat(samples, 3, axis=-1)
    return np.ascontiguousarray(samples)


def _native_of(rgb: Samples, mode: str, icc_profile: bytes | None) -> Samples:
    """(N, 3) RGB to (N, C) color samples of `mode`, same dtype."""
    if mode == "CMYK":
        return _convert(rgb, "RGB", "CMYK", icc_profile)
    if COLOR_CHANNELS[mode] == 1:
        # ITU-R BT.601 luma in 16-bit fixed point, as in Pillow. The weights sum to 65536, so gray stays exactly itself.
        wide = rgb.astype(np.uint32)
        luma = (wide[:, 0] * 19595 + wide[:, 1] * 38470 + wide[:, 2] * 7471 + 32768) >> 16
        return luma[:, None].astype(rgb.dtype)
    return rgb


def _convert(samples: Samples, source: str, target: str, icc_profile: bytes | None) -> Samples:
    """(..., C) uint8 between "CMYK" and "RGB": through the file's CMYK profile to sRGB where it has one, else Pillow's
    formula."""
    flat = np.ascontiguousarray(samples).reshape(-1, samples.shape[-1])
    transforms = _cmyk_transforms(icc_profile)
    result = np.empty((len(flat), len(target)), np.uint8)
    for start in range(0, len(flat), _CONVERTED):  # to need little memory
        part = flat[start : start + _CONVERTED]
        image = Image.frombytes(source, (len(part), 1), part)
        converted = image.convert(target) if transforms is None else ImageCms.applyTransform(image, transforms[target])
        result[start : start + _CONVERTED] = np.asarray(converted)[0]
    return result.reshape(*samples.shape[:-1], -1)


def _cmyk_transforms(icc_profile: bytes | None) -> dict[str, ImageCms.ImageCmsTransform] | None:
    """The profile's transforms by target, "RGB" (sRGB) and "CMYK"; None when there is no profile that converts CMYK
    both ways."""
    if not icc_profile:
        return None
    srgb = ImageCms.createProfile("sRGB")
    try:
        cmyk = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        return {
            "RGB": ImageCms.buildTransform(cmyk, srgb, "CMYK", "RGB", _INTENT, _FLAGS),
            "CMYK": ImageCms.buildTransform(srgb, cmyk, "RGB", "CMYK", _INTENT, _FLAGS),
        }
    except (OSError, ImageCms.PyCMSError):  # damaged, or a profile for another color model
        return None
