"""Files with an end marker, but without all of their pixels."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import PhotoError
from tests.photo_files import PNG_SIGNATURE, saved

END = b"\xff\xd9"
KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "halved colors": {"subsampling": 2},
    "restarts": {"restart_marker_blocks": 5},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
}


def picture(mode: str) -> Image.Image:
    """Gradients with noise, so that the pixels take most of the file."""
    rows, columns = np.mgrid[:90, :130]
    noise = np.random.default_rng(0).normal(0, 20, (90, 130, 3))
    colors = np.stack([rows + 60, columns + 40, 200 - rows], axis=-1) + noise
    return Image.fromarray(np.clip(colors, 0, 255).astype(np.uint8)).convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("kind", KINDS)
def test_jpeg_cut_short_before_its_end_marker_is_refused(kind: str, mode: str) -> None:
    data = saved(picture(mode), "JPEG", quality=90, **KINDS[kind])
    start = data.index(b"\xff\xda") + 20
    assert read_photo(data).width == 130
    assert read_photo(data[:-2] + b"extra bytes" + END + b"more behind it").width == 130
    for place in np.linspace(start, len(data) - 300, 9).astype(int):
        with pytest.raises(PhotoError, match="expected a whole JPEG, found one cut short"):
            read_photo(data[:place].rstrip(b"\xff") + END)


def test_jpeg_cut_between_two_restart_markers_is_refused() -> None:
    data = saved(picture("RGB"), "JPEG", restart_marker_rows=1)
    place = data.index(b"\xff\xd2")
    with pytest.raises(PhotoError, match="its data end before its pixels do"):
        read_photo(data[:place] + END)


def test_progressive_jpeg_cut_between_two_scans_is_refused() -> None:
    data = saved(picture("RGB"), "JPEG", progressive=True)
    place = data.rindex(b"\xff\xc4")  # the tables of the last scan
    with pytest.raises(PhotoError, match="no data for 63 of its coefficients"):
        read_photo(data[:place] + END)


def interlaced_rows(side: int, passes: int) -> bytes:
    steps = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    gray = np.full((side, side), 90, np.uint8)
    parts = [gray[top::down, left::across] for top, left, down, across in steps[:passes]]
    return b"".join(b"\0" + row.tobytes() for part in parts for row in part)


@pytest.mark.parametrize(
    ("depth", "interlaced", "pixels", "whole"),
    [
        (8, 0, b"\0" * 41 * 40, True),
        (8, 0, b"\0" * 41 * 20, False),
        (8, 0, b"\0" * (41 * 40 - 1), False),
        (16, 0, b"\0" * 81 * 40, True),
        (16, 0, b"\0" * 81 * 20, False),
        (1, 0, b"\0" * 6 * 40, True),
        (1, 0, b"\0" * 6 * 39, False),
        (8, 1, interlaced_rows(40, 7), True),
        (8, 1, interlaced_rows(40, 6), False),
    ],
)
def test_png_without_all_of_its_rows_is_refused(depth: int, interlaced: int, pixels: bytes, whole: bool) -> None:
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 40, 40, depth, 0, 0, 0, interlaced)),
        (b"IDAT", zlib.compress(pixels)),
        (b"IEND", b""),
    )
    data = PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    if whole:
        assert read_photo(data).width == Image.open(io.BytesIO(data)).width
        return
    with pytest.raises(PhotoError, match=r"expected a whole PNG, found one cut short \([0-9,]+ of [0-9,]+ bytes"):
        read_photo(data)
