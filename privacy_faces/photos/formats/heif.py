"""HEIC and AVIF, the formats of phones: by libheif (the package pillow-heif) and by Pillow's own libavif."""

from __future__ import annotations

import io
import logging
from typing import Any

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile

from privacy_faces.config.extras import install_extra
from privacy_faces.photos.formats.decoded import Decoded, check_image
from privacy_faces.photos.formats.refuse import check_frames
from privacy_faces.photos.photo import Metadata, Photo, PhotoError

log = logging.getLogger(__name__)

QUALITY = 95
# What the encoders hold of each pixel (some 40 and 30 bytes, measured) while its samples lie there four times: as much
# as if a pixel had so many bytes more, see `refuse.COPIES`.
AVIF_BYTES, HEIC_BYTES = 7, 3


def _library() -> Any:
    try:
        import pillow_heif
    except ImportError:
        raise PhotoError(
            f"HEIC photos need the package pillow-heif. Install it: {install_extra('heif')}; or convert the photo to "
            "JPEG or PNG first"
        ) from None
    return pillow_heif


def read_heif(data: bytes, max_memory: float) -> Decoded:
    """The primary picture of a HEIC (HEIF) file, upright, in 8 bits."""
    image = _library().HeifImageFile(io.BytesIO(data))
    check_image(image, max_memory, more=HEIC_BYTES)
    info = image.info
    left = [
        name
        for name, there in (
            ("further pictures", image.n_frames > 1),
            ("a gain map or another helper picture", info.get("aux")),
            ("a depth map", info.get("depth_images")),
            ("bits beyond 8", info.get("bit_depth", 8) > 8),
        )
        if there
    ]
    if left:
        log.warning("this HEIC photo holds %s, which the protected photo will not", " and ".join(left))
    decoded = Decoded.from_pillow(image)
    decoded.orientation, decoded.lossless = 1, False  # libheif has turned it
    return decoded


def read_avif(data: bytes, max_memory: float) -> Decoded:
    """A still AVIF picture, in 8 bits."""
    image = AvifImageFile(io.BytesIO(data))
    check_image(image, max_memory, more=AVIF_BYTES)
    check_frames(image.n_frames, "an animated AVIF")
    decoded = Decoded.from_pillow(image)
    decoded.lossless = False
    return decoded


def encode_heif(photo: Photo, metadata: Metadata) -> bytes:
    """A HEIC file, lossy, with whole color resolution."""
    file, more = io.BytesIO(), {"exif": metadata.exif, "xmp": metadata.xmp, "icc_profile": photo.icc_profile}
    heif = _library().from_bytes(photo.mode, (photo.width, photo.height), photo.native.tobytes())
    heif.save(file, quality=QUALITY, chroma=444, **{name: value for name, value in more.items() if value})
    return file.getvalue()


def encode_avif(photo: Photo, metadata: Metadata) -> bytes:
    """An AVIF file, lossy, with whole color resolution."""
    file, more = io.BytesIO(), {"exif": metadata.exif, "xmp": metadata.xmp, "icc_profile": photo.icc_profile}
    image = Image.frombytes(photo.mode, (photo.width, photo.height), np.ascontiguousarray(photo.native))
    given = {name: value for name, value in more.items() if value}
    image.save(file, "AVIF", quality=QUALITY, subsampling="4:4:4", **given)
    return file.getvalue()
