"""Photo files to test with, written by Pillow, tifffile, OpenCV or byte by byte: never by the code under test."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from privacy_faces.photos.formats.icc import colors_only

HEIGHT, WIDTH = 40, 56
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB_KEPT = colors_only(SRGB)  # what is left of it once it was read; tests/photos/test_icc.py tests that
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Array = npt.NDArray[Any]
Make = Callable[[], bytes]
MakeStored = Callable[[Array, str, int], bytes]  # of stored samples, mode and orientation
TiffTags = dict[int, tuple[int, int | bytes] | None]  # tag: (type, value), or None to remove it


def pixels(mode: str, dtype: Any = np.uint8, seed: int = 0) -> Array:
    """Noise, so that no two places or channels can be confused, with pure black, white and transparent pixels in it."""
    top = np.iinfo(dtype).max
    samples: Array = np.random.default_rng(seed).integers(0, top + 1, (HEIGHT, WIDTH, CHANNELS[mode])).astype(dtype)
    samples[0, 0], samples[0, 1] = 0, top
    return samples[..., 0] if mode == "L" else samples


def smooth(mode: str) -> Array:
    """Gentle gradients, which lossy coding keeps."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = [3 * x + 40, 4 * y + 30, 200 - x - y, 100 + x][: CHANNELS[mode]]
    samples = np.stack(channels, axis=-1).astype(np.uint8)
    return samples[..., 0] if mode == "L" else samples


RGB = Image.fromarray(pixels("RGB"))


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def animation(format: str, frames: int = 3) -> bytes:
    first, *others = [Image.fromarray(pixels("RGB", seed=seed)) for seed in range(frames)]
    return saved(first, format, save_all=True, append_images=others)


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


def as_stored(upright: Array, orientation: int) -> Array:
    """How a camera stores `upright`: EXIF 2.32 table 6 says which visual side the 0th row and the 0th column are."""
    row, column = {
        1: ("top", "left"),
        2: ("top", "right"),
        3: ("bottom", "right"),
        4: ("bottom", "left"),
        5: ("left", "top"),
        6: ("right", "top"),
        7: ("right", "bottom"),
        8: ("left", "bottom"),
    }[orientation]
    stored = upright.swapaxes(0, 1) if row in ("left", "right") else upright
    stored = stored[::-1] if row in ("bottom", "right") else stored
    return np.ascontiguousarray(stored[:, ::-1] if column in ("right", "bottom") else stored)


def pillow_file(format: str, **options: Any) -> MakeStored:
    def make(stored: Array, mode: str, orientation: int) -> bytes:
        image = Image.frombytes(mode, stored.shape[1::-1], stored.tobytes())
        return saved(image, format, exif=exif_block(orientation), icc_profile=SRGB, **options)

    return make


# ----------------------------------------------------------------------------------------------------------------
# PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of_rows(size: tuple[int, int], depth: int, color_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of this (width, height) and of `rows`, each with its filter byte; `extra` chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, 0))
    return PNG_SIGNATURE + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png(samples: Array, mode: str, extra: bytes = b"") -> bytes:
    height, width = samples.shape[:2]
    rows = samples.astype(f">u{samples.itemsize}").reshape(height, -1).view(np.uint8)
    padded = np.pad(rows, ((0, 0), (1, 0)))
    return png_of_rows(
        (width, height), 8 * samples.itemsize, {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode], padded.tobytes(), extra
    )


def png_file(stored: Array, mode: str, orientation: int) -> bytes:
    return png(
        stored, mode, chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)) + chunk(b"eXIf", exif_block(orientation)[6:])
    )


# ----------------------------------------------------------------------------------------------------------------
# TIFF


def tiff(samples: Array, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **{"metadata": None, **options})
    return file.getvalue()


