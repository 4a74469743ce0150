"""All that is special to TIFF: which kinds of it can be read, how they are read and written."""

from __future__ import annotations

import io
import math
import zlib

import numpy as np
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.TiffTags import LONG

from privacy_faces.photos.formats.decoded import (
    MODE_OF_CHANNELS,
    WITH_ALPHA,
    Decoded,
    opencv_16,
    pillow_samples,
    readable_exif,
)
from privacy_faces.photos.formats.refuse import check_frames, check_size, cut_short, damaged, sample_bytes, unsupported
from privacy_faces.photos.formats.sniff import RAW
from privacy_faces.photos.photo import COLOR_CHANNELS, Metadata, Photo, PhotoError, Samples

Tag = ExifTags.Base
TAG_PLANAR, TAG_EXTRA_SAMPLES, TAG_SAMPLE_FORMAT, TAG_XMP, TAG_DNG_VERSION = 284, 338, 339, 700, 50706
COLORS_OF_PHOTOMETRIC = {
    0: 1,
    1: 1,
    2: 3,
    3: 1,
    5: 4,
    6: 3,
}  # TIFF PhotometricInterpretation to number of color samples
WHITE_IS_ZERO, LAB_PHOTOMETRICS, NO_16_BITS = 0, (8, 9, 10), {3: "palette", 5: "CMYK", 6: "YCbCr"}
SAMPLE_FORMATS = {2: "signed integer", 3: "floating point", 5: "complex", 6: "complex"}
UNCOMPRESSED, LZW, DEFLATE = 1, 5, 8
HORIZONTAL_DIFFERENCES = 2  # a predictor
SEPARATE_PLANES = 2
NOT_ALPHA, PREMULTIPLIED_ALPHA, UNASSOCIATED_ALPHA = 0, 1, 2  # what an extra sample may be
BIGTIFF = 43  # in place of the 42 of other TIFFs
STRIP_BYTES = 1 << 18  # small strips let viewers show part of a large photo


def read_tiff(data: bytes, max_memory: float) -> Decoded:
    """A TIFF or little-endian BigTIFF: up to 8 bits by Pillow, 16 bits by tifffile or, with LZW, by OpenCV."""
    tags = _directory(data)
    bits = _check_samples(tags)
    mode = MODE_OF_CHANNELS[COLORS_OF_PHOTOMETRIC[tags.get(Tag.PhotometricInterpretation, 0)]]
    samples, itemsize = tags.get(Tag.SamplesPerPixel, 1), 2 if bits == 16 else 1
    if samples > COLOR_CHANNELS[mode]:
        mode = WITH_ALPHA.get(mode, mode)
    # A decoder takes the memory of a whole tile, however small the picture, and of all samples.
    width, height = tags[Tag.ImageWidth], tags[Tag.ImageLength]
    tile = (max(width, tags.get(Tag.TileWidth, 0)), max(height, tags.get(Tag.TileLength, 0)))
    check_size(*tile, max(sample_bytes(mode, itemsize), samples * itemsize), max_memory)
    check_size(width, height, 0)
    _check_strips(tags, len(data))
    orientation = 1  # Pillow and OpenCV turn TIFFs themselves, tifffile does not
    if bits < 16:
        native, mode = pillow_samples(TiffImageFile(io.BytesIO(data)))
    elif tags.get(Tag.Compression) == LZW:
        native, mode = _colors_16(_decode_lzw_16(data, tags), tags)
    else:
        native, mode = _colors_16(_decode_16(data), tags)
        orientation = tags.get(Tag.Orientation, 1)
    exif, _ = readable_exif(lambda: _exif(data))
    return Decoded(native, mode, tags.get(Tag.InterColorProfile), exif, orientation, tags.get(TAG_XMP))


