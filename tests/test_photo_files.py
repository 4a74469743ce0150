"""Photo files: every colour model, depth and orientation in and out, metadata gone, and a clear refusal of everything else.

The files are written by Pillow, tifffile, OpenCV or byte by byte, never by the code under test.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from privacy_faces.photos.photo import Metadata, Photo, PhotoError
from privacy_faces.photos.read import MAX_PIXELS, MIN_SIDE, photo_from_array, read_photo
from privacy_faces.photos.write import encode_photo, write_atomic

pytestmark = pytest.mark.filterwarnings("error")  # no warning of a decoder may escape

HEIGHT, WIDTH = 40, 56
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
Make = Callable[[], bytes]
Array = npt.NDArray[Any]


def pixels(mode: str, dtype: Any = np.uint8, seed: int = 0) -> Array:
    """Noise, so that no two places or channels can be confused, with pure black, white and transparent pixels in it."""
    top = np.iinfo(dtype).max
    channels = CHANNELS[mode]
    samples: Array = np.random.default_rng(seed).integers(0, top + 1, (HEIGHT, WIDTH, channels)).astype(dtype)
    samples[0, 0], samples[0, 1] = 0, top
    return samples[..., 0] if channels == 1 else samples


def smooth(mode: str) -> Array:
    """Gentle gradients, which lossy coding keeps."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = [3 * x + 40, 4 * y + 30, 200 - x - y, 100 + x][: CHANNELS[mode]]
    samples = np.stack(channels, axis=-1).astype(np.uint8)
    return samples[..., 0] if mode == "L" else samples


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def tiff(samples: Array, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **{"metadata": None, **options})
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(samples: Array, depth: int, colour_type: int, extra: bytes = b"") -> bytes:
    """A PNG of whole-byte samples written by hand, `extra` chunks before the pixels."""
    height, width = samples.shape[:2]
    rows = samples.astype(f">u{depth // 8}").reshape(height, -1).view(np.uint8)
    body = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def exif_block(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif.tobytes()


def as_stored(upright: Array, orientation: int) -> Array:
    """How a camera stores `upright`: EXIF 2.32 table 6 says which visual side the 0th row and the 0th column are."""
    row, column = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }[orientation]  # fmt: skip
    stored = upright.swapaxes(0, 1) if row in ("left", "right") else upright
    stored = stored[::-1] if row in ("bottom", "right") else stored
    return np.ascontiguousarray(stored[:, ::-1] if column in ("right", "bottom") else stored)


# ------------------------------------------------------------------------------------------------------- formats x modes x orientations


def pillow_file(format: str, **options: Any) -> Callable[[Array, str, int], bytes]:
    def make(stored: Array, mode: str, orientation: int) -> bytes:
        image = Image.frombytes(mode, stored.shape[1::-1], stored.tobytes())
        return saved(image, format, exif=exif_block(orientation), icc_profile=SRGB, **options)

    return make


def tifffile_file(**options: Any) -> Callable[[Array, str, int], bytes]:
    def make(stored: Array, mode: str, orientation: int) -> bytes:
        alpha = {"extrasamples": ["unassalpha"]} if mode in ("LA", "RGBA") else {}
        photometric = {"L": "minisblack", "LA": "minisblack", "CMYK": "separated"}.get(mode, "rgb")
        planes = np.moveaxis(stored, -1, 0) if options.get("planarconfig") == "separate" else stored
        tags = [(274, "H", 1, orientation, False)]
        return tiff(planes, photometric=photometric, iccprofile=SRGB, extratags=tags, **alpha, **options)

    return make


def png_16_file(stored: Array, mode: str, orientation: int) -> bytes:
    profile = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB))
    return png(stored, 16, {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode], profile + chunk(b"eXIf", exif_block(orientation)[6:]))


def blue_first(samples: Array) -> Array:
    """As OpenCV orders channels; gray stays."""
    return samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., [2, 1, 0, 3][: samples.shape[2]]])


def opencv_lzw_file(stored: Array, mode: str, orientation: int) -> bytes:
    _, encoded = cv2.imencode(".tiff", blue_first(stored), [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    return with_tiff_tags(encoded.tobytes(), {274: (3, orientation), 34675: (7, SRGB)})


def with_tiff_tags(data: bytes, changes: dict[int, tuple[int, int | bytes] | None]) -> bytes:
    """`data`, a little-endian TIFF, with tags set to (type, value) or, where None, removed, in a new directory at its end."""
    offset = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, offset)[0]
    entries = {}
    for index in range(count):
        entry = data[offset + 2 + 12 * index : offset + 14 + 12 * index]
        entries[struct.unpack_from("<H", entry)[0]] = entry
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
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + struct.pack("<H", len(entries)) + b"".join(
        entries[tag] for tag in sorted(entries)
    ) + bytes(4)  # fmt: skip


LOSSLESS_FILES: list[tuple[str, str, Any, Callable[..., bytes], str]] = [
    *[("PNG", mode, np.uint8, pillow_file("PNG"), "pillow") for mode in ("L", "LA", "RGB", "RGBA")],
    *[("PNG", mode, np.uint16, png_16_file, "bytes") for mode in ("L", "LA", "RGB", "RGBA")],
    *[("WEBP", mode, np.uint8, pillow_file("WEBP", lossless=True, exact=True), "pillow") for mode in ("RGB", "RGBA")],
    *[("TIFF", mode, np.uint8, pillow_file("TIFF", compression="tiff_lzw"), "lzw") for mode in ("L", "RGB", "RGBA", "CMYK")],
    *[("TIFF", mode, np.uint8, tifffile_file(), "raw") for mode in ("L", "LA", "RGB", "RGBA", "CMYK")],
    *[("TIFF", mode, np.uint16, tifffile_file(compression="deflate"), "deflate") for mode in ("L", "LA", "RGB", "RGBA")],
    *[("TIFF", mode, np.uint16, tifffile_file(planarconfig="separate", tile=(16, 16)), "planes") for mode in ("RGB", "RGBA")],
    *[("TIFF", mode, np.uint16, tifffile_file(byteorder=">", predictor=True, compression="deflate"), "big") for mode in ("L", "RGB")],
    *[("TIFF", mode, np.uint16, opencv_lzw_file, "lzw") for mode in ("L", "RGB", "RGBA")],
]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("case", LOSSLESS_FILES, ids=lambda case: f"{case[0]}-{case[1]}-{case[2].__name__}-{case[4]}")
def test_lossless_file_survives(tmp_path: Path, case: tuple[str, str, Any, Callable[..., bytes], str], orientation: int) -> None:
    format, mode, dtype, make, _ = case
    upright = pixels(mode, dtype)
    path = tmp_path / "photo.dat"
    path.write_bytes(make(as_stored(upright, orientation), mode, orientation))
    photo = read_photo(path)
    assert (photo.format, photo.mode, photo.lossless) == (format, mode, True)
    assert (photo.height, photo.width, photo.rgb.shape) == (HEIGHT, WIDTH, (HEIGHT, WIDTH, 3))
    assert photo.native.dtype == photo.rgb.dtype == dtype
    np.testing.assert_array_equal(photo.native, upright)
    assert photo.icc_profile == SRGB
    if mode != "CMYK":
        gray = upright if mode == "L" else upright[..., 0]
        np.testing.assert_array_equal(photo.rgb, upright[..., :3] if mode.startswith("RGB") else np.stack([gray] * 3, -1))

    again = read_photo(encode_photo(photo, keep_metadata=orientation % 2 == 0))
    assert (again.format, again.mode, again.icc_profile) == (format, mode, SRGB)
    np.testing.assert_array_equal(again.native, upright)
    np.testing.assert_array_equal(again.rgb, photo.rgb)
    assert encode_photo(photo) == encode_photo(read_photo(path))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("profile", [None, SRGB], ids=["plain", "icc"])
def test_bmp_survives(mode: str, profile: bytes | None) -> None:
    photo = Photo.from_native(pixels(mode), mode, "BMP", icc_profile=profile)
    data = encode_photo(photo)
    again = read_photo(data)
    assert (again.format, again.mode, again.icc_profile) == ("BMP", mode, profile)
    np.testing.assert_array_equal(again.native, photo.native)
    # Other readers agree: Pillow, and OpenCV (which gives gray three times and blue first).
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), photo.native)
    opencv = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    np.testing.assert_array_equal(opencv[..., ::-1], photo.rgb)


