"""Whether the pixels of a file are all there: an end marker alone does not say so, and decoders fill what is missing in
silence."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from privacy_faces.photos.formats.refuse import cut_short, damaged

_RESTARTS, _ALONE = range(0xD0, 0xD8), (0x00, 0x01, *range(0xD0, 0xD8))
_START_OF_FRAME = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_ARITHMETIC, _PROGRESSIVE = (0xC9, 0xCA), (0xC2, 0xCA)
_SCAN, _INTERVAL, _END = 0xDA, 0xDD, 0xD9
_MOST_SCANS = 100  # encoders write about ten, and at most one for each bit of each band of each color
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # after a scan, in which 00 and restarts may stand
# What a decoder reads only where pixels are missing. No 0xff in it, so no marker.
_FILLER = bytes(np.random.default_rng(0).integers(0, 255, 256, dtype=np.uint8))
# How much smaller the picture is in which the filler is sought, by whether it is progressive. At an eighth, only the
# mean of each block is left, which a sequential JPEG cut short lacks too; what is missing inside its last block passes.
_SHRUNK = {True: 2, False: 8}
_COEFFICIENTS = 64
_CHUNK = 1 << 16
# First row, first column, and steps of the seven passes of an interlaced PNG (section 8.2).
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def check_jpeg(data: bytes) -> None:
    """Refuses a JPEG whose entropy-coded data end before its pixels do, or whose scans do not make a whole picture.

    The decoder pads what is missing with zeros and tells nobody. So the picture is decoded, small, with other bytes put
    before the end marker: they change it only where pixels are missing. Arithmetic coding may leave out zeros by
    design, and is not checked.

    Raises:
        PhotoError: when it is cut short.
    """
    kind, missing, interval, restart, end = _scans(data)
    if missing:
        raise cut_short("JPEG", f"no data for {missing} of its coefficients")
    if kind in _ARITHMETIC:
        return
    filler = _FILLER
    if interval:  # after a restart marker that is not expected, nothing is read
        for count in range(1, 9):
            filler += bytes((0xFF, _RESTARTS[(restart + count) % 8])) + _FILLER
    shrunk = _SHRUNK[kind in _PROGRESSIVE]
    if _small(data, shrunk) != _small(data[:end] + filler + data[end:], shrunk):
        raise cut_short("JPEG", "its data end before its pixels do")


def _small(data: bytes, shrunk: int) -> bytes:
    image = JpegImageFile(io.BytesIO(data))
    image.draft(image.mode, (max(1, image.width // shrunk), max(1, image.height // shrunk)))
    return image.tobytes()


def _scans(data: bytes) -> tuple[int, int, int, int, int]:
    """Of the first picture: start-of-frame marker, how many coefficients no scan completes, restart interval, number of
    the last restart marker (-1: none), and where the end marker is."""
    kind, interval, restart, position, scans = 0, 0, -1, 2, 0
    missing: dict[int, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
    while position + 4 <= len(data) or data[position : position + 2] == bytes((0xFF, _END)):
        marker = data[position + 1]
        if data[position] != 0xFF:  # bytes that belong to nothing; decoders skip them too
            if (position := data.find(b"\xff", position)) < 0:
                break
            continue
        if marker == 0xFF or marker in _ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == _END:
            return kind, int(sum(left.sum() for left in missing.values())), interval, restart, position
        body = data[position + 4 : position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")]
        position += 4 + len(body)
        if marker in _START_OF_FRAME:
            kind = marker
            missing = {body[6 + 3 * index]: np.ones(_COEFFICIENTS, bool) for index in range(body[5])}
        elif marker == _INTERVAL:
            interval = int.from_bytes(body[:2], "big")
        elif marker == _SCAN:
            scans += 1
            if scans > _MOST_SCANS:  # each is decoded over the whole picture
                raise damaged("JPEG", f"more than {_MOST_SCANS} scans")
            first, last, bits = body[-3:]
            for index in range(body[0]):
                if kind not in _PROGRESSIVE or bits & 15 == 0:  # the lowest bit has come
                    missing[body[1 + 2 * index]][first : last + 1 if kind in _PROGRESSIVE else None] = False
            found = _NEXT_MARKER.search(data, position)
            if found is None:
                break
            numbers = re.findall(rb"\xff([\xd0-\xd7])", data[position : found.start()])
            restart = numbers[-1][0] - _RESTARTS[0] if numbers else -1
            position = found.end() - 2
    raise cut_short("JPEG", f"{len(data)} bytes, without the end marker")


def check_png(header: bytes, pixels: Iterable[bytes]) -> None:
    """Refuses a PNG with fewer rows than its header declares.

    Args:
        header: content of IHDR.
        pixels: contents of the IDAT chunks.

    Raises:
        PhotoError: when rows are missing.
    """
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _PNG_CHANNELS[header[9]]
    passes = _ADAM7 if header[12] else ((0, 0, 1, 1),)
    expected = 0
    for top, left, down, across in passes:
        rows, columns = max(0, -(-(height - top) // down)), max(0, -(-(width - left) // across))
        expected += rows * (1 + -(-columns * bits // 8)) if columns else 0
    inflate, found = zlib.decompressobj(), 0
    for part in pixels:
        rest = part
        while rest and not inflate.eof and found < expected:  # never more than a little is held, whatever it expands to
            found += len(inflate.decompress(rest, _CHUNK))
            rest = inflate.unconsumed_tail
    if found + len(inflate.flush()) < expected:
        raise cut_short("PNG", f"{found:,} of {expected:,} bytes of pixels")