def _directory(data: bytes) -> ImageFileDirectory_v2:
    """The tags of the only page. A later page that is a reduced copy of it (a thumbnail) does not count."""
    header, file = data[:16] if data[2] == BIGTIFF else data[:8], io.BytesIO(data)
    first = offset = ImageFileDirectory_v2(header).next
    pages: dict[int, ImageFileDirectory_v2] = {}
    while offset and offset not in pages:
        page = ImageFileDirectory_v2(header)
        file.seek(offset)
        page.load(file)
        if page.next == first:  # Pillow did not get as far as the link to the next page, and left what the header said
            raise cut_short("TIFF", f"{len(data)} bytes, without its whole directory")
        pages[offset] = page
        offset = page.next
    tags, *others = pages.values() or [ImageFileDirectory_v2(header)]
    if Tag.ImageWidth not in tags or Tag.ImageLength not in tags:
        raise damaged("TIFF", "no width or height")
    check_frames(1 + sum(not page.get(Tag.NewSubfileType, 0) & 1 for page in others), "a TIFF")
    return tags


def _exif(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data)  # an EXIF block is a TIFF file without pixels, so a TIFF file reads as one
    return exif


def _check_samples(tags: ImageFileDirectory_v2) -> int:
    """The bits per sample of a TIFF whose samples a `Photo` can hold; PhotoError for any other."""
    if TAG_DNG_VERSION in tags:
        raise unsupported(f"{RAW} (DNG)")
    photometric, bits = tags.get(Tag.PhotometricInterpretation, 0), set(tags.get(Tag.BitsPerSample, (1,)))
    kinds = [SAMPLE_FORMATS[value] for value in tags.get(TAG_SAMPLE_FORMAT, (1,)) if value in SAMPLE_FORMATS]
    found = None
    if photometric in LAB_PHOTOMETRICS:
        found = "LAB colors"
    elif photometric not in COLORS_OF_PHOTOMETRIC:
        found = f"photometric interpretation {photometric}"
    elif kinds or len(bits) > 1 or not bits <= {1, 2, 4, 8, 16}:
        found = f"{max(bits)}-bit {''.join(kinds[:1])} samples".replace("  ", " ")
    elif bits == {16} and photometric in NO_16_BITS:
        found = f"16-bit {NO_16_BITS[photometric]} samples"
    if found:
        raise PhotoError(
            f"expected a TIFF of 8-bit samples, or of 16-bit gray or RGB, found {found}; save it as 8-bit RGB first"
        )
    return int(bits.pop())


def _check_strips(tags: ImageFileDirectory_v2, file_size: int) -> None:
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
        raise cut_short("TIFF", f"{file_size} of {end} bytes")
    if min(len(offsets), len(counts)) < expected or 0 in offsets or 0 in counts:
        raise damaged("TIFF", f"some of its {expected} strips or tiles are missing")
    needed = height * math.ceil(width * sum(tags.get(Tag.BitsPerSample, (1,))) / 8)
    if tags.get(Tag.Compression, UNCOMPRESSED) == UNCOMPRESSED and sum(counts) < needed:
        raise damaged("TIFF", f"{sum(counts)} of {needed} bytes of pixels")


