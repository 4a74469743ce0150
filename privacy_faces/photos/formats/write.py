"""Encode a `Photo` in its own file format."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from privacy_faces.photos.formats.heif import encode_avif, encode_heif
from privacy_faces.photos.formats.tiff import encode_tiff
from privacy_faces.photos.photo import FORMATS_WITH_16_BITS, MODES_OF_FORMAT, NO_METADATA, Metadata, Photo, PhotoError

QUALITY = 95  # of JPEG and lossy WebP
DEFLATE_LEVEL = 4  # twice as fast as zlib's usual 6, and photos come out as small
PNG_ROWS = 256  # filtered at a time, to need little memory
BMP_PLAIN_HEADER, BMP_V5_HEADER = 40, 124


def encode_photo(photo: Photo, keep_metadata: bool = False) -> bytes:
    """The bytes of the photo's file, in its own format and color model; the same photo always gives the same bytes.

    The color profile is always kept, as far as colors are computed from it. `keep_metadata` adds EXIF (upright, no
    thumbnail) and XMP, where the format can carry them. Raises PhotoError when the format cannot hold the photo or
    its metadata.
    """
    bits = 8 * photo.native.itemsize
    if photo.mode not in MODES_OF_FORMAT.get(photo.format, ()) or (
        bits != 8 and photo.format not in FORMATS_WITH_16_BITS
    ):
        raise PhotoError(
            f"expected a photo that {photo.format} can hold, got {bits}-bit {photo.mode}; write it as PNG or TIFF"
        )
    try:
        return _ENCODERS[photo.format](photo, photo.metadata if keep_metadata else NO_METADATA)
    except (
        OSError,
        ValueError,
        struct.error,
    ) as error:  # such as a picture or a metadata block beyond the limits of the format
        hint = "leave out --keep-metadata, or write it as PNG" if keep_metadata else "write it as PNG or TIFF"
        raise PhotoError(
            f"expected a photo that {photo.format} can hold, found that it cannot ({error}); {hint}"
        ) from error


def _save(photo: Photo, **options: Any) -> bytes:
    """Encoded by Pillow; options that are empty are left out."""
    file = io.BytesIO()
    image = Image.frombytes(photo.mode, (photo.width, photo.height), np.ascontiguousarray(photo.native))
    image.save(
        file,
        photo.format,
        icc_profile=photo.icc_profile,
        **{name: value for name, value in options.items() if value != b""},
    )
    return file.getvalue()


def _jpeg(photo: Photo, metadata: Metadata) -> bytes:
    # 4:4:4: halved color resolution would smear the face's colors. CMYK is never subsampled.
    return _save(photo, quality=QUALITY, subsampling="4:4:4", exif=metadata.exif, xmp=metadata.xmp)


def _webp(photo: Photo, metadata: Metadata) -> bytes:
    # exact: keep the colors under transparent pixels.
    return _save(photo, quality=QUALITY, lossless=photo.lossless, exact=True, exif=metadata.exif, xmp=metadata.xmp)


def _png(photo: Photo, metadata: Metadata) -> bytes:
    if photo.native.itemsize == 1:
        text = PngImagePlugin.PngInfo()
        for name, body in photo.png_colors:
            text.add(name, body)
        if metadata.xmp:
            text.add_itxt("XML:com.adobe.xmp", metadata.xmp)
        return _save(photo, pnginfo=text, exif=metadata.exif, compress_level=DEFLATE_LEVEL)
    # Pillow cannot write 16-bit color, so the few chunks are written here (PNG specification, sections 5 and 9).
    color_type = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[photo.mode]
    step = photo.native[0, 0].nbytes
    deflate, deflated = zlib.compressobj(DEFLATE_LEVEL), []
    for top in range(0, photo.height, PNG_ROWS):
        rows = photo.native[top : top + PNG_ROWS]
        raw = np.ascontiguousarray(rows, ">u2").reshape(len(rows), -1).view(np.uint8)
        # Filter "Sub": each byte minus that of the pixel before, modulo 256.
        filtered = np.concatenate(
            [np.full((len(rows), 1), 1, np.uint8), raw[:, :step], raw[:, step:] - raw[:, :-step]], axis=1
        )
        deflated.append(deflate.compress(filtered.tobytes()))
    deflated.append(deflate.flush())
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", photo.width, photo.height, 16, color_type, 0, 0, 0))]
    # A profile says more than sRGB, and stands without it.
    chunks += [chunk for chunk in photo.png_colors if not (photo.icc_profile and chunk[0] == b"sRGB")]
    if photo.icc_profile:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(photo.icc_profile)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    chunks += [(b"IDAT", b"".join(deflated)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _bmp(photo: Photo, _metadata: Metadata) -> bytes:
    """BMP carries no EXIF or XMP; alpha and a color profile need its version 5 header, which Pillow does not write."""
    samples = photo.native.reshape(photo.height, photo.width, -1)
    channels = samples.shape[2]
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    rows = np.zeros((photo.height, -(-photo.width * channels // 4) * 4), np.uint8)  # padded to whole 32-bit words
    rows[:, : photo.width * channels] = samples[::-1, :, order].reshape(photo.height, -1)  # bottom row first
    palette = b"".join(bytes((gray, gray, gray, 0)) for gray in range(256)) if channels == 1 else b""
    profile = photo.icc_profile or b""
    size = BMP_V5_HEADER if profile or photo.mode == "RGBA" else BMP_PLAIN_HEADER
    compression = 3 if photo.mode == "RGBA" else 0  # channels by bit mask, or plain
    header = struct.pack(
        "<IiiHHIIiiII", size, photo.width, photo.height, 1, 8 * channels, compression, rows.size, 0, 0, 0, 0
    )
    offset = 14 + size + len(palette)
    if size == BMP_V5_HEADER:
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000 if photo.mode == "RGBA" else 0)
        color_space = b"DEBM" if profile else b"BGRs"  # 'MBED' or 'sRGB', little-endian
        profile_offset = offset - 14 + rows.size if profile else 0
        header += struct.pack("<4I4s48xIIII", *masks, color_space, 4, profile_offset, len(profile), 0)
    length = 14 + len(header) + len(palette) + rows.size + len(profile)
    return b"".join([struct.pack("<2sIHHI", b"BM", length, 0, 0, offset), header, palette, rows.data, profile])


_ENCODERS: dict[str, Callable[[Photo, Metadata], bytes]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "TIFF": partial(encode_tiff, deflate_level=DEFLATE_LEVEL),
    "BMP": _bmp,
    "HEIF": encode_heif,
    "AVIF": encode_avif,
}
