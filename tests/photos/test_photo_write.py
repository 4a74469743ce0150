"""Writing photos: what other readers find in the files, untouched pixels, metadata gone or safe, and no half-written
file."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from privacy_faces.config.files import WriteError, write_atomic
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Metadata, Photo, PhotoError
from tests.photo_files import (
    HEIGHT,
    PLANTED,
    SRGB,
    SRGB_KEPT,
    WIDTH,
    XMP,
    blue_first,
    opened,
    pixels,
    planted,
    saved,
    smooth,
)

pytestmark = pytest.mark.filterwarnings("error")  # no warning of an encoder may escape

# ----------------------------------------------------------------------------------------------------------------
# formats


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("profile", [None, SRGB], ids=["plain", "icc"])
def test_bmp(mode: str, profile: bytes | None) -> None:
    photo = Photo.from_native(pixels(mode), mode, "BMP", icc_profile=profile)
    data = encode_photo(photo)
    again = read_photo(data)
    assert (again.format, again.mode, again.icc_profile) == ("BMP", mode, profile and SRGB_KEPT)
    np.testing.assert_array_equal(again.native, photo.native)
    np.testing.assert_array_equal(np.asarray(opened(data)), photo.native)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), blue_first(photo.rgb))


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_16_bit_file_reads_elsewhere(mode: str, format: str) -> None:
    native = pixels(mode, np.uint16)
    data = encode_photo(Photo.from_native(native, mode, format))
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), blue_first(native))
    if format == "TIFF":
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), native)


def test_tall_tiff_has_many_strips() -> None:
    native = np.random.default_rng(0).integers(0, 256, (900, 400, 3)).astype(np.uint8)
    data = encode_photo(Photo.from_native(native, "RGB", "TIFF"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert len(file.pages[0].dataoffsets) == 5  # ceil(900 / (2**18 // 1200))
        np.testing.assert_array_equal(file.pages[0].asarray(), native)
    np.testing.assert_array_equal(read_photo(data).native, native)
    np.testing.assert_array_equal(np.asarray(opened(data)), native)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_is_written_in_high_quality(mode: str) -> None:
    coded = JpegImageFile(io.BytesIO(encode_photo(Photo.from_native(smooth(mode), mode, "JPEG"))))
    assert {layer[1:3] for layer in coded.layer} == {(1, 1)}  # 4:4:4
    assert max(coded.quantization[0]) <= 12  # libjpeg's luminance table at quality 95 ends at 12, at 90 at 24


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossy_webp_stays_lossy(mode: str) -> None:
    photo = read_photo(saved(Image.fromarray(smooth(mode)), "WEBP", quality=98))
    assert (photo.mode, photo.lossless, photo.lossy) == (mode, False, True)
    data = encode_photo(photo)
    again = read_photo(data)
    assert (again.mode, again.lossless, b"VP8L" in data) == (mode, False, False)
    assert np.abs(again.native.astype(int) - photo.native).max() <= 12
    np.testing.assert_array_equal(again.native[..., 3:], photo.native[..., 3:])


@pytest.mark.parametrize(
    ("mode", "dtype", "format"),
    [
        ("RGBA", np.uint8, "JPEG"),
        ("RGB", np.uint16, "JPEG"),
        ("L", np.uint8, "WEBP"),
        ("CMYK", np.uint8, "PNG"),
        ("RGB", np.uint8, "GIF"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(mode: str, dtype: Any, format: str) -> None:
    photo = Photo.from_native(pixels(mode, dtype), mode, format)
    with pytest.raises(
        PhotoError, match=rf"expected a photo that {format} can hold, got \d+-bit {mode}; write it as PNG or TIFF"
    ):
        encode_photo(photo)


def test_too_large_a_picture_is_refused() -> None:
    photo = Photo.from_native(np.zeros((32, 20000, 3), np.uint8), "RGB", "WEBP")
    with pytest.raises(
        PhotoError, match=r"a photo that WEBP can hold, found that it cannot \(.*16383.*\); write it as PNG or TIFF"
    ):
        encode_photo(photo)


# ----------------------------------------------------------------------------------------------------------------
# with_rgb


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("CMYK", np.uint8), *[(mode, dtype) for mode in ("L", "LA", "RGB", "RGBA") for dtype in (np.uint8, np.uint16)]],
)
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
    if mode in ("RGB", "RGBA", "CMYK"):
        np.testing.assert_array_equal(
            changed.rgb, rgb
        )  # for CMYK too: the inverse of the plain formula is exact, as it takes no black ink
    np.testing.assert_array_equal(read_photo(encode_photo(changed)).rgb, changed.rgb)


@pytest.mark.parametrize(("dtype", "expected"), [(np.uint8, (76, 150, 29)), (np.uint16, (19595, 38469, 7471))])
def test_gray_gets_the_luma(dtype: Any, expected: tuple[int, ...]) -> None:
    """Rec. 601: 0.299 R + 0.587 G + 0.114 B; the 8-bit values are those of `Image.new("RGB", (1, 1),
    "red").convert("L")` and so on."""
    top = np.iinfo(dtype).max
    photo = Photo.from_native(np.full((HEIGHT, WIDTH), 7, dtype), "L", "PNG")
    rgb = photo.rgb.copy()
    rgb[0, :3] = np.eye(3, dtype=dtype) * top
    rgb[0, 3] = top
    changed = photo.with_rgb(rgb)
    assert changed.native[0, :4].tolist() == [*expected, top]
    assert changed.rgb[0, 1].tolist() == [expected[1]] * 3  # what the gray file will show


def test_with_rgb_without_change() -> None:
    photo = Photo.from_native(pixels("CMYK"), "CMYK", "TIFF")
    np.testing.assert_array_equal(photo.with_rgb(photo.rgb.copy()).native, photo.native)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((39, 56, 3), np.uint8), ((40, 56, 3), np.uint16), ((40, 56, 3), np.float32)]
)
def test_with_rgb_of_wrong_arrays(shape: tuple[int, ...], dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"expected rgb of shape \(40, 56, 3\) and uint8, got"):
        Photo.from_native(pixels("RGB"), "RGB", "PNG").with_rgb(np.zeros(shape, dtype))


# ----------------------------------------------------------------------------------------------------------------
# metadata

carriers = pytest.mark.parametrize(
    ("format", "dtype"),
    [
        ("JPEG", np.uint8),
        ("PNG", np.uint8),
        ("PNG", np.uint16),
        ("WEBP", np.uint8),
        ("TIFF", np.uint8),
        ("TIFF", np.uint16),
    ],
)


@carriers
def test_no_metadata_is_left(format: str, dtype: Any) -> None:
    source = planted(format, dtype)
    assert sum(marker in source for marker in PLANTED) >= 5
    photo = read_photo(source)
    assert (photo.format, photo.native.dtype, photo.height, photo.width) == (format, dtype, HEIGHT, WIDTH)
    written = encode_photo(photo)
    assert b"PLANTED" not in written
    again = opened(written)
    assert again.info["icc_profile"] == SRGB_KEPT
    assert not {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"} & set(
        again.info
    )  # also where PNG compresses text
    assert not set(again.getexif()) & {
        ExifTags.Base.Make,
        ExifTags.Base.Orientation,
        ExifTags.IFD.GPSInfo,
        ExifTags.IFD.Exif,
    }


@carriers
def test_kept_metadata_is_upright_and_shows_no_old_face(format: str, dtype: Any) -> None:
    photo = read_photo(planted(format, dtype))
    written = encode_photo(photo, keep_metadata=True)
    for marker in (b"PLANTED-GPS", b"PLANTED-MAKE", b"PLANTED-XMP", b'tiff:Orientation="1"'):
        assert marker in written
    for marker in (b"PLANTED-THUMB", b"PLANTED-NOTE", b"PLANTEDXMPTHUMB", b"PLANTED-IPTC", b"/9j/"):
        assert marker not in written
    image = JpegImageFile(io.BytesIO(written)) if format == "JPEG" else opened(written)
    kept = Image.Exif()
    kept.load(photo.metadata.exif)
    assert kept[ExifTags.Base.Orientation] == 1  # in EXIF itself: `image.getexif` would also take it from XMP
    exif = image.getexif()
    assert exif[ExifTags.Base.Orientation] == 1
    assert exif[ExifTags.Base.Make].rstrip("\0") == "PLANTED-MAKE"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 31.0, 12.0)
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    assert (camera[36867].rstrip("\0"), camera[40962], camera[40963]) == ("2026:01:02 03:04:05", WIDTH, HEIGHT)
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    assert image.info["icc_profile"] == SRGB_KEPT
    again = read_photo(written)  # turned once, not twice
    assert (again.height, again.width, again.metadata.xmp) == (HEIGHT, WIDTH, photo.metadata.xmp)
    if format != "JPEG":
        np.testing.assert_array_equal(again.native, photo.native)
    assert written == encode_photo(read_photo(planted(format, dtype)), keep_metadata=True)


@pytest.mark.parametrize("xmp", [XMP.decode().encode("utf-16"), None, 7], ids=["utf-16", "none", "number"])
def test_xmp_that_cannot_be_searched_for_pictures_is_dropped(xmp: object) -> None:
    assert Metadata.safe(Image.Exif(), xmp, width=40, height=40) == Metadata()


def test_metadata_beyond_the_format_is_refused() -> None:
    photo = Photo.from_native(pixels("RGB"), "RGB", "JPEG", metadata=Metadata(xmp=b"x" * 70000))
    with pytest.raises(PhotoError, match=r"XMP data is too long\); leave out --keep-metadata"):
        encode_photo(photo, keep_metadata=True)
    encode_photo(photo)


# ----------------------------------------------------------------------------------------------------------------
# atomic writing


@pytest.mark.parametrize(
    "name", ["photo.png", "n" * 251 + ".png"], ids=["short", "longest"]
)  # 255 bytes, all that common file systems allow
def test_write_atomic(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    write_atomic(target, b"first")
    write_atomic(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [target]


def test_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "photo.png"
    target.write_bytes(b"old")
    text: Any = "where bytes belong, so that the write itself fails"
    with pytest.raises(TypeError):
        write_atomic(target, text)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_target_that_cannot_be_written(tmp_path: Path) -> None:
    target = tmp_path / "folder.png"
    target.mkdir()
    with pytest.raises(
        WriteError, match=r"expected to write .*folder\.png, found: .*; check the output folder and its free space"
    ):
        write_atomic(target, b"data")
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(WriteError, match="No such file or directory"):
        write_atomic(tmp_path / "missing" / "photo.png", b"data")


def test_leftover_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    target, other = tmp_path / "photo.png", tmp_path / "other.png"
    # Dies as a killed run does, with the data written and the file not yet renamed.
    program = """
import os, pathlib, sys
from privacy_faces.config.files import WriteError, write_atomic
os.fsync = lambda _: os._exit(9)
write_atomic(pathlib.Path(sys.argv[1]), b"half")
"""
    leftovers: list[Path] = []
    for path in (target, other):
        assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == 9
        leftovers.append(next(found for found in tmp_path.iterdir() if found not in leftovers))
    assert not target.exists()
    assert {path.suffix for path in leftovers} == {
        ".partial"
    }  # no image extension: a folder run must not take it for a photo
    assert all(path.name.startswith(".") for path in leftovers)
    write_atomic(target, b"whole")
    assert target.read_bytes() == b"whole"
    assert set(tmp_path.iterdir()) == {target, leftovers[1]}  # the other target's is its own business
