"""What every photo must satisfy, and the words in which one is refused: expected, found, the way out."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

from privacy_faces.photos.photo import PhotoError

MAX_PIXELS = 200_000_000  # a 200 megapixel phone camera passes, a decompression bomb does not
MAX_BYTES = 2_000_000_000
MIN_SIDE = 32  # no detector here finds a face in fewer pixels

SUPPORTED = "a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo"

_PILLOW_LOCK = threading.Lock()


def check_size(width: int, height: int) -> None:
    """Refuses a photo larger than MAX_PIXELS, or too small to hold a face; called with what a header declares, before
    pixels take memory."""
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"expected at most {MAX_PIXELS:,} pixels, found a declared size of {width:,} x {height:,};"
            " resize the photo, or discard the file if it is small (a decompression bomb)"
        )
    if min(width, height) < MIN_SIDE:
        found = f"{width} x {height}, too small to hold a face"
        raise PhotoError(f"expected sides of at least {MIN_SIDE} pixels, found {found}; use a larger copy")


def check_frames(frames: int, name: str) -> None:
    """Refuses `name`, such as "an animated GIF", when it has more than one frame: which of them is the photo?"""
    if frames > 1:
        raise PhotoError(
            f"expected a single picture, found {name} of {frames} frames; save the frame you want as JPEG or PNG first"
        )


def unsupported(found: str) -> PhotoError:
    """For a file of a kind that is not read here."""
    return PhotoError(f"expected {SUPPORTED}, found {found}; convert it to JPEG or PNG first")


def cut_short(format: str, found: str) -> PhotoError:
    """For a file whose end is missing."""
    return PhotoError(f"expected a whole {format}, found one cut short ({found}); copy or download it again")


def damaged(format: str, found: str) -> PhotoError:
    """For a file that contradicts its own format."""
    return PhotoError(
        f"expected an intact {format}, found one that cannot be decoded ({found}); export it again as JPEG or PNG"
    )


@contextmanager
def decoding(format: str) -> Iterator[None]:
    """Turns whatever a decoder raises into PhotoError: on hostile bytes Pillow's may raise almost anything.

    Pillow's own size limit is lifted, since `check_size` measures the header first; its tolerance of cut files, which a
    library may have switched on, is off. These settings and the warning filters belong to the whole process, hence the
    lock.
    """
    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield
        except PhotoError:
            raise
        except MemoryError as error:
            raise PhotoError(
                f"expected enough memory to decode this {format}, found too little; use a smaller copy"
            ) from error
        except Exception as error:
            if "truncated" in str(error).lower():
                raise cut_short(format, str(error)) from error
            raise damaged(format, f"{type(error).__name__}: {error}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            ImageFile.LOAD_TRUNCATED_IMAGES = tolerant
