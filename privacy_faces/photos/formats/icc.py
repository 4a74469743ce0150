"""Color profiles, of which only what colors are computed from is kept (ICC.1:2022; ICC.1:2001-04 for version 2).

A profile may carry texts, dates, serial numbers, private tags with a picture in them, and bytes that no tag names. It
is therefore taken apart and built anew of the tags that a color transform reads.
"""

from __future__ import annotations

import io
import logging
import math
import struct

from PIL import ImageCms

log = logging.getLogger(__name__)

HEADER, DIRECTORY_ENTRY = 128, 12
CLASSES, SPACES, CONNECTIONS = (b"mntr", b"scnr", b"prtr", b"spac"), (b"RGB ", b"GRAY", b"CMYK"), (b"XYZ ", b"Lab ")
D50 = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
MATRIX_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
TABLE_TAGS = (b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2")
KEPT_TAGS = (b"wtpt", b"chad", b"cicp", b"kTRC", *MATRIX_TAGS, *TABLE_TAGS)
PARAMETERS = (1, 3, 4, 5, 7)  # of a parametric curve, by its function
# Names that say no more than which standard the colors follow; any other becomes "color profile".
STANDARD_NAMES = (
    "sRGB",
    "sRGB built-in",
    "sRGB IEC61966-2.1",
    "Display P3",
    "Adobe RGB (1998)",
    "ProPhoto RGB",
    "ROMM RGB: ISO 22028-2:2013",
    "Rec. ITU-R BT.2020-1",
    "Dot Gain 20%",
    "Gray Gamma 2.2",
)
NAMELESS = "color profile"


def colors_only(profile: bytes | None) -> bytes | None:
    """The profile, built anew of what colors are computed from; None for none, and for one that cannot be understood,
    which is said."""
    if not profile:
        return None
    try:
        built = _built(profile)
        ImageCms.ImageCmsProfile(io.BytesIO(built))
    except (ValueError, OSError, struct.error, IndexError) as error:
        log.warning("the color profile cannot be understood (%s); it is dropped, so viewers will assume sRGB", error)
        return None
    return built


def _built(profile: bytes) -> bytes:
    version, kind, space, connection = profile[8], profile[12:16], profile[16:20], profile[20:24]
    if profile[36:40] != b"acsp" or kind not in CLASSES or space not in SPACES or connection not in CONNECTIONS:
        raise ValueError(f"class {kind!r}, colors {space!r} by {connection!r}")
    (count,) = struct.unpack_from(">I", profile, HEADER)
    if HEADER + 4 + DIRECTORY_ENTRY * count > len(profile):
        raise ValueError(f"a directory of {count} tags in {len(profile)} bytes")
    found = {}
    for index in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, HEADER + 4 + DIRECTORY_ENTRY * index)
        found[name] = profile[offset : offset + length]
    tags = {name: _element(found[name]) for name in KEPT_TAGS if name in found}
    needed = {b"RGB ": MATRIX_TAGS, b"GRAY": (b"kTRC",), b"CMYK": (b"A2B0",)}[space]
    if b"A2B0" not in tags and not all(name in tags for name in needed):
        raise ValueError("tags that colors are computed from are missing")
    title = _title(found.get(b"desc", b""))
    tags |= {b"desc": _text(title, version, b"desc"), b"cprt": _text("unknown", version, b"text")}
    header = struct.pack(
        ">8x2B2x4s4s4s12x4s24xI12s48x",
        version,
        profile[9] & 0xF0,
        kind,
        space,
        connection,
        b"acsp",
        profile[67] & 3,  # the rendering intent
        D50,
    )
    return _assembled(header, tags)