@pytest.mark.parametrize(("mode", "expected"), [("1", "L"), ("L", "L"), ("P", "RGB"), ("RGB", "RGB")])
def test_bmp_of_pillow(mode: str, expected: str) -> None:
    image = Image.fromarray(pixels("RGB")).convert(mode)
    photo = read_photo(saved(image, "BMP"))
    assert (photo.format, photo.mode) == ("BMP", expected)
    np.testing.assert_array_equal(photo.native, np.asarray(image.convert(expected)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg(mode: str, orientation: int) -> None:
    upright = smooth(mode)
    photo = read_photo(pillow_file("JPEG", quality=98, subsampling=0)(as_stored(upright, orientation), mode, orientation))
    assert (photo.format, photo.mode, photo.native.shape) == ("JPEG", mode, upright.shape)
    assert np.abs(photo.native.astype(int) - upright).max() <= 6
    data = encode_photo(photo)
    again = read_photo(data)
    assert (again.mode, again.icc_profile) == (mode, SRGB)
    assert np.abs(again.native.astype(int) - photo.native).max() <= 6
    coded = JpegImageFile(io.BytesIO(data))
    assert {layer[1:3] for layer in coded.layer} == {(1, 1)}  # 4:4:4
    assert max(coded.quantization[0]) <= 12  # libjpeg's luminance table at quality 95 ends at 12, at 90 at 24
    assert ExifTags.Base.Orientation not in coded.getexif()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossy_webp_stays_lossy(mode: str) -> None:
    photo = read_photo(saved(Image.fromarray(smooth(mode)), "WEBP", quality=98))
    assert (photo.mode, photo.lossless) == (mode, False)
    data = encode_photo(photo)
    again = read_photo(data)
    assert (again.mode, again.lossless, b"VP8L" in data) == (mode, False, False)
    assert np.abs(again.native.astype(int) - photo.native).max() <= 12
    np.testing.assert_array_equal(again.native[..., 3:], photo.native[..., 3:])


def test_16_bit_files_read_elsewhere() -> None:
    """OpenCV and tifffile find the same samples in what is written."""
    for mode in ("L", "RGB", "RGBA"):
        native = pixels(mode, np.uint16)
        for format in ("PNG", "TIFF"):
            data = encode_photo(Photo.from_native(native, mode, format))
            np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), blue_first(native))
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), native)


def test_tall_tiff_has_many_strips() -> None:
    native = np.random.default_rng(0).integers(0, 256, (900, 400, 3)).astype(np.uint8)
    data = encode_photo(Photo.from_native(native, "RGB", "TIFF"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages[0].dataoffsets) == 5  # ceil(900 / (2**18 // 1200))
        np.testing.assert_array_equal(file.pages[0].asarray(), native)
    np.testing.assert_array_equal(read_photo(data).native, native)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), native)


# -------------------------------------------------------------------------------------------------------------- unusual but valid files


def test_one_bit_becomes_gray() -> None:
    image = Image.fromarray(pixels("L")).convert("1")
    for format, options in (("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {})):
        photo = read_photo(saved(image, format, **options))
        assert photo.mode == "L"
        np.testing.assert_array_equal(photo.native, np.asarray(image.convert("L")))


def test_palettes_become_colours() -> None:
    image = Image.fromarray(pixels("RGB")).quantize(64)
    for format in ("PNG", "TIFF"):
        photo = read_photo(saved(image, format))
        assert photo.mode == "RGB"
        np.testing.assert_array_equal(photo.native, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("transparency", "alphas"), [(3, [255, 255, 255, 0, *[255] * 60]), (bytes(range(0, 256, 4)), range(0, 256, 4))], ids=["index", "table"]
)
def test_transparent_palette_becomes_rgba(transparency: int | bytes, alphas: list[int]) -> None:
    image = Image.fromarray(pixels("RGB")).quantize(64)
    photo = read_photo(saved(image, "PNG", transparency=transparency))
    assert photo.mode == "RGBA"
    np.testing.assert_array_equal(photo.native[..., 3], np.array(alphas)[np.asarray(image)])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_transparent_colour_becomes_alpha(mode: str, depth: int) -> None:
    samples = pixels(mode, np.uint16 if depth == 16 else np.uint8)
    key = np.atleast_1d(samples[7, 9])
    photo = read_photo(png(samples, depth, 0 if mode == "L" else 2, chunk(b"tRNS", b"".join(struct.pack(">H", value) for value in key))))
    assert photo.mode == mode + "A"
    same = (samples.reshape(HEIGHT, WIDTH, -1) == key).all(-1)
    assert same[7, 9]
    np.testing.assert_array_equal(photo.native[..., -1], np.where(same, 0, 2**depth - 1))


def test_transparent_gray_of_four_bits() -> None:
    levels = np.random.default_rng(0).integers(0, 16, (HEIGHT, WIDTH)).astype(np.uint8)
    packed = np.pad(levels[:, ::2] << 4 | levels[:, 1::2], ((0, 0), (1, 0)))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 4, 0, 0, 0, 0))
    body = chunk(b"tRNS", b"\0\x05") + chunk(b"IDAT", zlib.compress(packed.tobytes())) + chunk(b"IEND", b"")
    photo = read_photo(b"\x89PNG\r\n\x1a\n" + header + body)
    np.testing.assert_array_equal(photo.native, np.stack([levels * 17, np.where(levels == 5, 0, 255)], -1))


