"""What every photo must satisfy, and the words in which one is refused: expected, found, the way out."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageFile

from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.photo import COLOR_CHANNELS, PhotoError

GIB = 2**30
# What a run takes before its first photo, networks included; and how often the samples of a photo are held at once
# where most is: the original, its protected copy and what is read back, while a decoder holds its own. docs/promises.md
# has what was measured.
FIXED_MEMORY = 1.45 * GIB
COPIES = 5
MIN_SIDE = 32  # no detector here finds a face in fewer pixels

SUPPORTED = "a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo"

_PILLOW_LOCK = threading.Lock()


def sample_bytes(mode: str, itemsize: int = 1) -> int:
    """Bytes that a `Photo` holds of each pixel: `native`, and `rgb` where that is not the same array."""
    return itemsize * (3 if mode == "RGB" else COLOR_CHANNELS[mode] + mode.endswith("A") + 3)


def room(max_memory: float) -> int:
    """How many bytes of samples, or of a file, a photo may have when everything about it is to fit into so many GiB."""
    return int((max_memory * GIB - FIXED_MEMORY) / COPIES)


def check_bytes(count: int, max_memory: float) -> None:
    """Refuses a file that would take too much memory, before it is read."""
    if count > room(max_memory):
        raise PhotoError(
            f"expected a file of at most {room(max_memory):,} bytes, found {count:,} bytes, which take more than "
            f"{max_memory:g} GiB of memory; export a smaller copy, or allow more (--max-memory {_needed(count)})"
        )


def check_size(width: int, height: int, per_pixel: int, max_memory: float = MAX_MEMORY) -> None:
    """Refuses a photo that would take too much memory, or is too small to hold a face; called with what a header
    declares, before pixels take memory.

    Args:
        width, height: in pixels.
        per_pixel: bytes, see `sample_bytes`.
        max_memory: in GiB, of the whole process.
    """
    if width * height * per_pixel > room(max_memory):
        raise PhotoError(
            f"expected a photo that can be done with {max_memory:g} GiB of memory, found a declared size of {width:,} "
            f"x {height:,} with {per_pixel} bytes a pixel; resize the photo, allow more (--max-memory "
            f"{_needed(width * height * per_pixel)}), or discard the file if it is small (a decompression bomb)"
        )
    if min(width, height) < MIN_SIDE:
        found = f"{width} x {height}, too small to hold a face"
        raise PhotoError(f"expected sides of at least {MIN_SIDE} pixels, found {found}; use a larger copy")


def _needed(count: int) -> int:
    return math.ceil((FIXED_MEMORY + COPIES * count) / GIB)


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
