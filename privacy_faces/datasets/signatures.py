"""Which files are photos, told by their first bytes: an ending may be missing, or that of a browser."""

from __future__ import annotations

from pathlib import Path

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_SIGNATURES = {b"\xff\xd8\xff": "JPEG", PNG_SIGNATURE: "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF"}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
_ENOUGH = 64


def format_of(start: bytes) -> str | None:
    """JPEG, PNG, WEBP, TIFF, BMP, HEIF or AVIF, by the first bytes of a file, 64 at least; None for anything else."""
    for signature, format in _SIGNATURES.items():
        if start.startswith(signature):
            return format
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    if start.startswith(b"BM") and int.from_bytes(start[14:18], "little") in BMP_HEADER_SIZES:
        return "BMP"
    if start[4:8] == b"ftyp":
        # The first brand says what the file is for, the others what can read it: "mif1" is any picture of the family.
        brands = [start[place : place + 4] for place in (8, *range(16, min(int.from_bytes(start[:4], "big"), 64), 4))]
        if brands[0] in (b"avif", b"avis") or (brands[0] in (b"mif1", b"msf1") and b"avif" in brands):
            return "AVIF"
        if brands[0] in _HEIF_BRANDS:
            return "HEIF"
    return None


def begins_as_photo(path: Path) -> bool:
    """Whether a regular file has the first bytes of a photo."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return format_of(file.read(_ENOUGH)) is not None
    except OSError:
        return False
