"""Which format a file has, told by its content; and what else it is, where it is no photo that can be read here."""

from __future__ import annotations

import io
import re

from PIL.GifImagePlugin import GifImageFile

from privacy_faces.photos.formats.refuse import SUPPORTED, check_frames, decoding, unsupported
from privacy_faces.photos.photo import PhotoError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES = {b"\xff\xd8\xff": "JPEG", PNG_SIGNATURE: "PNG", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF"}
BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)

RAW, HEIC, AVIF = "a camera raw file", "a HEIC (HEIF) photo", "an AVIF picture"
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
    (4, b"ftypavi", AVIF),
    (4, b"ftyphe", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftypmsf1", HEIC),
    (4, b"ftyp", "a video"),
)
UNSUPPORTED_SUFFIXES = {".heic": HEIC, ".heif": HEIC, ".avif": AVIF, ".svg": SVG, ".psd": PSD}
# Raw files are mostly TIFFs with a small preview as their first picture: protecting the preview would not protect the
# photo.
RAW_SUFFIX = re.compile(r"\.(3fr|arw|cr2|cr3|crw|dng|iiq|nef|nrw|orf|pef|raf|rw2|sr2|srf|srw)")


def sniff(data: bytes, suffix: str) -> str:
    """The format of `data`: JPEG, PNG, WEBP, TIFF or BMP. Raises PhotoError, naming what else it is where that can be
    told."""
    if data.startswith((b"GIF87a", b"GIF89a")):
        with decoding("GIF"):
            check_frames(GifImageFile(io.BytesIO(data)).n_frames, "an animated GIF")
        raise unsupported("a GIF")
    for offset, signature, name in UNSUPPORTED_SIGNATURES:
        if data.startswith(signature, offset):
            raise unsupported(name)
    for signature, format in SIGNATURES.items():
        if data.startswith(signature):
            if format == "TIFF" and RAW_SUFFIX.fullmatch(suffix):
                raise unsupported(f"{RAW} ({suffix})")
            return format
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in BMP_HEADER_SIZES:
        return "BMP"
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