def _assembled(header: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = HEADER + 4 + DIRECTORY_ENTRY * len(tags)
    places: dict[bytes, int] = {}  # what two tags share, such as one curve for three channels, is written once
    directory, body = [struct.pack(">I", len(tags))], bytearray()
    for name, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        directory.append(struct.pack(">4sII", name, places[data], len(data)))
    whole = header + b"".join(directory) + bytes(body)
    return struct.pack(">I", len(whole)) + whole[4:]


def _element(data: bytes) -> bytes:
    """One tag's data, cut to what its type needs; reserved bytes are 0.

    Raises:
        ValueError: for a type that no color transform reads here, and for one cut short.
    """
    kind = data[:4]
    if kind in (b"curv", b"para"):
        return _curve(data)
    if kind in (b"mft1", b"mft2"):
        length = _table_length(data)
    elif kind in (b"mAB ", b"mBA "):
        return _stages(data)
    elif kind in (b"XYZ ", b"sf32", b"cicp"):
        length = {b"XYZ ": 20, b"sf32": 44, b"cicp": 12}[kind]
    else:
        raise ValueError(f"a tag of type {kind!r}")
    return kind + bytes(4) + _taken(data, 8, length - 8)


def _taken(data: bytes, start: int, length: int) -> bytes:
    if start + length > len(data):
        raise ValueError(f"{len(data)} of {start + length} bytes of a tag")
    return data[start : start + length]


def _curve(data: bytes) -> bytes:
    """The curve at the start of `data`."""
    kind = data[:4]
    if kind == b"para":
        (function,) = struct.unpack_from(">H", data, 8)
        return kind + bytes(4) + struct.pack(">Hxx", function) + _taken(data, 12, 4 * PARAMETERS[function])
    if kind != b"curv":
        raise ValueError(f"a curve of type {kind!r}")
    (entries,) = struct.unpack_from(">I", data, 8)
    return kind + bytes(4) + _taken(data, 8, 4 + 2 * entries)


def _table_length(data: bytes) -> int:
    """Of a table of 8 or 16 bits: matrix, input curves, grid, output curves."""
    inputs, outputs, grid = data[8:11]
    if data[:4] == b"mft1":
        return int(48 + 256 * inputs + grid**inputs * outputs + 256 * outputs)
    before, after = struct.unpack_from(">HH", data, 48)
    return int(52 + 2 * (before * inputs + grid**inputs * outputs + after * outputs))


def _stages(data: bytes) -> bytes:
    """A chain of curves, matrix and grid, each where it was; nothing lies between them."""
    inputs, outputs = data[8:10]
    starts = struct.unpack_from(">5I", data, 12)  # curves B, matrix, curves M, grid, curves A
    near, far = (outputs, inputs) if data[:4] == b"mAB " else (inputs, outputs)
    built = bytearray(data[:4] + bytes(4) + bytes((inputs, outputs)) + bytes(2) + data[12:32])

    def put(start: int, part: bytes) -> None:
        built.extend(bytes(max(0, start + len(part) - len(built))))
        built[start : start + len(part)] = part

    for start, curves in zip((starts[0], starts[2], starts[4]), (near, near, far), strict=True):
        place = start
        for _ in range(curves if start else 0):
            part = _curve(data[place:])
            put(place, part)
            place += len(part) + -len(part) % 4
    if starts[1]:
        put(starts[1], _taken(data, starts[1], 48))
    if grid := starts[3]:
        cells = math.prod(data[grid : grid + inputs]) * outputs * data[grid + 16]
        sides = data[grid : grid + inputs] + bytes(16 - inputs)
        put(grid, sides + data[grid + 16 : grid + 17] + bytes(3) + _taken(data, grid + 20, cells))
    return bytes(built)


def _title(data: bytes) -> str:
    """The standard name that a description gives, or NAMELESS."""
    name = ""
    if data[:4] == b"desc":
        (length,) = struct.unpack_from(">I", data, 8)
        name = data[12 : 12 + length].decode("ascii", "replace")
    elif data[:4] == b"mluc" and len(data) >= 28:
        length, offset = struct.unpack_from(">II", data, 20)
        name = data[offset : offset + length].decode("utf-16-be", "replace")
    name = name.rstrip("\0")
    return name if name in STANDARD_NAMES else NAMELESS


def _text(text: str, version: int, kind: bytes) -> bytes:
    """A text, as version 4 or version 2 writes it."""
    if version >= 4:
        wide = text.encode("utf-16-be")
        return b"mluc" + struct.pack(">4xII2s2sII", 1, 12, b"en", b"US", len(wide), 28) + wide
    plain = text.encode("ascii") + b"\0"
    if kind == b"text":
        return b"text" + bytes(4) + plain
    return b"desc" + struct.pack(">4xI", len(plain)) + plain + bytes(8 + 3 + 67)  # without Unicode and Macintosh texts