def test_white_is_zero_tiff() -> None:
    for dtype in (np.uint8, np.uint16):
        samples = pixels("L", dtype)
        np.testing.assert_array_equal(read_photo(tiff(samples, photometric="miniswhite")).native, ~samples)


def test_premultiplied_and_unspecified_extra_channels_of_16_bit_tiff() -> None:
    samples = np.zeros((HEIGHT, WIDTH, 4), np.uint16)
    samples[...] = (8192, 16384, 32768, 32768)
    samples[0, 0] = 0
    photo = read_photo(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]))
    assert photo.native[1, 1].tolist() == [16384, 32768, 65535, 32768]  # colour * 65535 / alpha, rounded
    assert photo.native[0, 0].tolist() == [0, 0, 0, 0]
    photo = read_photo(tiff(samples, photometric="rgb", extrasamples=["unspecified"]))
    assert photo.mode == "RGB"
    np.testing.assert_array_equal(photo.native, samples[..., :3])


def test_tiff_thumbnail_page_is_not_a_second_page() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(pixels("RGB"), photometric="rgb", metadata=None)
        writer.write(pixels("RGB")[::2, ::2], photometric="rgb", metadata=None, subfiletype=1)
    np.testing.assert_array_equal(read_photo(file.getvalue()).native, pixels("RGB"))


def test_mpo_gives_its_primary_picture() -> None:
    primary, second = Image.fromarray(smooth("RGB")), Image.fromarray(255 - smooth("RGB"))
    data = saved(primary, "MPO", save_all=True, append_images=[second], quality=95, subsampling=0, exif=exif_block(6))
    photo = read_photo(data)
    assert (photo.format, photo.height, photo.width) == ("JPEG", WIDTH, HEIGHT)
    assert np.abs(photo.native.astype(int) - np.rot90(smooth("RGB"), -1)).max() <= 8
    assert len(encode_photo(photo)) < len(data)
    assert read_photo(encode_photo(photo)).format == "JPEG"
    assert photo_from_array(Image.open(io.BytesIO(data))).format == "JPEG"


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    for name in ("photo.jpg", "photo.heic", "photo.dng", "photo"):
        (tmp_path / name).write_bytes(saved(Image.fromarray(pixels("RGB")), "PNG"))
        assert read_photo(tmp_path / name).format == "PNG"


def test_damaged_exif_does_not_cost_the_photo(caplog: pytest.LogCaptureFixture) -> None:
    data = saved(Image.fromarray(pixels("RGB")), "PNG", exif=b"Exif\0\0XX*\0garbage")
    photo = read_photo(data)
    assert "EXIF block cannot be read" in caplog.text
    np.testing.assert_array_equal(photo.native, pixels("RGB"))
    assert photo.metadata.exif == b""


def test_odd_orientation_is_upright() -> None:
    for orientation in (0, 9, 200):
        photo = read_photo(saved(Image.fromarray(pixels("RGB")), "PNG", exif=exif_block(orientation)))
        np.testing.assert_array_equal(photo.native, pixels("RGB"))


# ------------------------------------------------------------------------------------------------------------------------------- colours


def cmyk_profile() -> bytes:
    """A small printer profile (ICC.1:2001-04, 'mft1' tables) of inks twice as light as the plain formula assumes."""

    def lut(inputs: int, outputs: int, grid: int, table: Array) -> bytes:
        identity = (np.eye(3) * 65536).astype(">i4").tobytes()
        curve = bytes(range(256))
        entries = np.clip(np.rint(table), 0, 255).astype(np.uint8).tobytes()
        return b"mft1\0\0\0\0" + bytes([inputs, outputs, grid, 0]) + identity + curve * inputs + entries + curve * outputs

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")

    def lab_of(inks: Array) -> Array:
        rgb = np.rint((1 - inks[:, :3] / 2) * (1 - inks[:, 3:]) * 255).astype(np.uint8)
        lab: Array = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb[None]), to_lab))[0].astype(np.uint8)
        return lab ^ np.array([0, 0x80, 0x80], np.uint8)  # Pillow stores a and b signed, the table with an offset of 128

    def grid(points: int, axes: int) -> Array:
        return np.stack(np.meshgrid(*[np.linspace(0, 1, points)] * axes, indexing="ij"), -1).reshape(-1, axes)

    # Back from Lab by a search for the nearest colour, as little black as possible: rough, but enough to tell directions apart.
    inks = grid(8, 4)[:, [1, 2, 3, 0]]
    squared = [((lab_of(inks).astype(float) - colour) ** 2).sum(-1) for colour in grid(7, 3) * 255]
    nearest = inks[np.argmin(squared, axis=1)]
    forward, back = lut(4, 3, 5, lab_of(grid(5, 4))), lut(3, 4, 7, nearest * 255)
    text = b"text\0\0\0\0test\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3I", 63190, 65536, 54061)
    tags = {b"desc": description, b"cprt": text, b"wtpt": white, b"A2B0": forward, b"B2A0": back}
    table, body = b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = 132 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"prtr", b"CMYK", b"Lab ") + struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header += b"acsp" + bytes(28) + struct.pack(">3I", 63190, 65536, 54061) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


def cmyk_jpeg(samples: Array, **options: Any) -> bytes:
    return saved(Image.frombytes("CMYK", samples.shape[1::-1], samples.tobytes()), "JPEG", quality=100, **options)


def test_cmyk_without_profile_uses_the_plain_formula() -> None:
    samples = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    samples[...] = (255, 0, 0, 0)
    samples[:, 8:16] = (0, 255, 255, 0)
    samples[:, 16:24] = (0, 0, 0, 255)
    photo = read_photo(cmyk_jpeg(samples))
    assert photo.mode == "CMYK"
    for column, colour in ((0, (0, 255, 255)), (8, (255, 0, 0)), (16, (0, 0, 0))):
        np.testing.assert_allclose(photo.rgb[4, column + 4], colour, atol=2)