def tifffile_file(**options: Any) -> MakeStored:
    def make(stored: Array, mode: str, orientation: int) -> bytes:
        alpha = {"extrasamples": ["unassalpha"]} if mode in ("LA", "RGBA") else {}
        photometric = {"L": "minisblack", "LA": "minisblack", "CMYK": "separated"}.get(mode, "rgb")
        planes = np.moveaxis(stored, -1, 0) if options.get("planarconfig") == "separate" else stored
        tags = [(274, "H", 1, orientation, False)]
        return tiff(planes, photometric=photometric, iccprofile=SRGB, extratags=tags, **alpha, **options)

    return make


def blue_first(samples: Array) -> Array:
    """As OpenCV orders channels; gray stays."""
    return samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., [2, 1, 0, 3][: samples.shape[2]]])


def opencv_lzw_file(stored: Array, mode: str, orientation: int) -> bytes:
    _, encoded = cv2.imencode(".tiff", blue_first(stored), [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    return with_tiff_tags(encoded.tobytes(), {274: (3, orientation), 34675: (7, SRGB)})


def with_tiff_tags(data: bytes, changes: TiffTags) -> bytes:
    """`data`, a little-endian TIFF, with a new directory at its end."""
    offset = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, offset)[0]
    old = [data[start : start + 12] for start in range(offset + 2, offset + 2 + 12 * count, 12)]
    entries = {struct.unpack_from("<H", entry)[0]: entry for entry in old}
    data += b"\0" * (len(data) % 2)
    for tag, change in changes.items():
        entries.pop(tag, None)
        if change is None:
            continue
        kind, value = change
        if isinstance(value, bytes):
            entries[tag] = struct.pack("<HHII", tag, kind, len(value), len(data))
            data += value + b"\0" * (len(value) % 2)
        else:
            entries[tag] = struct.pack("<HHII", tag, kind, 1, value)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


# ----------------------------------------------------------------------------------------------------------------
# CMYK


def cmyk_jpeg(samples: Array, **options: Any) -> bytes:
    return saved(Image.frombytes("CMYK", samples.shape[1::-1], samples.tobytes()), "JPEG", quality=100, **options)


def cmyk_profile() -> bytes:
    """A small printer profile (ICC.1:2001-04, 'mft1' tables) of inks twice as light as the plain formula assumes."""

    def lut(inputs: int, outputs: int, grid: int, table: Array) -> bytes:
        identity = (np.eye(3) * 65536).astype(">i4").tobytes()
        curve = bytes(range(256))
        entries = np.clip(np.rint(table), 0, 255).astype(np.uint8).tobytes()
        return (
            b"mft1\0\0\0\0" + bytes([inputs, outputs, grid, 0]) + identity + curve * inputs + entries + curve * outputs
        )

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")

    def lab_of(inks: Array) -> Array:
        rgb = np.rint((1 - inks[:, :3] / 2) * (1 - inks[:, 3:]) * 255).astype(np.uint8)
        lab: Array = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb[None]), to_lab))[0].astype(np.uint8)
        return lab ^ np.array(
            [0, 0x80, 0x80], np.uint8
        )  # Pillow stores a and b signed, the table with an offset of 128

    def grid(points: int, axes: int) -> Array:
        return np.stack(np.meshgrid(*[np.linspace(0, 1, points)] * axes, indexing="ij"), -1).reshape(-1, axes)

    # Back from Lab by a search for the nearest color, as little black as possible: rough, but enough to tell
    # directions apart.
    inks = grid(8, 4)[:, [1, 2, 3, 0]]
    squared = [((lab_of(inks).astype(float) - color) ** 2).sum(-1) for color in grid(7, 3) * 255]
    nearest = inks[np.argmin(squared, axis=1)]
    white = struct.pack(">3I", 63190, 65536, 54061)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text\0\0\0\0test\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"A2B0": lut(4, 3, 5, lab_of(grid(5, 4))),
        b"B2A0": lut(3, 4, 7, nearest * 255),
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s6H", size, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ", 2026, 1, 1, 0, 0, 0)
    return header + b"acsp" + bytes(28) + white + bytes(48) + table + body


