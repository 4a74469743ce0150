"""Hostile photo files by seed: cut, flipped, wrongly named, of sizes that nobody has, of odd modes, with odd metadata,
and what is no photo at all."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, PngImagePlugin

from tests.photo_files import PNG_SIGNATURE, SRGB, animation, chunk, exif_block, png, saved, tiff, with_tiff_tags

FACE = Path(__file__).parents[1] / "assets" / "faces" / "007.png"
SIDE = 160
#: (ending, content)
File = tuple[str, bytes]
Random = np.random.Generator


@cache
def face(side: int = SIDE) -> Image.Image:
    return Image.open(FACE).convert("RGB").resize((side, side))


def heif() -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(face()).save(file, quality=80)
    return file.getvalue()


@cache
def bases() -> dict[str, File]:
    """Good photos of one face, one for each way in which files hold their pixels."""
    rgb, wide = face(), np.asarray(face()).astype(np.uint16) * 257
    alpha = Image.merge("RGBA", (*rgb.split(), Image.linear_gradient("L").resize(rgb.size)))
    exif: dict[str, Any] = {"exif": exif_block(6), "icc_profile": SRGB}
    return {
        "jpeg": (".jpg", saved(rgb, "JPEG", quality=90, **exif)),
        "progressive": (".jpg", saved(rgb, "JPEG", progressive=True, quality=90)),
        "restarts": (".jpg", saved(rgb, "JPEG", restart_marker_rows=1, **exif)),
        "gray": (".jpeg", saved(rgb.convert("L"), "JPEG")),
        "cmyk": (".jpg", saved(rgb.convert("CMYK"), "JPEG")),
        "png": (".png", saved(rgb, "PNG", **exif)),
        "palette": (".png", saved(rgb.convert("P", palette=Image.Palette.ADAPTIVE), "PNG", transparency=3)),
        "bits": (".png", saved(rgb.convert("1"), "PNG")),
        "alpha": (".png", saved(alpha, "PNG")),
        "gray alpha": (".png", saved(alpha.convert("LA"), "PNG")),
        "deep": (".png", png(wide, "RGB")),
        "deep alpha": (".png", png(np.dstack([wide, wide[..., 0]]), "RGBA")),
        "webp": (".webp", saved(rgb, "WEBP", **exif)),
        "lossless": (".webp", saved(alpha, "WEBP", lossless=True, exact=True)),
        "tiff": (".tif", saved(rgb, "TIFF", compression="tiff_lzw", **exif)),
        "deep tiff": (".tiff", tiff(wide, photometric="rgb", compression="zlib")),
        "tiles": (".tif", tiff(np.asarray(rgb), photometric="rgb", tile=(64, 64))),
        "planes": (".tif", tiff(wide.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")),
        "bmp": (".bmp", saved(rgb, "BMP")),
        "avif": (".avif", saved(rgb, "AVIF")),
        "heif": (".heic", heif()),
    }


def some(random: Random) -> File:
    return list(bases().values())[random.integers(len(bases()))]


# ----------------------------------------------------------------------------------------------------------------
# Damage


def cut(random: Random) -> File:
    ending, data = some(random)
    return ending, data[: random.integers(1, len(data))]


def flipped(random: Random, most: int | None = None) -> File:
    ending, data = some(random)
    changed = bytearray(data)
    for place in random.integers(0, min(most or len(data), len(data)), random.integers(1, 20)):
        changed[place] ^= 1 << random.integers(8)
    return ending, bytes(changed)


def flipped_header(random: Random) -> File:
    return flipped(random, 200)


def spliced(random: Random) -> File:
    """A piece is removed, repeated, or replaced by zeros or noise."""
    ending, data = some(random)
    first, second = sorted(random.integers(0, len(data), 2))
    piece = data[first:second]
    new = [b"", piece * 3, bytes(len(piece)), random.bytes(len(piece))][random.integers(4)]
    return ending, data[:first] + new + data[second:]


def joined(random: Random) -> File:
    (ending, data), (_, more) = some(random), some(random)
    return ending, data + [more, random.bytes(5000), b"PK\5\6" + bytes(18)][random.integers(3)]


# ----------------------------------------------------------------------------------------------------------------
# Names and sizes


def wrongly_named(random: Random) -> File:
    endings = [".jpg", ".png", ".webp", ".tif", ".bmp", ".heic", ".HIF", ".JPG", ".jpg_large", "", ".nef", ".svg"]
    return endings[random.integers(len(endings))], some(random)[1]


def declared(random: Random) -> File:
    """A header that declares a size, over pixels of another."""
    sizes = [0, 1, 31, 33, 161, 5000, 9999, 10_300, 16_383, 30_000, 65_535, 2**31 - 1, 2**32 - 1]
    width, height = (sizes[random.integers(len(sizes))] for _ in range(2))
    kind = ["jpeg", "progressive", "png", "deep", "webp", "bmp", "tiff", "tiles", "avif", "heif"][random.integers(10)]
    ending, data = bases()[kind]
    if ending == ".png":
        body = struct.pack(">II", width, height) + data[24:29]
        return ending, data[:8] + chunk(b"IHDR", body) + data[33:]
    if ending == ".jpg":
        place = data.index(b"\xff\xc2" if kind == "progressive" else b"\xff\xc0")
        return ending, data[: place + 5] + struct.pack(">HH", height & 65535, width & 65535) + data[place + 9 :]
    if ending == ".bmp":
        return ending, data[:18] + struct.pack("<II", width, height) + data[26:]
    if ending == ".tif":
        tags = (322, 323) if kind == "tiles" and random.integers(2) else (256, 257)
        return ending, with_tiff_tags(data, {tags[0]: (4, width), tags[1]: (4, height)})
    if ending == ".webp":
        body = bytes(4) + b"".join(min(side, 2**24 - 1).to_bytes(3, "little") for side in (width, height))
        return ending, b"RIFF" + struct.pack("<I", 4 + 18 + len(data)) + b"WEBPVP8X\n\0\0\0" + body + data[12:]
    place = data.index(b"ispe") + 8
    return ending, data[:place] + struct.pack(">II", width, height) + data[place + 8 :]


def bomb(random: Random) -> File:
    """A small file that is what it declares, and large."""
    width, height, color, depth = [(30_000, 40_000, 2, 8), (9000, 9000, 6, 16), (46_000, 65_000, 0, 1)][
        random.integers(3)
    ]
    packed, row = zlib.compressobj(9), bytes(1 + width * {0: 1, 2: 3, 6: 4}[color] * depth // 8)
    rows = b"".join(packed.compress(row * 50) for _ in range(min(height, 2000) // 50))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return ".png", PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows + packed.flush()) + chunk(b"IEND", b"")


def strip(random: Random) -> File:
    sizes = [(4000, 60), (60, 4000), (32, 32), (33, 3000), (8000, 32), (31, 900), (1, 1)]
    return ".png", saved(face().resize(sizes[random.integers(len(sizes))]), "PNG")


def odd_mode(random: Random) -> File:
    mode = ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB", "PA"][random.integers(12)]
    image = face().convert("L").convert("I").convert("I;16") if mode == "I;16" else None
    for format, ending in (("TIFF", ".tif"), ("PNG", ".png")):
        try:
            return ending, saved(image or face().convert("LA" if mode == "PA" else "RGB").convert(mode), format)
        except (OSError, ValueError, KeyError):
            continue
    return ".png", saved(face(), "PNG")


# ----------------------------------------------------------------------------------------------------------------
# Metadata, and what is no photo


def odd_metadata(random: Random) -> File:
    junk = random.bytes(3000)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "0" * 3_000_000, zip=True)
    profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50_000_000)))
    png_data = saved(face(), "PNG")
    choices: list[Callable[[], File]] = [
        lambda: (".jpg", saved(face(), "JPEG", exif=exif_block(int(random.integers(0, 2**16))))),
        lambda: (".jpg", saved(face(), "JPEG", exif=b"Exif\0\0" + junk)),
        lambda: (".jpg", saved(face(), "JPEG", exif=exif_block(3)[:-7] + junk)),
        lambda: (".jpg", saved(face(), "JPEG", icc_profile=junk)),
        lambda: (".jpg", saved(face(), "JPEG", icc_profile=SRGB[:100] + junk)),
        lambda: (".jpg", saved(face(), "JPEG", comment=b"\x1b]0;gone\x07\n" + junk)),
        lambda: (".jpg", saved(face(), "JPEG", xmp=b"<x:xmpmeta>" + b"<a>" * 10_000)),
        lambda: (".png", saved(face(), "PNG", pnginfo=text)),
        lambda: (".png", png_data[:33] + profile + png_data[33:]),
        lambda: (".png", png_data[:33] + chunk(b"gAMA", b"\0\0\0\0") + chunk(b"cHRM", junk) + png_data[33:]),
        lambda: (".webp", saved(face(), "WEBP", exif=b"Exif\0\0" + junk, icc_profile=junk)),
        lambda: (".tif", with_tiff_tags(saved(face(), "TIFF"), {274: (3, 77), 34665: (4, 5), 700: (1, junk)})),
        lambda: (".tif", with_tiff_tags(saved(face(), "TIFF"), {258: (3, 64), 277: (3, 60_000)})),
    ]
    return choices[random.integers(len(choices))]()


def no_photo(random: Random) -> File:
    choices: list[File] = [
        (".jpg", b""),
        (".png", b"\0"),
        (".jpg", random.bytes(int(random.integers(1, 5000)))),
        (".png", PNG_SIGNATURE),
        (".jpg", b"\xff\xd8\xff"),
        (".jpg", b"\xff\xd8" + b"\xff\xe0\0\2" * 5000),
        (".webp", b"RIFF\xff\xff\xff\xffWEBPVP8X"),
        (".tif", b"II*\0\x08\0\0\0\xff\xff" + random.bytes(3000)),
        (".tif", b"II*\0\x08\0\0\0\0\0\x08\0\0\0"),
        (".tif", b"MM\0+" + random.bytes(60)),
        (".bmp", b"BM" + random.bytes(100)),
        (".heic", b"\0\0\0\x18ftypheic" + random.bytes(500)),
        (".avif", b"\0\0\0\x1cftypavif" + random.bytes(500)),
        (".jpg", b"<!DOCTYPE html><html>404</html>"),
        (".svg", b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha">]><svg>&a;</svg>'),
        (".gif", saved(face(), "GIF")),
        (".gif", animation("GIF", 3)),
        (".png", animation("PNG", 2)),
        (".webp", animation("WEBP", 3)),
        (".tif", animation("TIFF", 3)),
        (".jpg", "ein Foto".encode("utf-16")),
        (".psd", b"8BPS\0\1" + bytes(60)),
        (".jpg", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)),
        (".png", b"PK\3\4" + random.bytes(200)),
    ]
    return choices[random.integers(len(choices))]


KINDS: tuple[Callable[[Random], File], ...] = (
    cut,
    flipped,
    flipped_header,
    spliced,
    joined,
    wrongly_named,
    declared,
    declared,
    bomb,
    strip,
    odd_mode,
    odd_metadata,
    no_photo,
)

NAMES = (
    b"\x1b[2K\x1b[1A.png",
    b"a\nb.png  1  dlib-resnet (held-out)  1.000  0.1  0.9  no longer matched.png",
    b"\xff\xfe\x80 not utf-8.png",
    "\u202egnp.exe.png".encode(),
    "Zoë 写真 \N{GRINNING FACE}.png".encode(),
    b"-rf.png",
    b"%s {0} $(id) `id`.png",
    b"x" * 247 + b".png",
    b"run.json.png",
    b" .png",
    b"..png.png",
    b"masks.png",
)


def put_names(folder: Path) -> None:
    """A good photo under each of many names."""
    for name in NAMES:
        (Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))).write_bytes(bases()["png"][1])


def put_special(folder: Path) -> None:
    """Links of all kinds, a pipe, a socket, a folder named like a photo, a photo that must not be read."""
    links = {
        "link.png": folder / "good-0.png",
        "nowhere.png": folder / "is not here.png",
        "self.png": folder / "self.png",
        "zero.png": Path("/dev/zero"),
        "loop": folder,
        "to a folder.png": folder,
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.png")
    (folder / "folder.png").mkdir()
    os.mknod(folder / "socket.png", stat.S_IFSOCK | 0o600)
    (folder / "sparse.jpg").touch()
    os.truncate(folder / "sparse.jpg", 10**12)


def put_files(folder: Path, seed: int, count: int) -> list[str]:
    """`count` files, each kind in turn; the same for the same seed."""
    random, names = np.random.default_rng(seed), []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        ending, data = kind(random)
        names.append(f"{number:03d} {kind.__name__}{ending}")
        (folder / names[-1]).write_bytes(data)
    return names
