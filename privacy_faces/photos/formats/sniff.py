"""Which format a file has, told by its content; and what else it is, where it is no photo that can be read here."""

from __future__ import annotations

import io
import re

from PIL.GifImagePlugin import GifImageFile

from privacy_faces.datasets.signatures import format_of
from privacy_faces.photos.formats.refuse import SUPPORTED, check_frames, decoding, unsupported
from privacy_faces.photos.photo import PhotoError

RAW = "a camera raw file"
SVG, PSD = "an SVG drawing", "a Photoshop (PSD) document"
UNSUPPORTED_SIGNATURES = (  # (offset, bytes, name); the first match counts
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"8BPS", PSD),
    (0, b"\0\0\x01\0", "an icon (ICO)"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL photo"),
    (0, b"\xff\x0a", "a JPEG XL photo"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 photo"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 photo"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"MM\0+", "a big-endian BigTIFF"),
    (8, b"CR\x02\0", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIRS", RAW),
    (0, b"MMOR", RAW),
    (0, b"IIU\0", RAW),
    (0, b"FOVb", RAW),
    (4, b"ftypcrx ", RAW),
    (4, b"ftyp", "a video"),
)
UNSUPPORTED_SUFFIXES = {".svg": SVG, ".psd": PSD}
# Raw files are mostly TIFFs with a small preview as their first picture: protecting the preview would not protect the
# photo.
RAW_SUFFIX = re.compile(r"\.(3fr|arw|cr2|cr3|crw|dng|iiq|nef|nrw|orf|pef|raf|rw2|sr2|srf|srw)")


def sniff(data: bytes, suffix: str) -> str:
    """The format of `data`: JPEG, PNG, WEBP, TIFF, BMP, HEIF or AVIF.

    Raises PhotoError, naming what else it is where that can be told."""
    if data.startswith((b"GIF87a", b"GIF89a")):
        with decoding("GIF"):
            check_frames(GifImageFile(io.BytesIO(data)).n_frames, "an animated GIF")
        raise unsupported("a GIF")
    format = format_of(data)
    if format == "TIFF" and RAW_SUFFIX.fullmatch(suffix):
        raise unsupported(f"{RAW} ({suffix})")
    for offset, signature, name in UNSUPPORTED_SIGNATURES:
        if format not in ("HEIF", "AVIF") and data.startswith(signature, offset):
            raise unsupported(name)
    if format:
        return format
    start = data[:4096].removeprefix(b"\xef\xbb\xbf")
    if re.match(rb"\s*(?:<\?xml.*?)?<svg\b", start, re.DOTALL):
        raise unsupported(SVG)
    if suffix in UNSUPPORTED_SUFFIXES:
        raise unsupported(UNSUPPORTED_SUFFIXES[suffix])
    if RAW_SUFFIX.fullmatch(suffix):
        raise unsupported(f"{RAW} ({suffix})")
    # Text has no control bytes but whitespace. Other bytes are left open: they may be of any encoding, or a character
    # cut at the end.
    if all(byte >= ord(" ") or byte in b"\t\n\r\f" for byte in start):
        raise PhotoError(
            f"expected {SUPPORTED}, found a text file; perhaps a web page or a link was saved in place of the photo"
        )
    raise PhotoError(f"expected {SUPPORTED}, found data of no known image format (first bytes: {data[:8].hex(' ')})")