def test_cmyk_jpeg_without_adobe_marker_is_not_inverted() -> None:
    samples = np.full((HEIGHT, WIDTH, 4), (200, 40, 90, 10), np.uint8)
    data = cmyk_jpeg(samples)
    start = data.index(b"\xff\xee")
    length = struct.unpack_from(">H", data, start + 2)[0]
    assert data[start + 4 : start + 9] == b"Adobe"
    plain = data[:start] + data[start + 2 + length :]  # the same stored samples, now without the promise of inversion
    np.testing.assert_allclose(read_photo(data).native, samples, atol=2)
    np.testing.assert_allclose(read_photo(plain).native, 255 - samples, atol=2)
    np.testing.assert_allclose(photo_from_array(Image.open(io.BytesIO(plain))).native, 255 - samples, atol=2)


def test_cmyk_profile_is_used_both_ways_and_stays() -> None:
    profile = cmyk_profile()
    samples = np.full((HEIGHT, WIDTH, 4), (255, 0, 0, 0), np.uint8)
    photo = read_photo(cmyk_jpeg(samples, icc_profile=profile))
    np.testing.assert_allclose(photo.rgb, np.full_like(photo.rgb, (128, 255, 255)), atol=8)  # half as much cyan as the plain formula
    rgb = photo.rgb.copy()
    rgb[10:20, 10:20] = (255, 190, 255)
    changed = photo.with_rgb(rgb)
    np.testing.assert_array_equal(changed.native[0], photo.native[0])
    np.testing.assert_allclose(changed.native[15, 15], (0, 130, 0, 0), atol=36)  # the plain formula would say 65
    np.testing.assert_allclose(changed.rgb[15, 15].astype(int), (255, 190, 255), atol=24)
    assert read_photo(encode_photo(changed)).icc_profile == profile


@pytest.mark.parametrize("profile", [SRGB, b"not a profile"], ids=["rgb", "damaged"])
def test_unusable_cmyk_profile_is_said_and_kept(profile: bytes, caplog: pytest.LogCaptureFixture) -> None:
    samples = smooth("CMYK")
    photo = read_photo(cmyk_jpeg(samples, icc_profile=profile))
    assert "cannot convert CMYK" in caplog.text
    np.testing.assert_array_equal(photo.rgb, read_photo(cmyk_jpeg(samples)).rgb)
    assert photo.icc_profile == profile


# ------------------------------------------------------------------------------------------------------------------------------ with_rgb


@pytest.mark.parametrize(("mode", "dtype"), [("CMYK", np.uint8), *[(mode, dtype) for mode in ("L", "LA", "RGB", "RGBA") for dtype in (np.uint8, np.uint16)]])
def test_with_rgb_keeps_untouched_pixels(mode: str, dtype: Any) -> None:
    photo = Photo.from_native(pixels(mode, dtype), mode, "TIFF")
    rgb = photo.rgb.copy()
    rgb[5:15, 10:30] = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (10, 20, 3))
    before, native = photo.rgb.copy(), photo.native.copy()
    changed = photo.with_rgb(rgb)
    np.testing.assert_array_equal(photo.rgb, before)
    np.testing.assert_array_equal(photo.native, native)
    touched = np.zeros((HEIGHT, WIDTH), bool)
    touched[5:15, 10:30] = True
    np.testing.assert_array_equal(changed.native[~touched], native[~touched])
    np.testing.assert_array_equal(changed.rgb[~touched], before[~touched])
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(changed.native[..., -1], native[..., -1])
    if mode in ("RGB", "RGBA"):
        np.testing.assert_array_equal(changed.rgb, rgb)
    if mode == "CMYK":  # the inverse of the plain formula is exact: no black ink
        np.testing.assert_array_equal(changed.rgb, rgb)
        assert (changed.native[touched][:, 3] == 0).mean() > 0.99
    again = read_photo(encode_photo(changed))
    np.testing.assert_array_equal(again.rgb, changed.rgb)


@pytest.mark.parametrize(("dtype", "expected"), [(np.uint8, (76, 150, 29)), (np.uint16, (19595, 38469, 7471))])
def test_gray_gets_the_luma(dtype: Any, expected: tuple[int, ...]) -> None:
    """Rec. 601: 0.299 R + 0.587 G + 0.114 B; the 8-bit values are those of `Image.new("RGB", (1, 1), "red").convert("L")` and so on."""
    top = np.iinfo(dtype).max
    photo = Photo.from_native(np.full((HEIGHT, WIDTH), 7, dtype), "L", "PNG")
    rgb = photo.rgb.copy()
    rgb[0, :3] = np.eye(3, dtype=dtype) * top
    rgb[0, 3] = top
    changed = photo.with_rgb(rgb)
    assert changed.native[0, :4].tolist() == [*expected, top]
    assert changed.rgb[0, 1].tolist() == [expected[1]] * 3  # what the gray file will show


def test_with_rgb_without_change_and_with_wrong_arrays() -> None:
    photo = Photo.from_native(pixels("CMYK"), "CMYK", "TIFF")
    np.testing.assert_array_equal(photo.with_rgb(photo.rgb.copy()).native, photo.native)
    wrongs: list[Any] = [photo.rgb[1:], photo.rgb.astype(np.uint16), photo.rgb.astype(np.float32)]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"expected rgb of shape \(40, 56, 3\) and uint8, got"):
            photo.with_rgb(wrong)


# ----------------------------------------------------------------------------------------------------------------------------- from array


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_photo_from_array(mode: str, dtype: Any) -> None:
    array = pixels(mode, np.uint8 if dtype == np.uint8 else np.uint16).astype(dtype)
    photo = photo_from_array(array)
    assert (photo.mode, photo.format) == (mode, "PNG")
    np.testing.assert_array_equal(photo.native, array)
    np.testing.assert_array_equal(read_photo(encode_photo(photo)).native, array)
    array[0, 0] = 99
    assert (photo.native[0, 0] == 0).all()  # a copy
    assert photo_from_array(pixels("L")[..., None]).mode == "L"


