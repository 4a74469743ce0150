"""Refusing photos: each kind of bad input gives a PhotoError of its own words, and no input gives anything else."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Photo, PhotoError
from tests.photo_files import (
    HEIGHT,
    PNG_SIGNATURE,
    RGB,
    WIDTH,
    Array,
    Make,
    TiffTags,
    animation,
    chunk,
    cmyk_jpeg,
    opencv_lzw_file,
    opened,
    pixels,
    png,
    png_of_rows,
    saved,
    smooth,
    tiff,
    tifffile_file,
    with_tiff_tags,
)

pytestmark = pytest.mark.filterwarnings("error")  # no warning of a decoder may escape

# ----------------------------------------------------------------------------------------------------------------
# bad files


def patched(data: bytes, position: int, patch: bytes) -> bytes:
    return data[:position] + patch + data[position + len(patch) :]


def bomb_jpeg() -> bytes:
    data = saved(RGB, "JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", 65000, 65000))


def bomb_webp() -> bytes:
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (16382).to_bytes(3, "little") * 2
        + b"VP8L"
        + struct.pack("<I", 6)
        + b"/"
        + bytes(5)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def flipped_png() -> bytes:
    data = saved(RGB, "PNG")
    position = data.index(b"IDAT") + 100
    return patched(data, position, bytes([data[position] ^ 0xFF]))


def short_pixels_png() -> bytes:
    return png_of_rows((WIDTH, HEIGHT), 8, 2, bytes(500))


def lab_tiff() -> bytes:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image: Any = ImageCms.applyTransform(RGB, ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    return saved(image, "TIFF")


def raw_tiff(changes: TiffTags, dtype: Any = np.uint8) -> bytes:
    return with_tiff_tags(tiff(pixels("RGB", dtype), photometric="rgb", rowsperstrip=8), changes)


def fake_lzw_tiff(mode: str, **options: Any) -> bytes:
    return with_tiff_tags(tifffile_file(**options)(pixels(mode, np.uint16), mode, 1), {259: (3, 5)})


UNSUPPORTED = "expected a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo, found "
# name: (suffix, content, words that only this refusal has)
BAD_FILES: dict[str, tuple[str, Make, str]] = {
    "empty": (".jpg", lambda: b"", r"found an empty file \(0 bytes\); copy or download it again"),
    "text": (
        ".jpg",
        lambda: b"A photo of me, taken last summer.\n" * 300,
        UNSUPPORTED + "a text file; perhaps a web page",
    ),
    "text in UTF-8": (".png", "Ein Foto, größer als früher".encode, UNSUPPORTED + "a text file"),
    "text like BMP": (
        ".bmp",
        lambda: b"BMW is a maker of cars, and this is no photo at all",
        UNSUPPORTED + "a text file; perhaps",
    ),
    "web page": (
        ".jpg",
        lambda: b"<!DOCTYPE html><html><body>404</body></html>",
        "perhaps a web page or a link was saved",
    ),
    "noise": (
        ".jpg",
        lambda: bytes(range(7, 250)),
        r"found data of no known image format \(first bytes: 07 08 09 0a 0b 0c 0d 0e\)",
    ),
    "zeros": (".png", lambda: bytes(5000), r"no known image format \(first bytes: 00 00 00 00 00 00 00 00\)"),
    "GIF": (".gif", lambda: saved(RGB, "GIF"), UNSUPPORTED + "a GIF; convert it to JPEG or PNG first"),
    "animated GIF": (
        ".gif",
        lambda: animation("GIF"),
        "a single picture, found an animated GIF of 3 frames; save the frame",
    ),
    "animated WebP": (".webp", lambda: animation("WEBP", 4), "found an animated WebP of 4 frames"),
    "animated PNG": (".png", lambda: animation("PNG", 2), "found an animated PNG of 2 frames"),
    "TIFF pages": (".tif", lambda: animation("TIFF", 5), "found a TIFF of 5 frames"),
    "HEIC": (
        ".heic",
        lambda: struct.pack(">I", 24) + b"ftypheic" + bytes(200),
        r"an intact HEIF, found one that cannot be decoded",
    ),
    "HEIC by name": (".HEIC", lambda: bytes(200), r"no known image format \(first bytes: 00"),
    "cut AVIF": (".avif", lambda: saved(RGB, "AVIF")[:-300], r"found one (?:cut short|that cannot be decoded)"),
    "animated AVIF": (".avif", lambda: animation("AVIF", 3), "found an animated AVIF of 3 frames"),
    "video": (".jpg", lambda: struct.pack(">I", 24) + b"ftypisom" + bytes(200), UNSUPPORTED + "a video"),
    "raw by content": (
        ".tif",
        lambda: b"II*\0\x10\0\0\0CR\x02\0" + bytes(200),
        UNSUPPORTED + "a camera raw file; convert",
    ),
    "raw by name": (".nef", lambda: saved(RGB, "TIFF"), UNSUPPORTED + r"a camera raw file \(\.nef\)"),
    "raw by tag": (".tif", lambda: raw_tiff({50706: (1, 0x401)}), UNSUPPORTED + r"a camera raw file \(DNG\)"),
    "PDF": (".pdf", lambda: b"%PDF-1.7\n" + bytes(200), UNSUPPORTED + "a PDF document"),
    "SVG": (".svg", lambda: b'<?xml version="1.0"?>\n<!-- me -->\n<svg width="9"/>', UNSUPPORTED + "an SVG drawing"),
    "PSD": (".psd", lambda: b"8BPS\0\1" + bytes(200), UNSUPPORTED + r"a Photoshop \(PSD\) document"),
    "JPEG 2000": (".jpg", lambda: saved(RGB, "JPEG2000"), UNSUPPORTED + "a JPEG 2000 photo"),
    "ZIP": (".png", lambda: b"PK\x03\x04" + bytes(100), UNSUPPORTED + "a ZIP archive"),
    "PNG bomb": (
        ".png",
        lambda: png_of_rows((60000, 60000), 8, 2, bytes(1000)),
        r"3 GiB of memory, found .* 60,000 x 60,000 with 3 bytes a pixel; resize .* \(--max-memory 52\)",
    ),
    "JPEG bomb": (".jpg", bomb_jpeg, "declared size of 65,000 x 65,000"),
    "WebP bomb": (".webp", bomb_webp, "declared size of 16,383 x 16,383"),
    "BMP bomb": (
        ".bmp",
        lambda: patched(saved(RGB, "BMP"), 18, struct.pack("<ii", 50000, 50000)),
        "declared size of 50,000 x 50,000",
    ),
    "TIFF bomb": (".tif", lambda: raw_tiff({256: (4, 70000), 257: (4, 70000)}), "declared size of 70,000 x 70,000"),
    "too small": (
        ".png",
        lambda: saved(RGB.resize((300, 31)), "PNG"),
        "expected sides of at least 32 pixels, found 300 x 31, too small",
    ),
    "PNG checksum": (".png", flipped_png, r"an intact PNG, found .*\(wrong checksum of its chunk b'IDAT'\)"),
    "PNG header": (
        ".png",
        lambda: PNG_SIGNATURE + chunk(b"IHDR", b"12") + chunk(b"IEND", b""),
        "expected a whole PNG.*IHDR",
    ),
    "PNG pixels": (".png", short_pixels_png, "expected a whole PNG, found one cut short"),
    "PNG color type": (".png", lambda: png_of_rows((WIDTH, HEIGHT), 8, 7, bytes(5000)), "expected an intact PNG"),
    "JPEG header": (
        ".jpg",
        lambda: b"\xff\xd8\xff\xe0" + bytes(50),
        "expected an intact JPEG, found one that cannot be decoded",
    ),
    "JPEG of 12 bits": (
        ".jpg",
        lambda: saved(RGB, "JPEG").replace(b"\xc0\0\x11\x08", b"\xc0\0\x11\x0c"),
        "intact JPEG.*12-bit",
    ),
    "BMP depth": (".bmp", lambda: saved(RGB, "BMP").replace(b"\1\0\x18\0", b"\1\0\x17\0", 1), "expected an intact BMP"),
    "WebP of nothing": (".webp", lambda: b"RIFF\x04\0\0\0WEBP", r"expected an intact WEBP.*\(no picture in it\)"),
    "LAB TIFF": (
        ".tif",
        lab_tiff,
        "8-bit samples, or of 16-bit gray or RGB, found LAB colors; save it as 8-bit RGB first",
    ),
    "float TIFF": (".tif", lambda: tiff(pixels("L").astype(np.float32)), "found 32-bit floating point samples"),
    "32-bit TIFF": (".tif", lambda: tiff(pixels("L").astype(np.uint32)), "found 32-bit samples"),
    "signed TIFF": (".tif", lambda: tiff(pixels("L").astype(np.int16)), "found 16-bit signed integer samples"),
    "16-bit CMYK": (
        ".tif",
        lambda: tiff(pixels("CMYK", np.uint16), photometric="separated"),
        "found 16-bit CMYK samples",
    ),
    "CFA TIFF": (".tif", lambda: raw_tiff({262: (3, 32803)}), "found photometric interpretation 32803"),
    "LZW planes": (
        ".tif",
        lambda: fake_lzw_tiff("RGB", planarconfig="separate"),
        "found 3 separate channels; save it with ZIP",
    ),
    "LZW of two": (".tif", lambda: fake_lzw_tiff("LA"), "found 2 channels; save it with ZIP"),
    "LZW damaged": (".tif", lambda: fake_lzw_tiff("RGB"), r"expected an intact TIFF.*16-bit LZW pixel data"),
    "TIFF strips": (".tif", lambda: raw_tiff({273: (4, 8), 279: (4, 99)}), "some of its 5 strips or tiles are missing"),
    "TIFF pixels": (".tif", lambda: raw_tiff({278: (3, 40), 273: (4, 8), 279: (4, 99)}), "99 of 6720 bytes of pixels"),
    "TIFF directory": (".tif", lambda: raw_tiff({256: None}), "no width or height"),
    "TIFF beyond its end": (
        ".tif",
        lambda: raw_tiff({278: (3, 40), 273: (4, 8), 279: (4, 10**6)}),
        r"cut short \(\d+ of 1000008 bytes\)",
    ),
    "TIFF deflate": (
        ".tif",
        lambda: raw_tiff({259: (3, 8)}, np.uint16),
        "expected an intact TIFF, found one that cannot be decoded",
    ),
}


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(PhotoError) as refused:
        read_photo(path)
    return str(refused.value)


@pytest.mark.parametrize(("suffix", "make", "message"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_bad_file_is_refused(tmp_path: Path, suffix: str, make: Make, message: str) -> None:
    assert re.search(message, refusal(tmp_path / f"photo{suffix}", make()))


def test_bad_files_have_messages_of_their_own(tmp_path: Path) -> None:
    messages = {refusal(tmp_path / f"photo{suffix}", make()) for suffix, make, _ in BAD_FILES.values()}
    assert (
        len(messages) == len(BAD_FILES) - 4 >= 30
    )  # the four kinds of text are told the same, and so are the two HEICs


# ------------------------------------------------------------------------------------------------------------- bad
# paths, arrays, images


def huge_file(folder: Path) -> Path:
    (folder / "huge.jpg").touch()
    os.truncate(folder / "huge.jpg", 2_000_000_001)  # sparse: it takes no space
    return folder / "huge.jpg"


def inside_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "photo.jpg"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.jpg")
    return folder / "pipe.jpg"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            lambda folder: folder / "missing.jpg",
            r"expected a photo at .*missing\.jpg, found nothing there; check the path",
        ),
        (lambda folder: folder, "found the folder .*; name a photo inside it"),
        (lambda folder: folder / "a\0b.jpg", "expected a readable photo at .*, found: .*null (byte|character)"),
        (lambda folder: folder / ("x" * 300 + ".jpg"), "File name too long"),
        (inside_a_file, "Not a directory"),
        (huge_file, r"at most 332,859,965 bytes, found 2,000,000,001 bytes.* \(--max-memory 11\)"),
        pytest.param(
            pipe, "found a device, pipe or socket", marks=pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
        ),
    ],
    ids=["missing", "folder", "nul", "long", "inside a file", "huge", "pipe"],
)
def test_bad_path_is_refused(tmp_path: Path, place: Callable[[Path], Path], message: str) -> None:
    path = place(tmp_path)
    with pytest.raises(PhotoError, match=message):
        read_photo(path)


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


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(saved(RGB, "JPEG"))
    secret.chmod(0)
    with unprivileged(), pytest.raises(PhotoError, match=r"found permission denied; allow reading it \(chmod u\+r\)"):
        read_photo(secret)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: np.zeros((40, 40, 5), np.uint8),
            r"shape \(H, W\) or \(H, W, C\) with C from 1 to 4, got \(40, 40, 5\)",
        ),
        (lambda: np.zeros(40, np.uint8), r"got \(40,\)"),
        (lambda: np.zeros((40, 40, 3)), r"expected uint8 or uint16 samples, got float64; scale to 0\.\.255"),
        (lambda: np.zeros((40, 40), bool), "got bool"),
        (lambda: np.zeros((40, 8, 3), np.uint8), "sides of at least 32 pixels, found 8 x 40"),
        (lambda: Image.new("F", (40, 40)), "found mode F; convert it to RGB first"),
        (lambda: Image.new("LAB", (40, 40)), "found mode LAB"),
        (lambda: opened(animation("WEBP")), "found an animation of 3 frames"),
        (lambda: opened(saved(RGB, "JPEG")[:-200]), "cut short"),
    ],
)
def test_bad_array_or_image_is_refused(make: Callable[[], Array | Image.Image], message: str) -> None:
    image = make()
    with pytest.raises(PhotoError, match=message):
        photo_from_array(image)


# ----------------------------------------------------------------------------------------------------------------
# hostile conditions

WHOLE_FILES: dict[str, Make] = {
    "JPEG": lambda: saved(RGB, "JPEG"),
    "progressive JPEG": lambda: saved(RGB, "JPEG", progressive=True),
    "CMYK JPEG": lambda: cmyk_jpeg(smooth("CMYK")),
    "PNG": lambda: saved(RGB, "PNG"),
    "16-bit PNG": lambda: png(pixels("RGBA", np.uint16), "RGBA"),
    "WebP": lambda: saved(RGB, "WEBP"),
    "lossless WebP": lambda: saved(RGB, "WEBP", lossless=True),
    "BMP": lambda: saved(RGB, "BMP"),
    "palette BMP": lambda: saved(RGB.quantize(), "BMP"),
    "raw TIFF": lambda: saved(RGB, "TIFF"),
    "LZW TIFF": lambda: saved(RGB, "TIFF", compression="tiff_lzw"),
    "JPEG TIFF": lambda: saved(RGB, "TIFF", compression="jpeg"),
    "16-bit TIFF": lambda: raw_tiff({}, np.uint16),
    "16-bit deflate TIFF": lambda: tiff(pixels("RGB", np.uint16), photometric="rgb", compression="deflate"),
    "16-bit LZW TIFF": lambda: opencv_lzw_file(pixels("RGB", np.uint16), "RGB", 1),
    "BigTIFF": lambda: tiff(pixels("RGB"), photometric="rgb", bigtiff=True),
    "written TIFF": lambda: encode_photo(Photo.from_native(pixels("RGB"), "RGB", "TIFF")),
    "written BMP": lambda: encode_photo(Photo.from_native(pixels("RGBA"), "RGBA", "BMP")),
}
whole_files = pytest.mark.parametrize("make", WHOLE_FILES.values(), ids=list(WHOLE_FILES))


@whole_files
def test_truncated_file_is_refused(make: Make) -> None:
    data = make()
    read_photo(data)
    for cut in (1, 2, 5, 13, 40, len(data) // 4, len(data) // 2, 3 * len(data) // 4, len(data) - 30, len(data) - 9):
        with pytest.raises(PhotoError, match=r"cut short|cannot be decoded|no known image format"):
            read_photo(data[:-cut])


@whole_files
def test_damaged_bytes_never_raise_anything_else(make: Make) -> None:
    data = make()
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


def test_tolerance_that_a_library_switched_on_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(PhotoError, match="cut short"):
        read_photo(short_pixels_png())
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", exhausted)
    with pytest.raises(
        PhotoError, match="expected enough memory to decode this BMP, found too little; use a smaller copy"
    ):
        read_photo(saved(RGB, "BMP"))