# ----------------------------------------------------------------------------------------------------------------
# metadata

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" note="PLANTED-XMP">'
    b"<xmpGImg:image>/9j/4AAQSkZJRgABAQ&#xA;PLANTEDXMPTHUMB==</xmpGImg:image></rdf:Description></x:xmpmeta>"
)
PLANTED = (
    b"PLANTED-GPS",
    b"PLANTED-MAKE",
    b"PLANTED-NOTE",
    b"PLANTED-THUMB",
    b"PLANTED-COMMENT",
    b"PLANTED-IPTC",
    b"PLANTED-XMP",
)


def planted_exif() -> bytes:
    """EXIF with orientation 6, GPS, a maker note, and a thumbnail in the second directory, where cameras put it."""
    exif = Image.Exif()
    exif.endian = "<"
    exif[ExifTags.Base.Make] = "PLANTED-MAKE"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.Exif] = {
        37500: b"PLANTED-NOTE maker note",
        36867: "2026:01:02 03:04:05",
        40962: HEIGHT,
        40963: WIDTH,
    }
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.0), 18: "PLANTED-GPS"}
    data = bytearray(exif.tobytes())
    base = 6
    entries = struct.unpack_from("<H", data, base + 8)[0]
    struct.pack_into("<I", data, base + 10 + 12 * entries, len(data) - base)
    thumbnail = saved(Image.new("RGB", (16, 16)), "JPEG", comment=b"PLANTED-THUMB")
    start = len(data) - base + 2 + 12 * 3 + 4
    second = ((259, 3, 6), (513, 4, start), (514, 4, len(thumbnail)))
    data += (
        struct.pack("<H", 3)
        + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in second)
        + bytes(4)
        + thumbnail
    )
    return bytes(data)


def planted(format: str, dtype: Any) -> bytes:
    """A file of `format`, stored at orientation 6, with a marker in every place where it can carry one."""
    stored = as_stored(smooth("RGB"), 6)
    image, deep = Image.fromarray(stored), stored.astype(np.uint16) * 257
    if format == "JPEG":
        iptc = b"\x1c\x02\x78\0\x0cPLANTED-IPTC"
        resource = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0"
        app13 = b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
        return saved(
            image,
            "JPEG",
            exif=planted_exif(),
            xmp=XMP,
            comment=b"PLANTED-COMMENT",
            icc_profile=SRGB,
            extra=app13,
            quality=98,
        )
    if format == "PNG" and dtype == np.uint16:
        profile, exif = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)), chunk(b"eXIf", planted_exif()[6:])
        text = chunk(b"tEXt", b"Comment\0PLANTED-COMMENT") + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        return png(deep, "RGB", profile + exif + text)
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "PLANTED-COMMENT", zip=True)
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return saved(image, "PNG", exif=planted_exif(), pnginfo=info, icc_profile=SRGB)
    if format == "WEBP":
        return saved(image, "WEBP", exif=planted_exif(), xmp=XMP, icc_profile=SRGB, lossless=True)
    return planted_tiff(deep if dtype == np.uint16 else stored)


def planted_tiff(stored: Array) -> bytes:
    """TIFF keeps EXIF in its own directory, so a file with GPS and so on is that directory with the tags of the pixels
    added."""
    ifd = ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(planted_exif())
    for tag in exif:
        ifd[tag] = exif.get_ifd(tag) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else exif[tag]
    ifd[700], ifd[34675], ifd[33723] = XMP, SRGB, b"PLANTED-IPTC"
    ifd[270] = "PLANTED-COMMENT"
    ifd[256], ifd[257], ifd[258], ifd[259], ifd[262] = (
        stored.shape[1],
        stored.shape[0],
        (8 * stored.itemsize,) * 3,
        1,
        2,
    )
    ifd[277], ifd[278], ifd[279] = 3, stored.shape[0], stored.nbytes
    ifd.tagtype[273] = 4
    ifd[273] = 0
    return b"II*\0\x08\0\0\0" + ifd.tobytes(8) + stored.tobytes()