@pytest.mark.parametrize(
    ("image", "mode", "format"),
    [
        (lambda: Image.fromarray(pixels("RGB")), "RGB", "PNG"),
        (lambda: Image.fromarray(pixels("RGB")).quantize(16), "RGB", "PNG"),
        (lambda: Image.fromarray(pixels("L", np.uint16)), "L", "PNG"),
        (lambda: Image.fromarray(pixels("RGB")).convert("CMYK"), "CMYK", "TIFF"),
        (lambda: Image.open(io.BytesIO(saved(Image.fromarray(smooth("RGB")), "JPEG"))), "RGB", "JPEG"),
        (lambda: Image.open(io.BytesIO(saved(Image.fromarray(smooth("RGB")), "WEBP"))), "RGB", "WEBP"),
        (lambda: Image.open(io.BytesIO(saved(Image.fromarray(smooth("RGB")), "GIF"))), "RGB", "PNG"),
    ],
    ids=["rgb", "palette", "16-bit", "cmyk", "jpeg", "webp", "gif"],
)
def test_photo_from_pillow(image: Callable[[], Image.Image], mode: str, format: str) -> None:
    photo = photo_from_array(image())
    assert (photo.mode, photo.format) == (mode, format)
    assert read_photo(encode_photo(photo)).format == format


