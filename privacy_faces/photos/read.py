"""Read a photo file into a `Photo`, or refuse it with the reason and the way out.

Every file is recognised by its content, measured from its header before any pixel memory is taken, and decoded whole.
"""

from __future__ import annotations

import io
import logging
import math
import re
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from privacy_faces.photos.photo import FORMATS_WITH_16_BITS, MODES_OF_FORMAT, Metadata, Photo, PhotoError, Samples

log = logging.getLogger(__name__)

MAX_PIXELS = 200_000_000  # a 200 megapixel phone camera passes, a decompression bomb does not
MAX_BYTES = 2_000_000_000
MIN_SIDE = 32  # no detector here finds a face in fewer pixels

SUPPORTED = "a JPEG, PNG, WebP, TIFF or BMP photo"
JPEG_END = b"\xff\xd9"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES = {b"\xff\xd8\xff": "JPEG", PNG_SIGNATURE: "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF"}
BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

RAW, HEIC, AVIF = "a camera raw file", "a HEIC (HEIF) photo", "an AVIF picture"
SVG, PSD = "an SVG drawing", "a Photoshop (PSD) document"
UNSUPPORTED_SIGNATURES = (  # (offset, bytes, name); the first match counts
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"8BPS", PSD),
    (0, b"\0\0\x01\0", "an icon (ICO)"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL photo"),
    (0, b"\xff\x0a", "a JPEG XL photo"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 photo"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 photo"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"MM\0+", "a big-endian BigTIFF"),
    (8, b"CR\x02\0", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIRS", RAW),
    (0, b"MMOR", RAW),
    (0, b"IIU\0", RAW),
    (0, b"FOVb", RAW),
    (4, b"ftypcrx ", RAW),
    (4, b"ftypavi", AVIF),
    (4, b"ftyphe", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftypmsf1", HEIC),
    (4, b"ftyp", "a video"),
)
UNSUPPORTED_SUFFIXES = {".heic": HEIC, ".heif": HEIC, ".avif": AVIF, ".svg": SVG, ".psd": PSD}
# Raw files are mostly TIFFs with a small preview as their first picture: protecting the preview would not protect the photo.
RAW_SUFFIX = re.compile(r"\.(3fr|arw|cr2|cr3|crw|dng|iiq|nef|nrw|orf|pef|raf|rw2|sr2|srf|srw)")

# What each Pillow mode becomes; a transparency key or table adds the alpha channel.
MODE_OF_PILLOW_MODE = {
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBX": "RGB", "RGBA": "RGBA", "RGBa": "RGBA",
    "YCbCr": "RGB", "HSV": "RGB", "CMYK": "CMYK",
}  # fmt: skip
WITH_ALPHA = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
MODE_OF_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
MODE_OF_PNG_COLOUR_TYPE = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}

Tag = ExifTags.Base
TAG_PLANAR, TAG_EXTRA_SAMPLES, TAG_SAMPLE_FORMAT, TAG_XMP, TAG_DNG_VERSION = 284, 338, 339, 700, 50706
COLOURS_OF_PHOTOMETRIC = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # TIFF PhotometricInterpretation to number of colour samples
WHITE_IS_ZERO, LAB_PHOTOMETRICS, NO_16_BITS = 0, (8, 9, 10), {3: "palette", 5: "CMYK", 6: "YCbCr"}
SAMPLE_FORMATS = {2: "signed integer", 3: "floating point", 5: "complex", 6: "complex"}
UNCOMPRESSED, LZW = 1, 5
SEPARATE_PLANES = 2
NOT_ALPHA, PREMULTIPLIED_ALPHA = 0, 1
BIGTIFF = 43

_PILLOW_LOCK = threading.Lock()


@dataclass
class _Decoded:
    """A decoded file; `native` (H, W) or (H, W, C) still lies as stored when `orientation` is not 1."""

    native: Samples
    mode: str
    icc_profile: bytes | None = None
    exif: Image.Exif = field(default_factory=Image.Exif)
    orientation: int = 1
    xmp: object = None
    lossless: bool = True

    def photo(self, format: str) -> Photo:
        native = _upright(self.native, self.orientation)
        metadata = Metadata.safe(self.exif, self.xmp, width=native.shape[1], height=native.shape[0])
        return Photo.from_native(native, self.mode, format, icc_profile=self.icc_profile or None, metadata=metadata, lossless=self.lossless)


def read_photo(source: Path | bytes) -> Photo:
    """The photo in a file, or in the bytes of one.

    Raises PhotoError, and nothing else, when it is not a photo that this package can protect.
    """
    data, suffix = (source, "") if isinstance(source, bytes) else (_read_bytes(source), source.suffix.lower())
    if not data:
        raise PhotoError("expected a photo, found an empty file (0 bytes); copy or download it again")
    format = _sniff(data, suffix)
    with _decoding(format):
        return _READERS[format](data).photo(format)


def photo_from_array(image: np.ndarray[Any, Any] | Image.Image) -> Photo:
    """The photo of an array, (H, W) or (H, W, C) uint8 or uint16 with C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; or of a Pillow image.

    It will be written as PNG, unless the Pillow image was opened from a file of a format that can hold it; CMYK as TIFF. Raises PhotoError.
    """
    if isinstance(image, Image.Image):
        with _decoding("Pillow image"):
            return _from_pillow(image)
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim not in (2, 3) or channels not in MODE_OF_CHANNELS:
        raise PhotoError(f"expected an array of shape (H, W) or (H, W, C) with C from 1 to 4, got {image.shape}")
    if image.dtype.kind != "u" or image.dtype.itemsize > 2:
        raise PhotoError(f"expected uint8 or uint16 samples, got {image.dtype}; scale to 0..255 and use .astype(numpy.uint8)")
    _check_size(image.shape[1], image.shape[0])
    native = image.astype(image.dtype.newbyteorder("="))  # a copy: the caller may go on changing the array
    return Photo.from_native(native.reshape(native.shape[:2]) if channels == 1 else native, MODE_OF_CHANNELS[channels], "PNG")


def _from_pillow(image: Image.Image) -> Photo:
    _check_size(*image.size)
    if image.format != "MPO":  # of which the first picture is the photo
        _check_frames(getattr(image, "n_frames", 1), "an animation")
    decoded = _decoded(image, *_samples(image))
    format = "JPEG" if image.format == "MPO" else image.format or "PNG"
    if decoded.mode not in MODES_OF_FORMAT.get(format, ()) or (decoded.native.itemsize > 1 and format not in FORMATS_WITH_16_BITS):
        format = "TIFF" if decoded.mode == "CMYK" else "PNG"
    return decoded.photo(format)


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        regular = stat.S_ISREG(status.st_mode)
        data = path.read_bytes() if regular and status.st_size <= MAX_BYTES else b""
    except FileNotFoundError as error:
        raise PhotoError(f"expected a photo at {path}, found nothing there; check the path") from error
    except PermissionError as error:
        raise PhotoError(f"expected a readable photo at {path}, found permission denied; allow reading it (chmod u+r)") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise PhotoError(f"expected a readable photo at {str(path)!r}, found: {error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise PhotoError(f"expected a photo, found the folder {path}; name a photo inside it")
    if not regular:
        raise PhotoError(f"expected a photo file, found a device, pipe or socket at {path}; copy the photo to a file first")
    if status.st_size > MAX_BYTES:
        raise PhotoError(f"expected a photo of at most {MAX_BYTES:,} bytes, found {status.st_size:,} bytes; export a smaller copy")
    return data


@contextmanager
def _decoding(format: str) -> Iterator[None]:
    """Turns whatever a decoder raises into PhotoError: on hostile bytes Pillow's may raise almost anything.

    Pillow's own size limit is lifted, since `_check_size` measures the header first; its tolerance of cut files, which a library may
    have switched on, is off. These settings and the warning filters belong to the whole process, hence the lock.
    """
    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        except PhotoError:
            raise
        except MemoryError as error:
            raise PhotoError(f"expected enough memory to decode this {format}, found too little; use a smaller copy") from error
        except Exception as error:
            if "truncated" in str(error).lower():
                raise _cut_short(format, str(error)) from error
            raise _damaged(format, f"{type(error).__name__}: {error}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _cut_short(format: str, found: str) -> PhotoError:
    return PhotoError(f"expected a whole {format}, found one cut short ({found}); copy or download it again")


def _damaged(format: str, found: str) -> PhotoError:
    return PhotoError(f"expected an intact {format}, found one that cannot be decoded ({found}); export it again as JPEG or PNG")


def _unsupported(found: str) -> PhotoError:
    return PhotoError(f"expected {SUPPORTED}, found {found}; convert it to JPEG or PNG first")


def _sniff(data: bytes, suffix: str) -> str:
    """The format of `data`: JPEG, PNG, WEBP, TIFF or BMP. Raises PhotoError, naming what else it is where that can be told."""
    if data.startswith((b"GIF87a", b"GIF89a")):
        with _decoding("GIF"):
            _check_frames(GifImageFile(io.BytesIO(data)).n_frames, "an animated GIF")
        raise _unsupported("a GIF")
    for offset, signature, name in UNSUPPORTED_SIGNATURES:
        if data.startswith(signature, offset):
            raise _unsupported(name)
    for signature, format in SIGNATURES.items():
        if data.startswith(signature):
            if format == "TIFF" and RAW_SUFFIX.fullmatch(suffix):
                raise _unsupported(f"{RAW} ({suffix})")
            return format
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in BMP_HEADER_SIZES:
        return "BMP"
    start = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if re.match(rb"\s*(?:<\?xml.*?)?<svg\b", start, re.DOTALL):
        raise _unsupported(SVG)
    if suffix in UNSUPPORTED_SUFFIXES:
        raise _unsupported(UNSUPPORTED_SUFFIXES[suffix])
    if RAW_SUFFIX.fullmatch(suffix):
        raise _unsupported(f"{RAW} ({suffix})")
    # Text has no control bytes but whitespace. Other bytes are left open: they may be of any encoding, or a character cut at the end.
    if all(byte >= ord(" ") or byte in b"\t\n\r\f" for byte in start):
        raise PhotoError(f"expected {SUPPORTED}, found a text file; perhaps a web page or a link was saved in place of the photo")
    raise PhotoError(f"expected {SUPPORTED}, found data of no known image format (first bytes: {data[:8].hex(' ')})")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"expected at most {MAX_PIXELS:,} pixels, found a declared size of {width:,} x {height:,};"
            " resize the photo, or discard the file if it is small (a decompression bomb)"
        )
    if min(width, height) < MIN_SIDE:
        found = f"{width} x {height}, too small to hold a face"
        raise PhotoError(f"expected sides of at least {MIN_SIDE} pixels, found {found}; use a larger copy")


def _check_frames(frames: int, name: str) -> None:
    if frames > 1:
        raise PhotoError(f"expected a single picture, found {name} of {frames} frames; save the frame you want as JPEG or PNG first")


def _read_jpeg(data: bytes) -> _Decoded:
    file = io.BytesIO(data)
    image = JpegImageFile(file)  # of an MPO (a JPEG followed by others), the first and primary picture
    _check_size(*image.size)
    if data.find(JPEG_END, file.tell()) < 0:  # the header is read, so this looks past the thumbnail in it
        raise _cut_short("JPEG", f"{len(data)} bytes, without the end marker")
    return _decoded(image, *_samples(image))


def _read_png(data: bytes) -> _Decoded:
    chunks = _png_chunks(data)
    image = PngImageFile(io.BytesIO(data))
    _check_size(*image.size)
    _check_frames(image.n_frames, "an animated PNG")
    image.load()
    depth, colour_type, key = data[24], data[25], image.info.get("transparency")
    if depth == 16:  # of which Pillow keeps only 8
        return _decoded(image, *_decode_png_16(chunks, MODE_OF_PNG_COLOUR_TYPE[colour_type], key))
    if depth in (2, 4) and colour_type == 0 and key is not None:
        image.info["transparency"] = key * 255 // (2**depth - 1)  # Pillow scales these gray samples to 8 bits, but not their key
    return _decoded(image, *_samples(image))


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(name, whole chunk) from IHDR to IEND, lengths and checksums verified; Pillow verifies neither for the pixels."""
    chunks: list[tuple[bytes, bytes]] = []
    position = len(PNG_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        length, name = data[position : position + 4], data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(length, "big")
        if end > len(data):
            raise _cut_short("PNG", f"{len(data)} bytes, without the end marker")
        if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise _damaged("PNG", f"wrong checksum of its chunk {name!r}")
        chunks.append((name, data[position:end]))
        position = end
    return chunks


def _decode_png_16(chunks: list[tuple[bytes, bytes]], mode: str, key: int | tuple[int, ...] | None) -> tuple[Samples, str]:
    # OpenCV gets the pixel chunks only: the others can make it warn on stderr, convert colours, or decode an animation.
    pixels = PNG_SIGNATURE + b"".join(chunk for name, chunk in chunks if name in (b"IHDR", b"IDAT", b"IEND"))
    native = _opencv_16(pixels)
    if native is None:
        raise _damaged("PNG", "16-bit pixel data")
    if mode == "LA":
        native = native[..., [0, 3]]  # OpenCV gives gray three times
    if key is not None and mode in ("L", "RGB"):  # samples equal to the key are transparent
        native = native.reshape(*native.shape[:2], -1)
        alpha = np.where((native == np.array(key)).all(axis=-1, keepdims=True), np.uint16(0), np.uint16(65535))
        return np.concatenate([native, alpha], axis=-1), WITH_ALPHA[mode]
    return native, mode


def _read_webp(data: bytes) -> _Decoded:
    width, height, lossless = _webp_header(data)
    _check_size(width, height)  # before Pillow opens the file, which takes the memory
    image = WebPImageFile(io.BytesIO(data))
    _check_frames(image.n_frames, "an animated WebP")
    decoded = _decoded(image, *_samples(image))
    decoded.lossless = lossless
    return decoded


def _webp_header(data: bytes) -> tuple[int, int, bool]:
    """(width, height, whether coded without loss), from the chunks of a WebP container."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise _cut_short("WEBP", f"{len(data)} of {end} bytes")
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
        raise _damaged("WEBP", "no picture in it")
    return *sizes[0], lossless


def _read_bmp(data: bytes) -> _Decoded:
    image = BmpImageFile(io.BytesIO(data))
    _check_size(*image.size)
    decoded = _decoded(image, *_samples(image))
    if int.from_bytes(data[14:18], "little") == BMP_HEADER_SIZES[-1] and data[70:74] == b"DEBM":  # 'MBED': an embedded colour profile
        offset, length = struct.unpack_from("<II", data, 126)
        decoded.icc_profile = data[14 + offset : 14 + offset + length]
    return decoded


def _read_tiff(data: bytes) -> _Decoded:
    tags = _tiff_directory(data)
    bits = _check_tiff_samples(tags)
    _check_size(tags[Tag.ImageWidth], tags[Tag.ImageLength])
    _check_tiff_strips(tags, len(data))
    orientation = 1  # Pillow and OpenCV turn TIFFs themselves, tifffile does not
    if bits < 16:
        native, mode = _samples(TiffImageFile(io.BytesIO(data)))
    elif tags.get(Tag.Compression) == LZW:
        native, mode = _tiff_colours_16(_decode_tiff_lzw_16(data, tags), tags)
    else:
        native, mode = _tiff_colours_16(_decode_tiff_16(data), tags)
        orientation = tags.get(Tag.Orientation, 1)
    exif, _ = _exif(lambda: _tiff_exif(data))
    return _Decoded(native, mode, tags.get(Tag.InterColorProfile), exif, orientation, tags.get(TAG_XMP))


def _tiff_directory(data: bytes) -> ImageFileDirectory_v2:
    """The tags of the only page. A later page that is a reduced copy of it (a thumbnail) does not count."""
    header, file = data[:16] if data[2] == BIGTIFF else data[:8], io.BytesIO(data)
    first = offset = ImageFileDirectory_v2(header).next
    pages: dict[int, ImageFileDirectory_v2] = {}
    while offset and offset not in pages:
        page = ImageFileDirectory_v2(header)
        file.seek(offset)
        page.load(file)
        if page.next == first:  # Pillow did not get as far as the link to the next page, and left what the header said
            raise _cut_short("TIFF", f"{len(data)} bytes, without its whole directory")
        pages[offset] = page
        offset = page.next
    tags, *others = pages.values() or [ImageFileDirectory_v2(header)]
    if Tag.ImageWidth not in tags or Tag.ImageLength not in tags:
        raise _damaged("TIFF", "no width or height")
    _check_frames(1 + sum(not page.get(Tag.NewSubfileType, 0) & 1 for page in others), "a TIFF")
    return tags


def _tiff_exif(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data)  # an EXIF block is a TIFF file without pixels, so a TIFF file reads as one
    return exif


def _check_tiff_samples(tags: ImageFileDirectory_v2) -> int:
    """The bits per sample of a TIFF whose samples a `Photo` can hold; PhotoError for any other."""
    if TAG_DNG_VERSION in tags:
        raise _unsupported(f"{RAW} (DNG)")
    photometric, bits = tags.get(Tag.PhotometricInterpretation, 0), set(tags.get(Tag.BitsPerSample, (1,)))
    kinds = [SAMPLE_FORMATS[value] for value in tags.get(TAG_SAMPLE_FORMAT, (1,)) if value in SAMPLE_FORMATS]
    found = None
    if photometric in LAB_PHOTOMETRICS:
        found = "LAB colours"
    elif photometric not in COLOURS_OF_PHOTOMETRIC:
        found = f"photometric interpretation {photometric}"
    elif kinds or len(bits) > 1 or not bits <= {1, 2, 4, 8, 16}:
        found = f"{max(bits)}-bit {''.join(kinds[:1])} samples".replace("  ", " ")
    elif bits == {16} and photometric in NO_16_BITS:
        found = f"16-bit {NO_16_BITS[photometric]} samples"
    if found:
        raise PhotoError(f"expected a TIFF of 8-bit samples, or of 16-bit gray or RGB, found {found}; save it as 8-bit RGB first")
    return int(bits.pop())


def _check_tiff_strips(tags: ImageFileDirectory_v2, file_size: int) -> None:
    """Strips or tiles must all be there and whole: decoders fill missing ones with black, silently."""
    width, height = tags[Tag.ImageWidth], tags[Tag.ImageLength]
    if Tag.TileOffsets in tags:
        offsets, counts = tags[Tag.TileOffsets], tags.get(Tag.TileByteCounts, ())
        expected = math.ceil(width / tags[Tag.TileWidth]) * math.ceil(height / tags[Tag.TileLength])
    else:
        offsets, counts = tags.get(Tag.StripOffsets, ()), tags.get(Tag.StripByteCounts, ())
        expected = math.ceil(height / tags.get(Tag.RowsPerStrip, height))
    if tags.get(TAG_PLANAR, 1) == SEPARATE_PLANES:
        expected *= tags.get(Tag.SamplesPerPixel, 1)
    end = max((offset + count for offset, count in zip(offsets, counts, strict=False)), default=0)
    if end > file_size:
        raise _cut_short("TIFF", f"{file_size} of {end} bytes")
    if min(len(offsets), len(counts)) < expected or 0 in offsets or 0 in counts:
        raise _damaged("TIFF", f"some of its {expected} strips or tiles are missing")
    needed = height * math.ceil(width * sum(tags.get(Tag.BitsPerSample, (1,))) / 8)
    if tags.get(Tag.Compression, UNCOMPRESSED) == UNCOMPRESSED and sum(counts) < needed:
        raise _damaged("TIFF", f"{sum(counts)} of {needed} bytes of pixels")


def _decode_tiff_16(data: bytes) -> Samples:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        samples = page.asarray()
        return np.moveaxis(samples, 0, -1) if samples.ndim == 3 and page.planarconfig == SEPARATE_PLANES else samples


def _decode_tiff_lzw_16(data: bytes, tags: ImageFileDirectory_v2) -> Samples:
    """LZW is the common compression that tifffile alone cannot decode; OpenCV can, but misreads all layouts other than these."""
    channels, separate = tags.get(Tag.SamplesPerPixel, 1), tags.get(TAG_PLANAR, 1) == SEPARATE_PLANES
    if channels not in (1, 3, 4) or (separate and channels > 1):
        raise PhotoError(
            f"expected an LZW-compressed 16-bit TIFF of 1, 3 or 4 interleaved channels, found {channels}{' separate' if separate else ''}"
            " channels; save it with ZIP compression or none"
        )
    samples = _opencv_16(data)
    if samples is None:
        raise _damaged("TIFF", "16-bit LZW pixel data")
    return samples


def _tiff_colours_16(decoded: Samples, tags: ImageFileDirectory_v2) -> tuple[Samples, str]:
    """(samples, mode) of decoded (H, W) or (H, W, C) uint16: white becomes 65535, alpha is divided out of the colours."""
    photometric, extra = tags.get(Tag.PhotometricInterpretation, 0), tags.get(TAG_EXTRA_SAMPLES, ())
    colours = COLOURS_OF_PHOTOMETRIC[photometric]
    samples = decoded.reshape(*decoded.shape[:2], -1).astype(np.uint16)
    colour, alpha = samples[..., :colours], samples[..., colours : colours + 1]
    if photometric == WHITE_IS_ZERO:
        colour = np.invert(colour)
    mode = MODE_OF_CHANNELS[colours]
    if not alpha.size or extra[:1] == (NOT_ALPHA,):
        return (colour[..., 0] if mode == "L" else colour), mode
    if extra[:1] == (PREMULTIPLIED_ALPHA,):
        wide = alpha.astype(np.uint32)  # 65535 * 65535 + 32767 still fits
        colour = np.minimum((colour * np.uint32(65535) + wide // 2) // np.maximum(wide, 1), 65535).astype(np.uint16)
    return np.concatenate([colour, alpha], axis=-1), WITH_ALPHA[mode]


_READERS: dict[str, Callable[[bytes], _Decoded]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WEBP": _read_webp,
    "TIFF": _read_tiff,
    "BMP": _read_bmp,
}


def _opencv_16(data: bytes) -> Samples | None:
    """(H, W), or (H, W, C) with red first; None when OpenCV cannot decode 16-bit samples from `data`."""
    loudness = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it would print to stderr what becomes a PhotoError here
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(loudness)
    if decoded is None or decoded.dtype != np.uint16:
        return None
    samples: Samples = decoded.astype(np.uint16, copy=False)
    return samples if samples.ndim == 2 else samples[..., [2, 1, 0, 3][: samples.shape[2]]]


def _samples(image: Image.Image) -> tuple[Samples, str]:
    """(samples, mode) of a Pillow image, fully decoded."""
    image.load()
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), "L"
    if image.mode not in MODE_OF_PILLOW_MODE:
        raise PhotoError(f"expected gray, RGB, palette or CMYK samples of 8 or 16 bits, found mode {image.mode}; convert it to RGB first")
    mode = WITH_ALPHA.get(image.mode) if "transparency" in image.info else None
    mode = mode or MODE_OF_PILLOW_MODE[image.mode]
    samples = np.array(image if image.mode == mode else image.convert(mode))
    if mode == "CMYK" and image.format in ("JPEG", "MPO") and "adobe" not in image.info:
        np.invert(samples, out=samples)  # Pillow takes every CMYK JPEG for inverted, but only Adobe's are
    return samples, mode


def _decoded(image: Image.Image, native: Samples, mode: str) -> _Decoded:
    exif, orientation = _exif(image.getexif)
    return _Decoded(native, mode, image.info.get("icc_profile"), exif, orientation, image.info.get("xmp"))


def _exif(load: Callable[[], Image.Exif]) -> tuple[Image.Exif, int]:
    """(EXIF, its orientation); an EXIF block that cannot be read counts as none."""
    try:
        exif = load()
        return exif, exif.get(Tag.Orientation, 1)
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