def _decode_16(data: bytes) -> Samples:
    """(H, W) or (H, W, C) samples, whether the file keeps channels together or apart."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        samples = page.asarray()
        return np.moveaxis(samples, 0, -1) if samples.ndim == 3 and page.planarconfig == SEPARATE_PLANES else samples


def _decode_lzw_16(data: bytes, tags: ImageFileDirectory_v2) -> Samples:
    """LZW is the common compression that tifffile alone cannot decode; OpenCV can, but misreads all layouts other than
    these."""
    channels, separate = tags.get(Tag.SamplesPerPixel, 1), tags.get(TAG_PLANAR, 1) == SEPARATE_PLANES
    if channels not in (1, 3, 4) or (separate and channels > 1):
        raise PhotoError(
            "expected an LZW-compressed 16-bit TIFF of 1, 3 or 4 interleaved channels, found "
            f"{channels}{' separate' if separate else ''}"
            " channels; save it with ZIP compression or none"
        )
    samples = opencv_16(data)
    if samples is None:
        raise damaged("TIFF", "16-bit LZW pixel data")
    return samples


def _colors_16(decoded: Samples, tags: ImageFileDirectory_v2) -> tuple[Samples, str]:
    """(samples, mode) of decoded (H, W) or (H, W, C) uint16: white becomes 65535, alpha is divided out of the
    colors."""
    photometric, extra = tags.get(Tag.PhotometricInterpretation, 0), tags.get(TAG_EXTRA_SAMPLES, ())
    colors = COLORS_OF_PHOTOMETRIC[photometric]
    samples = decoded.reshape(*decoded.shape[:2], -1).astype(np.uint16)
    color, alpha = samples[..., :colors], samples[..., colors : colors + 1]
    if photometric == WHITE_IS_ZERO:
        color = np.invert(color)
    mode = MODE_OF_CHANNELS[colors]
    if not alpha.size or extra[:1] == (NOT_ALPHA,):
        return (color[..., 0] if mode == "L" else color), mode
    if extra[:1] == (PREMULTIPLIED_ALPHA,):
        wide = alpha.astype(np.uint32)  # 65535 * 65535 + 32767 still fits
        color = np.minimum((color * np.uint32(65535) + wide // 2) // np.maximum(wide, 1), 65535).astype(np.uint16)
    return np.concatenate([color, alpha], axis=-1), WITH_ALPHA[mode]


def encode_tiff(photo: Photo, metadata: Metadata, deflate_level: int) -> bytes:
    """Little-endian TIFF 6.0 with deflated strips; written here because Pillow has no 16-bit color and tifffile no
    EXIF."""
    samples = photo.native.reshape(photo.height, photo.width, -1).astype(
        photo.native.dtype.newbyteorder("<"), copy=False
    )
    channels = samples.shape[2]
    rows = max(1, STRIP_BYTES // (photo.width * channels * samples.itemsize))
    strips = []
    for top in range(0, photo.height, rows):
        strip = samples[top : top + rows]
        differences = np.concatenate(
            [strip[:, :1], np.diff(strip, axis=1)], axis=1
        )  # predictor 2, modulo 2**bits (section 14)
        strips.append(zlib.compress(differences.tobytes(), deflate_level))
    ifd = ImageFileDirectory_v2()
    if metadata.exif:
        exif = Image.Exif()
        exif.load(metadata.exif)
        for tag in exif:
            directory = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
            ifd[tag] = exif.get_ifd(tag) if directory else exif[tag]
    if metadata.xmp:
        ifd[TAG_XMP] = metadata.xmp
    if photo.icc_profile:
        ifd[Tag.InterColorProfile] = photo.icc_profile
    ifd[Tag.ImageWidth], ifd[Tag.ImageLength], ifd[Tag.SamplesPerPixel] = photo.width, photo.height, channels
    ifd[Tag.BitsPerSample] = (8 * samples.itemsize,) * channels
    ifd[Tag.Compression], ifd[Tag.Predictor] = DEFLATE, HORIZONTAL_DIFFERENCES
    ifd[Tag.PhotometricInterpretation] = {"L": 1, "LA": 1, "RGB": 2, "RGBA": 2, "CMYK": 5}[photo.mode]
    if photo.mode in ("LA", "RGBA"):
        ifd[TAG_EXTRA_SAMPLES] = UNASSOCIATED_ALPHA
    ifd[Tag.RowsPerStrip] = rows
    for tag in (Tag.StripOffsets, Tag.StripByteCounts):
        ifd.tagtype[tag] = LONG
    ifd[Tag.StripByteCounts] = tuple(map(len, strips))
    # Relative to the end of the directory: `tobytes` adds where that will be.
    ifd[Tag.StripOffsets] = tuple(int(offset) for offset in np.cumsum([0, *map(len, strips[:-1])]))
    return b"II*\0\x08\0\0\0" + ifd.tobytes(8) + b"".join(strips)