def test_pillow_image_is_turned_upright() -> None:
    for format in ("PNG", "TIFF"):
        image = Image.open(io.BytesIO(pillow_file(format)(as_stored(pixels("RGB"), 8), "RGB", 8)))
        np.testing.assert_array_equal(photo_from_array(image).native, pixels("RGB"))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (lambda: np.zeros((40, 40, 5), np.uint8), r"shape \(H, W\) or \(H, W, C\) with C from 1 to 4, got \(40, 40, 5\)"),
        (lambda: np.zeros(40, np.uint8), r"got \(40,\)"),
        (lambda: np.zeros((40, 40, 3)), r"expected uint8 or uint16 samples, got float64; scale to 0\.\.255"),
        (lambda: np.zeros((40, 40), bool), "got bool"),
        (lambda: np.zeros((40, 8, 3), np.uint8), "sides of at least 32 pixels, found 8 x 40"),
        (lambda: Image.new("F", (40, 40)), "found mode F; convert it to RGB first"),
        (lambda: Image.new("LAB", (40, 40)), "found mode LAB"),
        (lambda: Image.open(io.BytesIO(animation("WEBP"))), "found an animation of 3 frames"),
        (lambda: Image.open(io.BytesIO(saved(Image.fromarray(pixels("RGB")), "JPEG")[:-200])), "cut short"),
    ],
)
def test_bad_arrays_and_images(image: Callable[[], Array | Image.Image], message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        photo_from_array(image())


@pytest.mark.parametrize(
    ("mode", "dtype", "format"),
    [("RGBA", np.uint8, "JPEG"), ("RGB", np.uint16, "JPEG"), ("L", np.uint8, "WEBP"), ("CMYK", np.uint8, "PNG"), ("RGB", np.uint8, "GIF")],
)
def test_encoding_refuses_what_the_format_cannot_hold(mode: str, dtype: Any, format: str) -> None:
    with pytest.raises(PhotoError, match=rf"expected a photo that {format} can hold, got \d+-bit {mode}; write it as PNG or TIFF"):
        encode_photo(Photo.from_native(pixels(mode, dtype), mode, format))


def test_encoding_refuses_too_large_a_picture() -> None:
    photo = Photo.from_native(np.zeros((32, 20000, 3), np.uint8), "RGB", "WEBP")
    with pytest.raises(PhotoError, match=r"a photo that WEBP can hold, found that it cannot \(.*16383.*\); write it as PNG or TIFF"):
        encode_photo(photo)


# ----------------------------------------------------------------------------------------------------------------------------- bad inputs


def animation(format: str, frames: int = 3) -> bytes:
    first, *others = [Image.fromarray(pixels("RGB", seed=seed)) for seed in range(frames)]
    return saved(first, format, save_all=True, append_images=others)


def tiny_png(width: int, height: int) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def bomb_jpeg() -> bytes:
    data = bytearray(saved(Image.new("RGB", (40, 40)), "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 65000, 65000)
    return bytes(data)


def bomb_webp() -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") * 2 + b"VP8L" + struct.pack("<I", 6) + b"/" + bytes(5)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def bomb_bmp() -> bytes:
    data = bytearray(saved(Image.new("RGB", (40, 40)), "BMP"))
    struct.pack_into("<ii", data, 18, 50000, 50000)
    return bytes(data)


def damaged_png() -> bytes:
    data = bytearray(saved(Image.fromarray(pixels("RGB")), "PNG"))
    data[data.index(b"IDAT") + 100] ^= 0xFF
    return bytes(data)


def short_pixels_png() -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(500))) + chunk(b"IEND", b"")


def lab_tiff() -> bytes:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image: Any = ImageCms.applyTransform(RGB, ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    return saved(image, "TIFF")


def raw_tiff(changes: dict[int, tuple[int, int | bytes] | None], dtype: Any = np.uint8) -> bytes:
    return with_tiff_tags(tiff(pixels("RGB", dtype), photometric="rgb", rowsperstrip=8), changes)


def planes_tiff() -> bytes:
    return tifffile_file(planarconfig="separate")(pixels("RGB", np.uint16), "RGB", 1)


RGB = Image.fromarray(pixels("RGB"))
UNSUPPORTED = "expected a JPEG, PNG, WebP, TIFF or BMP photo, found "
# name: (suffix, content, words that only this refusal has)
BAD_FILES: dict[str, tuple[str, Make, str]] = {
    "empty": (".jpg", lambda: b"", r"found an empty file \(0 bytes\); copy or download it again"),
    "text": (".jpg", lambda: b"A photo of me, taken last summer.\n" * 300, UNSUPPORTED + "a text file; perhaps a web page"),
    "text in UTF-8": (".png", "Ein Foto, größer als früher".encode, UNSUPPORTED + "a text file"),
    "text like BMP": (".bmp", lambda: b"BMW is a maker of cars, and this is no photo at all", UNSUPPORTED + "a text file"),
    "web page": (".jpg", lambda: b"<!DOCTYPE html><html><body>404</body></html>", "perhaps a web page or a link was saved"),
    "noise": (".jpg", lambda: bytes(range(7, 250)), r"found data of no known image format \(first bytes: 07 08 09 0a 0b 0c 0d 0e\)"),
    "zeros": (".png", lambda: bytes(5000), r"no known image format \(first bytes: 00 00 00 00 00 00 00 00\)"),
    "GIF": (".gif", lambda: saved(RGB, "GIF"), UNSUPPORTED + "a GIF; convert it to JPEG or PNG first"),
    "animated GIF": (".gif", lambda: animation("GIF"), "a single picture, found an animated GIF of 3 frames; save the frame"),
    "animated WebP": (".webp", lambda: animation("WEBP", 4), "found an animated WebP of 4 frames"),
    "animated PNG": (".png", lambda: animation("PNG", 2), "found an animated PNG of 2 frames"),
    "TIFF pages": (".tif", lambda: animation("TIFF", 5), "found a TIFF of 5 frames"),
    "HEIC": (".heic", lambda: struct.pack(">I", 24) + b"ftypheic" + bytes(200), UNSUPPORTED + r"a HEIC \(HEIF\) photo; convert it to JPEG"),
    "HEIC by name": (".HEIC", lambda: bytes(200), UNSUPPORTED + r"a HEIC \(HEIF\) photo"),
    "AVIF": (".avif", lambda: saved(RGB, "AVIF"), UNSUPPORTED + "an AVIF picture"),
    "video": (".jpg", lambda: struct.pack(">I", 24) + b"ftypisom" + bytes(200), UNSUPPORTED + "a video"),
    "raw by content": (".tif", lambda: b"II*\0\x10\0\0\0CR\x02\0" + bytes(200), UNSUPPORTED + "a camera raw file; convert"),
    "raw by name": (".nef", lambda: saved(RGB, "TIFF"), UNSUPPORTED + r"a camera raw file \(\.nef\)"),
    "raw by tag": (".tif", lambda: raw_tiff({50706: (1, 0x401)}), UNSUPPORTED + r"a camera raw file \(DNG\)"),
    "PDF": (".pdf", lambda: b"%PDF-1.7\n" + bytes(200), UNSUPPORTED + "a PDF document"),
    "SVG": (".svg", lambda: b'<?xml version="1.0"?>\n<!-- me -->\n<svg width="9"/>', UNSUPPORTED + "an SVG drawing"),
    "PSD": (".psd", lambda: b"8BPS\0\1" + bytes(200), UNSUPPORTED + r"a Photoshop \(PSD\) document"),
    "JPEG 2000": (".jpg", lambda: saved(RGB, "JPEG2000"), UNSUPPORTED + "a JPEG 2000 photo"),
    "ZIP": (".png", lambda: b"PK\x03\x04" + bytes(100), UNSUPPORTED + "a ZIP archive"),
    "PNG bomb": (".png", lambda: tiny_png(60000, 60000), r"at most 200,000,000 pixels, found .* 60,000 x 60,000; resize"),
    "JPEG bomb": (".jpg", bomb_jpeg, "declared size of 65,000 x 65,000"),
    "WebP bomb": (".webp", bomb_webp, "declared size of 16,383 x 16,383"),
    "BMP bomb": (".bmp", bomb_bmp, "declared size of 50,000 x 50,000"),
    "TIFF bomb": (".tif", lambda: raw_tiff({256: (4, 70000), 257: (4, 70000)}), "declared size of 70,000 x 70,000"),
    "too small": (".png", lambda: saved(RGB.resize((300, 31)), "PNG"), "expected sides of at least 32 pixels, found 300 x 31, too small"),
    "PNG checksum": (".png", damaged_png, r"an intact PNG, found .*\(wrong checksum of its chunk b'IDAT'\)"),
    "PNG header": (".png", lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"12") + chunk(b"IEND", b""), r"PNG.*\(.*Truncated IHDR"),
    "PNG pixels": (".png", short_pixels_png, "expected a whole PNG, found one cut short"),
    "PNG bit depth": (".png", lambda: png(pixels("RGB"), 8, 7), "expected an intact PNG"),
    "JPEG header": (".jpg", lambda: b"\xff\xd8\xff\xe0" + bytes(50), "expected an intact JPEG, found one that cannot be decoded"),
    "JPEG of 12 bits": (".jpg", lambda: saved(RGB, "JPEG").replace(b"\xc0\0\x11\x08", b"\xc0\0\x11\x0c"), "cannot handle 12-bit layers"),
    "BMP depth": (".bmp", lambda: saved(RGB, "BMP").replace(b"\1\0\x18\0", b"\1\0\x17\0", 1), r"Unsupported BMP pixel depth \(23\)"),
    "WebP of nothing": (".webp", lambda: b"RIFF\x04\0\0\0WEBP", r"expected an intact WEBP.*\(no picture in it\)"),
    "LAB TIFF": (".tif", lab_tiff, "8-bit samples, or of 16-bit gray or RGB, found LAB colours; save it as 8-bit RGB first"),
    "float TIFF": (".tif", lambda: tiff(pixels("L").astype(np.float32)), "found 32-bit floating point samples"),
    "32-bit TIFF": (".tif", lambda: tiff(pixels("L").astype(np.uint32)), "found 32-bit samples"),
    "signed TIFF": (".tif", lambda: tiff(pixels("L").astype(np.int16)), "found 16-bit signed integer samples"),
    "16-bit CMYK": (".tif", lambda: tiff(pixels("CMYK", np.uint16), photometric="separated"), "found 16-bit CMYK samples"),
    "CFA TIFF": (".tif", lambda: raw_tiff({262: (3, 32803)}), "found photometric interpretation 32803"),
    "LZW planes": (".tif", lambda: with_tiff_tags(planes_tiff(), {259: (3, 5)}), "found 3 separate channels; save it with ZIP"),
    "LZW of two": (
        ".tif",
        lambda: with_tiff_tags(tifffile_file()(pixels("LA", np.uint16), "LA", 1), {259: (3, 5)}),
        "found 2 channels; save",
    ),
    "LZW damaged": (".tif", lambda: raw_tiff({259: (3, 5)}, np.uint16), r"expected an intact TIFF.*16-bit LZW pixel data"),
    "TIFF strips": (".tif", lambda: raw_tiff({273: (4, 8), 279: (4, 99)}), "some of its 5 strips or tiles are missing"),
    "TIFF pixels": (".tif", lambda: raw_tiff({278: (3, 40), 273: (4, 8), 279: (4, 99)}), "99 of 6720 bytes of pixels"),
    "TIFF directory": (".tif", lambda: raw_tiff({256: None}), "no width or height"),
    "TIFF beyond its end": (".tif", lambda: raw_tiff({278: (3, 40), 273: (4, 8), 279: (4, 10**6)}), r"cut short \(\d+ of 1000008 bytes\)"),
    "TIFF deflate": (".tif", lambda: raw_tiff({259: (3, 8)}, np.uint16), r"expected an intact TIFF.*Error -3 while decompressing"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused(tmp_path: Path, name: str) -> None:
    suffix, make, message = BAD_FILES[name]
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(make())
    with pytest.raises(PhotoError, match=message):
        read_photo(path)


def test_there_are_enough_bad_files() -> None:
    assert len(BAD_FILES) >= 30
    assert len({message for _, _, message in BAD_FILES.values()}) >= 45
    assert MAX_PIXELS == 200_000_000
    assert MIN_SIDE == 32


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"expected a photo at .*missing\.jpg, found nothing there; check the path"):
        read_photo(tmp_path / "missing.jpg")
    with pytest.raises(PhotoError, match=r"found the folder .*; name a photo inside it"):
        read_photo(tmp_path)
    with pytest.raises(PhotoError, match=r"null (byte|character)"):
        read_photo(tmp_path / "a\0b.jpg")
    with pytest.raises(PhotoError, match="File name too long"):
        read_photo(tmp_path / ("x" * 300 + ".jpg"))
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PhotoError, match="Not a directory"):
        read_photo(tmp_path / "file" / "photo.jpg")
    (tmp_path / "huge.jpg").touch()
    os.truncate(tmp_path / "huge.jpg", 2_000_000_001)  # sparse: it takes no space
    with pytest.raises(PhotoError, match="at most 2,000,000,000 bytes, found 2,000,000,001 bytes"):
        read_photo(tmp_path / "huge.jpg")


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes and permissions")
def test_pipes_and_permissions(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="found a device, pipe or socket"):
        read_photo(tmp_path / "pipe.jpg")
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(saved(RGB, "JPEG"))
    secret.chmod(0)
    with unprivileged(), pytest.raises(PhotoError, match=r"found permission denied; allow reading it \(chmod u\+r\)"):
        read_photo(secret)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom file permissions bind, which they do not root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_tolerance_that_a_library_switched_on_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(PhotoError, match="cut short"):
        read_photo(short_pixels_png())
    assert ImageFile.LOAD_TRUNCATED_IMAGES


WHOLE_FILES: dict[str, Make] = {
    "JPEG": lambda: saved(RGB, "JPEG"),
    "progressive JPEG": lambda: saved(RGB, "JPEG", progressive=True),
    "CMYK JPEG": lambda: cmyk_jpeg(smooth("CMYK")),
    "PNG": lambda: saved(RGB, "PNG"),
    "16-bit PNG": lambda: png(pixels("RGBA", np.uint16), 16, 6),
    "WebP": lambda: saved(RGB, "WEBP"),
    "lossless WebP": lambda: saved(RGB, "WEBP", lossless=True),
    "BMP": lambda: saved(RGB, "BMP"),
    "palette BMP": lambda: saved(RGB.quantize(), "BMP"),
    "raw TIFF": lambda: saved(RGB, "TIFF"),
    "LZW TIFF": lambda: saved(RGB, "TIFF", compression="tiff_lzw"),
    "JPEG TIFF": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "16-bit TIFF": lambda: tiff(pixels("RGB", np.uint16), photometric="rgb", rowsperstrip=8),
    "16-bit deflate TIFF": lambda: tiff(pixels("RGB", np.uint16), photometric="rgb", compression="deflate"),
    "16-bit LZW TIFF": lambda: opencv_lzw_file(pixels("RGB", np.uint16), "RGB", 1),
    "written TIFF": lambda: encode_photo(Photo.from_native(pixels("RGB"), "RGB", "TIFF")),
    "written BMP": lambda: encode_photo(Photo.from_native(pixels("RGBA"), "RGBA", "BMP")),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_truncated_file_is_refused(name: str) -> None:
    data = WHOLE_FILES[name]()
    read_photo(data)
    for cut in (1, 2, 5, 13, 40, len(data) // 4, len(data) // 2, 3 * len(data) // 4, len(data) - 30, len(data) - 9):
        with pytest.raises(PhotoError, match=r"cut short|cannot be decoded|no known image format"):
            read_photo(data[:-cut])


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_damaged_bytes_never_raise_anything_else(name: str) -> None:
    data = WHOLE_FILES[name]()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for position in random.integers(0, min(len(data), random.choice([64, 400, len(data)])), 3):
            damaged[position] = random.integers(256)
        try:
            photo = read_photo(bytes(damaged))
        except PhotoError:
            continue
        assert photo.rgb.shape == (photo.height, photo.width, 3)


# ------------------------------------------------------------------------------------------------------------------------------- metadata

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" note="PLANTED-XMP">'
    b"<xmpGImg:image>/9j/4AAQSkZJRgABAQ&#xA;PLANTEDXMPTHUMB==</xmpGImg:image></rdf:Description></x:xmpmeta>"
)
PLANTED = (b"PLANTED-GPS", b"PLANTED-MAKE", b"PLANTED-NOTE", b"PLANTED-THUMB", b"PLANTED-COMMENT", b"PLANTED-IPTC", b"PLANTED-XMP")


def planted_exif() -> bytes:
    """EXIF with orientation 6, GPS, a maker note, and a thumbnail in the second directory, where cameras put it."""
    exif = Image.Exif()
    exif.endian = "<"
    exif[ExifTags.Base.Make] = "PLANTED-MAKE"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.IFD.Exif] = {37500: b"PLANTED-NOTE maker note", 36867: "2026:01:02 03:04:05", 40962: HEIGHT, 40963: WIDTH}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (52.0, 31.0, 12.0), 18: "PLANTED-GPS"}
    data = bytearray(exif.tobytes())
    base = 6
    entries = struct.unpack_from("<H", data, base + 8)[0]
    struct.pack_into("<I", data, base + 10 + 12 * entries, len(data) - base)
    thumbnail = saved(Image.new("RGB", (16, 16)), "JPEG", comment=b"PLANTED-THUMB")
    start = len(data) - base + 2 + 12 * 3 + 4
    second = ((259, 3, 6), (513, 4, start), (514, 4, len(thumbnail)))
    data += struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in second) + bytes(4) + thumbnail
    return bytes(data)


