"""Color profiles: what colors are computed from is kept, anything else is gone."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from privacy_faces.photos.formats.icc import HEADER, colors_only
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from tests.photo_files import SRGB, cmyk_profile, opened, pixels, saved

SECRET = b"SECRET-of-a-user"


def tags_of(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, HEADER)
    entries = [struct.unpack_from(">4sII", profile, HEADER + 4 + 12 * index) for index in range(count)]
    return {name: profile[offset : offset + length] for name, offset, length in entries}


def put_together(header: bytes, tags: dict[bytes, bytes], end: bytes = b"") -> bytes:
    place, directory = HEADER + 4 + 12 * len(tags), struct.pack(">I", len(tags))
    for name, data in tags.items():
        directory += struct.pack(">4sII", name, place, len(data))
        place += len(data) + -len(data) % 4
    body = b"".join(data + bytes(-len(data) % 4) for data in tags.values())
    whole = header + directory + body + end
    return struct.pack(">I", len(whole)) + whole[4:]


def with_secrets(profile: bytes) -> bytes:
    """Secrets in the header, in texts, in a private tag, behind what tags need, and behind everything."""
    picture = saved(Image.fromarray(pixels("RGB")), "JPEG")
    header = profile[:4] + SECRET[:4] + profile[8:48] + SECRET[:8] + profile[56:80] + SECRET + SECRET + SECRET
    tags = {name: data + SECRET for name, data in tags_of(profile).items()}
    tags |= {b"cprt": b"text\0\0\0\0" + SECRET, b"desc": b"desc\0\0\0\0" + struct.pack(">I", 17) + SECRET + bytes(79)}
    return put_together(header[:HEADER], tags | {b"Prvt": picture}, end=picture + SECRET)


def chain(kind: bytes) -> bytes:
    """A version 4 profile of a grid between curves ('mAB '), with secrets in its gaps."""
    curve = b"para" + bytes(4) + struct.pack(">Hxxi", 0, 0x10000)
    curves = curve * 3
    grid = bytes([2, 2, 2]) + bytes(13) + b"\1" + bytes(3) + bytes(np.indices((2, 2, 2)).reshape(3, -1).T * 255)
    start = 32 + len(SECRET)
    places = (start, 0, 0, start + len(curves) + 16, start + len(curves) + 16 + len(grid) + 16)
    table = kind + bytes(4) + b"\3\3\0\0" + struct.pack(">5I", *places)
    return table + SECRET + curves + SECRET + grid + SECRET + curves + SECRET


def chained() -> bytes:
    header = bytearray(SRGB[:HEADER])
    header[8:12], header[12:16], header[20:24] = b"\x04\x30\0\0", b"prtr", b"Lab "
    kept = {name: data for name, data in tags_of(SRGB).items() if name == b"wtpt"}
    return put_together(bytes(header), kept | {b"A2B0": chain(b"mAB "), b"B2A0": chain(b"mBA ")})


@pytest.mark.parametrize("profile", [SRGB, cmyk_profile(), chained()], ids=["matrix", "table", "chain"])
def test_only_what_colors_are_computed_from_is_left(profile: bytes) -> None:
    planted = with_secrets(profile)
    assert planted.count(SECRET) > 3
    kept, cleaned = colors_only(profile), colors_only(planted)
    assert kept is not None
    assert cleaned is not None
    for secret in (SECRET, SECRET[:4], b"\xff\xd8\xff", SECRET.decode().encode("utf-16-be")):
        assert secret not in cleaned
    assert colors_only(cleaned) == cleaned, "cleaned twice is the same"
    assert tags_of(kept) | {b"desc": b""} == tags_of(cleaned) | {b"desc": b""}
    assert set(tags_of(kept)) <= set(tags_of(profile)) | {b"desc", b"cprt"}
    space, lab = {b"RGB ": "RGB", b"CMYK": "CMYK"}[profile[16:20]], ImageCms.createProfile("LAB")
    image = Image.fromarray(pixels(space), space)
    before, after = (
        np.array(ImageCms.applyTransform(image, ImageCms.buildTransform(io.BytesIO(data), lab, space, "LAB")))
        for data in (profile, kept)
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_format_passes_a_profile_on_unread(name: str) -> None:
    source = saved(Image.fromarray(pixels("RGB")), name, icc_profile=with_secrets(SRGB))
    written = encode_photo(read_photo(source), keep_metadata=True)
    profile = opened(written).info["icc_profile"]
    assert SECRET not in written
    assert SECRET not in profile
    assert b"rXYZ" in profile


def test_standard_names_stay_and_others_go() -> None:
    tags = tags_of(SRGB)
    for title, kept in (("Display P3", True), ("Camera 4711 of Ann", False)):
        wide = title.encode("utf-16-be")
        tags[b"desc"] = b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(wide), 28) + wide
        cleaned = colors_only(put_together(SRGB[:HEADER], tags))
        assert cleaned is not None
        assert (wide in cleaned) == kept


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", SRGB[:200], bytes(500), SRGB.replace(b"rXYZ", b"xxxx"), SRGB[:128] + b"\xff" * 300],
    ids=["text", "cut", "zeros", "without colors", "directory"],
)
def test_what_is_no_profile_is_dropped_and_said(profile: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert colors_only(profile) is None
    assert "the color profile cannot be understood" in caplog.text


def test_damaged_profiles_raise_nothing() -> None:
    random = np.random.default_rng(0)
    for source in (SRGB, cmyk_profile(), chained()):
        for _ in range(100):
            damaged = bytearray(source)
            for place in random.integers(0, len(source), 4):
                damaged[place] = random.integers(256)
            colors_only(bytes(damaged))
