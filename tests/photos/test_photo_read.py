"""Reading photos: every format, color model, depth and orientation gives the right upright pixels, and writing keeps
them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from privacy_faces.photos.formats.icc import colors_only
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.formats.write import encode_photo
from tests.photo_files import (
    HEIGHT,
    RGB,
    SRGB,
    SRGB_KEPT,
    WIDTH,
    MakeStored,
    as_stored,
    chunk,
    cmyk_jpeg,
    cmyk_profile,
    exif_block,
    opencv_lzw_file,
    opened,
    pillow_file,
    pixels,
    png,
    png_file,
    png_of_rows,
    saved,
    smooth,
    tiff,
    tifffile_file,
)

pytestmark = pytest.mark.filterwarnings("error")  # no warning of a decoder may escape

# ------------------------------------------------------------------------------------------------------- formats x
# modes x orientations

LOSSLESS_FILES: list[tuple[str, str, str, MakeStored, tuple[str, ...]]] = [  # id, format, dtype, how to make it, modes
    ("PNG-8", "PNG", "uint8", pillow_file("PNG"), ("L", "LA", "RGB", "RGBA")),
    ("PNG-16", "PNG", "uint16", png_file, ("L", "LA", "RGB", "RGBA")),
    ("WebP", "WEBP", "uint8", pillow_file("WEBP", lossless=True, exact=True), ("RGB", "RGBA")),
    ("TIFF-8", "TIFF", "uint8", tifffile_file(), ("L", "LA", "RGB", "RGBA", "CMYK")),
    ("TIFF-8-LZW", "TIFF", "uint8", pillow_file("TIFF", compression="tiff_lzw"), ("L", "RGB", "RGBA", "CMYK")),
    ("TIFF-16-deflate", "TIFF", "uint16", tifffile_file(compression="deflate"), ("L", "LA", "RGB", "RGBA")),
    ("TIFF-16-LZW", "TIFF", "uint16", opencv_lzw_file, ("L", "RGB", "RGBA")),
    ("TIFF-16-planes", "TIFF", "uint16", tifffile_file(planarconfig="separate", tile=(16, 16)), ("RGB", "RGBA")),
    (
        "TIFF-16-big-endian",
        "TIFF",
        "uint16",
        tifffile_file(byteorder=">", predictor=True, compression="deflate"),
        ("L", "RGB"),
    ),
    ("BigTIFF-8", "TIFF", "uint8", tifffile_file(bigtiff=True), ("RGB",)),
    ("BigTIFF-16", "TIFF", "uint16", tifffile_file(bigtiff=True), ("RGB",)),
]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format", "dtype", "make", "mode"),
    [
        pytest.param(format, dtype, make, mode, id=f"{name}-{mode}")
        for name, format, dtype, make, modes in LOSSLESS_FILES
        for mode in modes
    ],
)
def test_lossless_file_survives(format: str, dtype: str, make: MakeStored, mode: str, orientation: int) -> None:
    upright = pixels(mode, dtype)
    data = make(as_stored(upright, orientation), mode, orientation)
    photo = read_photo(data)
    assert (photo.format, photo.mode, photo.lossy, photo.icc_profile) == (format, mode, False, SRGB_KEPT)
    assert (photo.height, photo.width, photo.rgb.shape) == (HEIGHT, WIDTH, (HEIGHT, WIDTH, 3))
    assert photo.native.dtype == photo.rgb.dtype == dtype
    np.testing.assert_array_equal(photo.native, upright)
    if mode != "CMYK":
        gray = upright.reshape(HEIGHT, WIDTH, -1)[..., [0, 0, 0]]
        np.testing.assert_array_equal(photo.rgb, upright[..., :3] if mode.startswith("RGB") else gray)

    again = read_photo(encode_photo(photo, keep_metadata=orientation % 2 == 0))
    assert (again.format, again.mode, again.icc_profile) == (format, mode, SRGB_KEPT)
    np.testing.assert_array_equal(again.native, upright)
    np.testing.assert_array_equal(again.rgb, photo.rgb)
    assert encode_photo(photo) == encode_photo(read_photo(data))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_survives(mode: str, orientation: int) -> None:
    upright = smooth(mode)
    photo = read_photo(
        pillow_file("JPEG", quality=98, subsampling=0)(as_stored(upright, orientation), mode, orientation)
    )
    assert (photo.format, photo.mode, photo.lossy, photo.native.shape) == ("JPEG", mode, True, upright.shape)
    assert np.abs(photo.native.astype(int) - upright).max() <= 6
    again = read_photo(encode_photo(photo))
    assert (again.format, again.mode, again.icc_profile) == ("JPEG", mode, SRGB_KEPT)
    assert np.abs(again.native.astype(int) - photo.native).max() <= 6


# -------------------------------------------------------------------------------------------------------------- unusual
# but valid files


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize(
    ("image", "mode"),
    [(RGB.convert("1"), "L"), (RGB.convert("L"), "L"), (RGB.quantize(64), "RGB"), (RGB, "RGB")],
    ids=["1", "L", "P", "RGB"],
)
def test_bits_become_gray_and_palettes_colors(image: Image.Image, mode: str, format: str) -> None:
    photo = read_photo(saved(image, format))
    assert (photo.format, photo.mode) == (format, mode)
    np.testing.assert_array_equal(photo.native, np.asarray(image.convert(mode)))


@pytest.mark.parametrize(
    ("transparency", "alphas"),
    [(3, [255, 255, 255, 0, *[255] * 60]), (bytes(range(0, 256, 4)), range(0, 256, 4))],
    ids=["index", "table"],
)
def test_transparent_palette_becomes_rgba(transparency: int | bytes, alphas: list[int]) -> None:
    image = RGB.quantize(64)
    photo = read_photo(saved(image, "PNG", transparency=transparency))
    assert photo.mode == "RGBA"
    np.testing.assert_array_equal(photo.native[..., 3], np.array(alphas)[np.asarray(image)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_transparent_color_becomes_alpha(mode: str, dtype: Any) -> None:
    samples = pixels(mode, dtype)
    key = np.atleast_1d(samples[7, 9])
    photo = read_photo(png(samples, mode, chunk(b"tRNS", key.astype(">u2").tobytes())))
    assert photo.mode == mode + "A"
    same = (samples.reshape(HEIGHT, WIDTH, -1) == key).all(-1)
    assert same[7, 9]
    np.testing.assert_array_equal(photo.native[..., -1], np.where(same, 0, np.iinfo(dtype).max))


def test_transparent_gray_of_four_bits() -> None:
    levels = np.random.default_rng(0).integers(0, 16, (HEIGHT, WIDTH)).astype(np.uint8)
    packed = np.pad(levels[:, ::2] << 4 | levels[:, 1::2], ((0, 0), (1, 0)))
    photo = read_photo(png_of_rows((WIDTH, HEIGHT), 4, 0, packed.tobytes(), chunk(b"tRNS", b"\0\x05")))
    np.testing.assert_array_equal(photo.native, np.stack([levels * 17, np.where(levels == 5, 0, 255)], -1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_tiff(dtype: Any) -> None:
    samples = pixels("L", dtype)
    np.testing.assert_array_equal(read_photo(tiff(samples, photometric="miniswhite")).native, ~samples)


def test_premultiplied_and_unspecified_extra_channels_of_16_bit_tiff() -> None:
    samples = np.full((HEIGHT, WIDTH, 4), (8192, 16384, 32768, 32768), np.uint16)
    samples[0, 0] = 0
    photo = read_photo(tiff(samples, photometric="rgb", extrasamples=["assocalpha"]))
    assert photo.native[1, 1].tolist() == [16384, 32768, 65535, 32768]  # color * 65535 / alpha, rounded
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
    assert photo_from_array(opened(data)).format == "JPEG"


@pytest.mark.parametrize("name", ["photo.jpg", "photo.heic", "photo.dng", "photo"])
def test_content_counts_not_the_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(saved(RGB, "PNG"))
    assert read_photo(tmp_path / name).format == "PNG"


def test_damaged_exif_does_not_cost_the_photo(caplog: pytest.LogCaptureFixture) -> None:
    photo = read_photo(saved(RGB, "PNG", exif=b"Exif\0\0XX*\0garbage"))
    assert "EXIF block cannot be read" in caplog.text
    np.testing.assert_array_equal(photo.native, pixels("RGB"))
    assert photo.metadata.exif == b""


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_odd_orientation_is_upright(orientation: int) -> None:
    np.testing.assert_array_equal(read_photo(saved(RGB, "PNG", exif=exif_block(orientation))).native, pixels("RGB"))


# ----------------------------------------------------------------------------------------------------------------
# CMYK


@pytest.mark.parametrize(
    ("inks", "rgb"), [((255, 0, 0, 0), (0, 255, 255)), ((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))]
)
def test_cmyk_without_profile_uses_the_plain_formula(inks: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    photo = read_photo(cmyk_jpeg(np.full((HEIGHT, WIDTH, 4), inks, np.uint8)))
    assert photo.mode == "CMYK"
    np.testing.assert_allclose(photo.rgb[4, 4], rgb, atol=2)


def test_cmyk_jpeg_without_adobe_marker_is_not_inverted() -> None:
    samples = np.full((HEIGHT, WIDTH, 4), (200, 40, 90, 10), np.uint8)
    data = cmyk_jpeg(samples)
    start = data.index(b"\xff\xee")
    length = struct.unpack_from(">H", data, start + 2)[0]
    assert data[start + 4 : start + 9] == b"Adobe"
    plain = data[:start] + data[start + 2 + length :]  # the same stored samples, now without the promise of inversion
    np.testing.assert_allclose(read_photo(data).native, samples, atol=2)
    np.testing.assert_allclose(read_photo(plain).native, 255 - samples, atol=2)
    np.testing.assert_allclose(photo_from_array(opened(plain)).native, 255 - samples, atol=2)


def test_cmyk_profile_is_used_both_ways_and_stays() -> None:
    profile = cmyk_profile()
    photo = read_photo(cmyk_jpeg(np.full((HEIGHT, WIDTH, 4), (255, 0, 0, 0), np.uint8), icc_profile=profile))
    np.testing.assert_allclose(
        photo.rgb, np.full_like(photo.rgb, (128, 255, 255)), atol=8
    )  # half as much cyan as the plain formula
    rgb = photo.rgb.copy()
    rgb[10:20, 10:20] = (255, 190, 255)
    changed = photo.with_rgb(rgb)
    np.testing.assert_array_equal(changed.native[0], photo.native[0])
    np.testing.assert_allclose(changed.native[15, 15], (0, 130, 0, 0), atol=36)  # the plain formula would say 65
    np.testing.assert_allclose(changed.rgb[15, 15].astype(int), (255, 190, 255), atol=24)
    assert read_photo(encode_photo(changed)).icc_profile == photo.icc_profile == colors_only(profile)


@pytest.mark.parametrize("profile", [SRGB, b"not a profile"], ids=["rgb", "damaged"])
def test_unusable_cmyk_profile_is_said(profile: bytes, caplog: pytest.LogCaptureFixture) -> None:
    photo = read_photo(cmyk_jpeg(smooth("CMYK"), icc_profile=profile))
    assert ("cannot convert CMYK" if profile is SRGB else "cannot be understood") in caplog.text
    np.testing.assert_array_equal(photo.rgb, read_photo(cmyk_jpeg(smooth("CMYK"))).rgb)
    assert photo.icc_profile == (SRGB_KEPT if profile is SRGB else None)


# ------------------------------------------------------------------------------------------------------------- arrays
# and Pillow images


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_photo_from_array(mode: str, dtype: str) -> None:
    array = pixels(mode, np.dtype(dtype).newbyteorder("=")).astype(dtype)
    photo = photo_from_array(array)
    assert (photo.mode, photo.format, photo.lossy) == (mode, "PNG", False)
    np.testing.assert_array_equal(photo.native, array)
    np.testing.assert_array_equal(read_photo(encode_photo(photo)).native, array)
    array[0, 0] = 99
    assert (photo.native[0, 0] == 0).all()  # a copy


def test_photo_from_array_with_one_channel() -> None:
    np.testing.assert_array_equal(photo_from_array(pixels("L")[..., None]).native, pixels("L"))


@pytest.mark.parametrize(
    ("image", "mode", "format"),
    [
        (lambda: RGB, "RGB", "PNG"),
        (lambda: RGB.quantize(16), "RGB", "PNG"),
        (lambda: Image.fromarray(pixels("L", np.uint16)), "L", "PNG"),
        (lambda: RGB.convert("CMYK"), "CMYK", "TIFF"),
        (lambda: opened(saved(RGB, "JPEG")), "RGB", "JPEG"),
        (lambda: opened(saved(RGB, "WEBP")), "RGB", "WEBP"),
        (lambda: opened(saved(RGB, "GIF")), "RGB", "PNG"),
    ],
    ids=["rgb", "palette", "16-bit", "cmyk", "jpeg", "webp", "gif"],
)
def test_photo_from_pillow(image: Callable[[], Image.Image], mode: str, format: str) -> None:
    photo = photo_from_array(image())
    assert (photo.mode, photo.format) == (mode, format)
    assert read_photo(encode_photo(photo)).format == format


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_pillow_image_is_turned_upright(format: str) -> None:
    image = opened(pillow_file(format)(as_stored(pixels("RGB"), 8), "RGB", 8))
    np.testing.assert_array_equal(photo_from_array(image).native, pixels("RGB"))