def planted(format: str, dtype: Any = np.uint8) -> bytes:
    """A file of `format`, stored at orientation 6, with a marker in every place where it can carry one."""
    stored = as_stored(smooth("RGB"), 6)
    image = Image.fromarray(stored)
    if format == "JPEG":
        iptc = b"\x1c\x02\x78\0\x0cPLANTED-IPTC"
        resource = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0"
        app13 = b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
        return saved(image, "JPEG", exif=planted_exif(), xmp=XMP, comment=b"PLANTED-COMMENT", icc_profile=SRGB, extra=app13, quality=98)
    if format == "PNG" and dtype == np.uint16:
        profile, exif = chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)), chunk(b"eXIf", planted_exif()[6:])
        text = chunk(b"tEXt", b"Comment\0PLANTED-COMMENT") + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        return png(stored.astype(np.uint16) * 257, 16, 2, profile + exif + text)
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "PLANTED-COMMENT", zip=True)
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return saved(image, "PNG", exif=planted_exif(), pnginfo=info, icc_profile=SRGB)
    if format == "WEBP":
        return saved(image, "WEBP", exif=planted_exif(), xmp=XMP, icc_profile=SRGB, lossless=True)
    return planted_tiff(stored if dtype == np.uint8 else stored.astype(np.uint16) * 257)


