"""Read a photo file into a `Photo`, or refuse it with the reason and the way out.

Every file is recognized by its content, measured from its header before any pixel memory is taken, and decoded whole.
`sniff` does the first, `refuse` has the limits and the messages, `tiff` reads TIFF, `decoded` makes the photo of what a
decoder gives.
"""

from __future__ import annotations

import io
import logging
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.datasets.signatures import BMP_HEADER_SIZES, PNG_SIGNATURE
from privacy_faces.photos.formats.decoded import MODE_OF_CHANNELS, WITH_ALPHA, Decoded, check_image, opencv_16
from privacy_faces.photos.formats.heif import read_avif, read_heif
from privacy_faces.photos.formats.refuse import (
    check_bytes,
    check_frames,
    check_size,
    cut_short,
    damaged,
    decoding,
    sample_bytes,
)
from privacy_faces.photos.formats.sniff import sniff
from privacy_faces.photos.formats.tiff import read_tiff
from privacy_faces.photos.formats.whole import check_jpeg, check_png
from privacy_faces.photos.photo import FORMATS_WITH_16_BITS, MODES_OF_FORMAT, Photo, PhotoError, Samples

log = logging.getLogger(__name__)

# Chunks of a PNG that say what its colors mean (PNG specification, section 11.3.2), with the only length each can have.
PNG_COLORS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
_WEBP_BYTES = sample_bytes("RGBA") + 2  # a pixel: its decoder holds more than others do
MODE_OF_PNG_COLOR_TYPE = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}


def read_photo(source: Path | bytes, max_memory: float = MAX_MEMORY) -> Photo:
    """The photo in a file, or in the bytes of one.

    Raises PhotoError, and nothing else, when it is not a photo that this package can protect, or would take more than
    `max_memory` GiB.
    """
    if isinstance(source, bytes):
        data, suffix = source, ""
    else:
        data, suffix = _read_bytes(source, max_memory), source.suffix.lower()
    if not data:
        raise PhotoError("expected a photo, found an empty file (0 bytes); copy or download it again")
    format = sniff(data, suffix)
    with decoding(format):
        return _READERS[format](data, max_memory).photo(format)