def planted_tiff(stored: Array) -> bytes:
    """TIFF keeps EXIF in its own directory, so a file with GPS and so on is that directory with the tags of the pixels added."""
    ifd = ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(planted_exif())
    for tag in exif:
        ifd[tag] = exif.get_ifd(tag) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else exif[tag]
    ifd[700], ifd[34675], ifd[33723] = XMP, SRGB, b"PLANTED-IPTC"
    ifd[270] = "PLANTED-COMMENT"
    ifd[256], ifd[257], ifd[258], ifd[259], ifd[262] = stored.shape[1], stored.shape[0], (8 * stored.itemsize,) * 3, 1, 2
    ifd[277], ifd[278], ifd[279] = 3, stored.shape[0], stored.nbytes
    ifd.tagtype[273] = 4
    ifd[273] = 0
    return b"II*\0\x08\0\0\0" + ifd.tobytes(8) + stored.tobytes()


CARRIERS = [("JPEG", np.uint8), ("PNG", np.uint8), ("PNG", np.uint16), ("WEBP", np.uint8), ("TIFF", np.uint8), ("TIFF", np.uint16)]


@pytest.mark.parametrize(("format", "dtype"), CARRIERS)
def test_no_metadata_is_left(format: str, dtype: Any) -> None:
    source = planted(format, dtype)
    assert sum(marker in source for marker in PLANTED) >= 5
    photo = read_photo(source)
    assert (photo.format, photo.height, photo.width) == (format, HEIGHT, WIDTH)
    assert photo.native.dtype == dtype
    written = encode_photo(photo)
    assert not [marker for marker in PLANTED if marker in written or marker in inflated(written)]
    assert b"PLANTED" not in written
    again = Image.open(io.BytesIO(written))
    assert again.info["icc_profile"] == SRGB
    assert not {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(again.info)
    assert not set(again.getexif()) & {ExifTags.Base.Make, ExifTags.Base.Orientation, ExifTags.IFD.GPSInfo, ExifTags.IFD.Exif}


def inflated(data: bytes) -> bytes:
    """The text of compressed PNG chunks, where a marker could hide."""
    found, position = b"", 8
    while data.startswith(b"\x89PNG") and position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"zTXt":
            found += zlib.decompress(data[position + 8 : position + 8 + length].split(b"\0\0", 1)[1])
        position += 12 + length
    return found


@pytest.mark.parametrize(("format", "dtype"), CARRIERS)
def test_kept_metadata_is_upright_and_shows_no_old_face(format: str, dtype: Any) -> None:
    photo = read_photo(planted(format, dtype))
    written = encode_photo(photo, keep_metadata=True)
    for marker in (b"PLANTED-GPS", b"PLANTED-MAKE", b"PLANTED-XMP"):
        assert marker in written
    for marker in (b"PLANTED-THUMB", b"PLANTED-NOTE", b"PLANTEDXMPTHUMB", b"PLANTED-IPTC", b"/9j/"):
        assert marker not in written
    assert b'tiff:Orientation="1"' in written
    image = JpegImageFile(io.BytesIO(written)) if format == "JPEG" else Image.open(io.BytesIO(written))
    exif = image.getexif()
    assert exif[ExifTags.Base.Orientation] == 1
    assert exif[ExifTags.Base.Make].rstrip("\0") == "PLANTED-MAKE"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 31.0, 12.0)
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    assert (camera[36867].rstrip("\0"), camera[40962], camera[40963]) == ("2026:01:02 03:04:05", WIDTH, HEIGHT)
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    assert image.info["icc_profile"] == SRGB
    again = read_photo(written)  # turned once, not twice
    assert (again.height, again.width, again.metadata.xmp) == (HEIGHT, WIDTH, photo.metadata.xmp)
    if format != "JPEG":
        np.testing.assert_array_equal(again.native, photo.native)
    assert written == encode_photo(read_photo(planted(format, dtype)), keep_metadata=True)


def test_xmp_that_cannot_be_searched_for_pictures_is_dropped() -> None:
    for xmp in (XMP.decode().encode("utf-16"), None, 7):
        assert Metadata.safe(Image.Exif(), xmp, width=40, height=40) == Metadata()


def test_metadata_beyond_the_format_is_refused() -> None:
    photo = read_photo(saved(RGB, "JPEG"))
    huge = Photo.from_native(photo.native, "RGB", "JPEG", metadata=Metadata(xmp=b"x" * 70000))
    with pytest.raises(PhotoError, match=r"XMP data is too long\); leave out --keep-metadata"):
        encode_photo(huge, keep_metadata=True)
    encode_photo(huge)


# ------------------------------------------------------------------------------------------------------------------------- atomic writing


def test_write_atomic(tmp_path: Path) -> None:
    target = tmp_path / "photo.png"
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]
    longest = tmp_path / ("n" * 251 + ".png")  # 255 bytes, all that common file systems allow
    write_atomic(longest, b"long")
    assert longest.read_bytes() == b"long"


def test_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "photo.png"
    target.write_bytes(b"old")
    text: Any = "where bytes belong, so that the write itself fails"
    with pytest.raises(TypeError):
        write_atomic(target, text)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inside").touch()
    with pytest.raises(PhotoError, match=r"expected to write .*folder\.png, found: .*; check the output folder and its free space"):
        write_atomic(tmp_path / "folder.png", b"data")
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png", "folder.png"}
    with pytest.raises(PhotoError, match="No such file or directory"):
        write_atomic(tmp_path / "missing" / "photo.png", b"data")


def test_leftover_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    target, other = tmp_path / "photo.png", tmp_path / "other.png"
    # Dies as a killed run does, with the data written and the file not yet renamed.
    program = """
import os, pathlib, sys
from privacy_faces.photos.write import write_atomic
os.fsync = lambda _: os._exit(9)
write_atomic(pathlib.Path(sys.argv[1]), b"half")
"""
    leftovers: list[Path] = []
    for path in (target, other):
        assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == 9
        leftovers.append(next(found for found in tmp_path.iterdir() if found not in leftovers))
    assert not target.exists()
    assert {path.suffix for path in leftovers} == {".partial"}  # no image extension: a folder run must not take it for a photo
    assert all(path.name.startswith(".") for path in leftovers)
    write_atomic(target, b"whole")
    assert target.read_bytes() == b"whole"
    assert set(tmp_path.iterdir()) == {target, leftovers[1]}  # the other target's is its own business