def photo_from_array(image: np.ndarray[Any, Any] | Image.Image, max_memory: float = MAX_MEMORY) -> Photo:
    """The photo of an array, (H, W) or (H, W, C) uint8 or uint16 with C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; or of
    a Pillow image.

    It will be written as PNG, unless the Pillow image was opened from a file of a format that can hold it; CMYK as
    TIFF. Raises PhotoError.
    """
    if isinstance(image, Image.Image):
        with decoding("Pillow image"):
            return _from_pillow(image, max_memory)
    image = _array(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in MODE_OF_CHANNELS:
        raise PhotoError(f"expected an array of shape (H, W) or (H, W, C) with C from 1 to 4, got {image.shape}")
    if image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise PhotoError(
            f"expected uint8 or uint16 samples, got {image.dtype}; scale to 0..255 and use .astype(numpy.uint8)"
        )
    mode = MODE_OF_CHANNELS[channels]
    check_size(image.shape[1], image.shape[0], sample_bytes(mode, image.dtype.itemsize), max_memory)
    native = image.astype(image.dtype.newbyteorder("="))  # a copy: the caller may go on changing the array
    return Photo.from_native(native.reshape(native.shape[:2]) if channels == 1 else native, mode, "PNG")


def _array(image: object) -> np.ndarray[Any, Any]:
    """An array, or what says itself that it is one, such as a tensor on the CPU; no list: its samples have no type."""
    if isinstance(image, np.ndarray):
        return image
    try:
        if hasattr(image, "__array__"):
            return np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:  # such as a tensor on a GPU, or one with a gradient
        raise PhotoError(f"expected an array of samples, got {type(image).__name__}: {error}") from error
    raise PhotoError(
        f"expected a path, the bytes of a file, a Pillow image or an array (H, W, C) of uint8, got "
        f"{type(image).__name__}; numpy.asarray(..., dtype=numpy.uint8) makes an array of lists"
    )


def _from_pillow(image: Image.Image, max_memory: float) -> Photo:
    check_image(image, max_memory)
    if image.format != "MPO":  # of which the first picture is the photo
        check_frames(getattr(image, "n_frames", 1), "an animation")
    decoded = Decoded.from_pillow(image)
    format = "JPEG" if image.format == "MPO" else image.format or "PNG"
    if decoded.mode not in MODES_OF_FORMAT.get(format, ()) or (
        decoded.native.itemsize > 1 and format not in FORMATS_WITH_16_BITS
    ):
        format = "TIFF" if decoded.mode == "CMYK" else "PNG"
    return decoded.photo(format)


def _read_bytes(path: Path, max_memory: float) -> bytes:
    try:
        status = path.stat()
        if regular := stat.S_ISREG(status.st_mode):
            check_bytes(status.st_size, max_memory)
        data = path.read_bytes() if regular else b""
    except PhotoError:
        raise
    except FileNotFoundError as error:
        raise PhotoError(f"expected a photo at {path}, found nothing there; check the path") from error
    except PermissionError as error:
        raise PhotoError(
            f"expected a readable photo at {path}, found permission denied; allow reading it (chmod u+r)"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise PhotoError(f"expected a readable photo at {str(path)!r}, found: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise PhotoError(f"expected a photo, found the folder {path}; name a photo inside it")
    if not regular:
        raise PhotoError(
            f"expected a photo file, found a device, pipe or socket at {path}; copy the photo to a file first"
        )
    return data


def _read_jpeg(data: bytes, max_memory: float) -> Decoded:
    image = JpegImageFile(io.BytesIO(data))  # of an MPO (a JPEG followed by others), the first and primary picture
    check_image(image, max_memory)
    check_jpeg(data)
    if "mp" in image.info:
        log.warning(
            "this JPEG holds further pictures (a gain map or a second view), which the protected photo will not"
        )
    return Decoded.from_pillow(image)


def _read_png(data: bytes, max_memory: float) -> Decoded:
    chunks = _png_chunks(data)
    image = PngImageFile(io.BytesIO(data))
    check_image(image, max_memory, itemsize=2 if data[24] == 16 else 1)
    check_frames(image.n_frames, "an animated PNG")
    check_png(chunks[0][1][8:-4], (chunk[8:-4] for name, chunk in chunks if name == b"IDAT"))
    image.load()
    depth, color_type, key = data[24], data[25], image.info.get("transparency")
    pixels = None
    if depth == 16:  # of which Pillow keeps only 8
        pixels = _decode_png_16(chunks, MODE_OF_PNG_COLOR_TYPE[color_type], key)
    elif depth in (2, 4) and color_type == 0 and key is not None:
        image.info["transparency"] = (
            key * 255 // (2**depth - 1)
        )  # Pillow scales these gray samples to 8 bits, but not their key
    decoded = Decoded.from_pillow(image, pixels)
    colors = {name: chunk[8:-4] for name, chunk in chunks if len(chunk) - 12 == PNG_COLORS.get(name)}
    decoded.png_colors = tuple(colors.items())
    return decoded


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(name, whole chunk) from IHDR to IEND, lengths and checksums verified; Pillow verifies neither for the pixels."""
    chunks: list[tuple[bytes, bytes]] = []
    position = len(PNG_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        length, name = data[position : position + 4], data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(length, "big")
        if end > len(data):
            raise cut_short("PNG", f"{len(data)} bytes, without the end marker")
        if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise damaged("PNG", f"wrong checksum of its chunk {name!r}")
        chunks.append((name, data[position:end]))
        position = end
    return chunks


def _decode_png_16(
    chunks: list[tuple[bytes, bytes]], mode: str, key: int | tuple[int, ...] | None
) -> tuple[Samples, str]:
    # OpenCV gets the pixel chunks only: the others can make it warn on stderr, convert colors, or decode an animation.
    pixels = PNG_SIGNATURE + b"".join(chunk for name, chunk in chunks if name in (b"IHDR", b"IDAT", b"IEND"))
    native = opencv_16(pixels)
    if native is None:
        raise damaged("PNG", "16-bit pixel data")
    if mode == "LA":
        native = native[..., [0, 3]]  # OpenCV gives gray three times
    if key is not None and mode in ("L", "RGB"):  # samples equal to the key are transparent
        native = native.reshape(*native.shape[:2], -1)
        alpha = np.where((native == np.array(key)).all(axis=-1, keepdims=True), np.uint16(0), np.uint16(65535))
        return np.concatenate([native, alpha], axis=-1), WITH_ALPHA[mode]
    return native, mode


def _read_webp(data: bytes, max_memory: float) -> Decoded:
    width, height, lossless = _webp_header(data)
    check_size(width, height, _WEBP_BYTES, max_memory)  # before Pillow opens the file, which takes the memory
    image = WebPImageFile(io.BytesIO(data))
    check_frames(image.n_frames, "an animated WebP")
    decoded = Decoded.from_pillow(image)
    decoded.lossless = lossless
    return decoded


def _webp_header(data: bytes) -> tuple[int, int, bool]:
    """(width, height, whether coded without loss), from the chunks of a WebP container."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise cut_short("WEBP", f"{len(data)} of {end} bytes")
    sizes, lossless, position = [], False, 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if name == b"VP8X":  # the canvas
            width, height = data[body + 4 : body + 7], data[body + 7 : body + 10]
            sizes.append((1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")))
        elif name == b"VP8 ":
            sizes.append(tuple(side & 0x3FFF for side in struct.unpack_from("<HH", data, body + 6)))
        elif name == b"VP8L":
            bits = int.from_bytes(data[body + 1 : body + 5], "little")
            sizes.append((1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)))
            lossless = True
        position = body + length + length % 2
    if not sizes:
        raise damaged("WEBP", "no picture in it")
    return *sizes[0], lossless


def _read_bmp(data: bytes, max_memory: float) -> Decoded:
    image = BmpImageFile(io.BytesIO(data))
    check_image(image, max_memory)
    decoded = Decoded.from_pillow(image)
    if (
        int.from_bytes(data[14:18], "little") == BMP_HEADER_SIZES[-1] and data[70:74] == b"DEBM"
    ):  # 'MBED': an embedded color profile
        offset, length = struct.unpack_from("<II", data, 126)
        decoded.icc_profile = data[14 + offset : 14 + offset + length]
    return decoded


_READERS: dict[str, Callable[[bytes, float], Decoded]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WEBP": _read_webp,
    "TIFF": read_tiff,
    "BMP": _read_bmp,
    "HEIF": read_heif,
    "AVIF": read_avif,
}
