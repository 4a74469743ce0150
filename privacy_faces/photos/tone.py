"""Black-and-white and sepia photos that are stored in color stay what they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.faces import Image
from privacy_faces.photos.luma import LUMA

# Of 256 levels: how far the colors of a toned photo lie from those of its tone, for all pixels but a hundredth. What
# JPEG does to a sepia photo stays below; skin in color does not.
_TOLERANCE = 4.0
_SAMPLE = 1 << 18  # pixels


def keep_tone(before: Image, after: Image, changed: NDArray[np.bool_]) -> None:
    """Give the changed pixels of `after` the tone of the same pixels before, where these have a single one: gray where
    red, green and blue are equal in all of them, and otherwise the color that the tone has at that brightness.

    Args:
        before, after: (H, W, 3), 8 or 16 bit; `after` is changed in place.
        changed: (H, W).
    """
    old = before[changed]
    if not len(old):
        return
    largest = int(np.iinfo(before.dtype).max)
    if (old == old[:, :1]).all():
        tone = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    else:
        sample = old[:: -(-len(old) // _SAMPLE)].astype(np.float64) / largest * 255
        level = np.clip(sample @ LUMA + 0.5, 0, 255).astype(int)
        count = np.bincount(level, minlength=256)
        used = np.flatnonzero(count)
        mean = [np.bincount(level, sample[:, channel], minlength=256)[used] / count[used] for channel in range(3)]
        tone = np.stack([np.interp(np.arange(256), used, values) for values in mean], axis=1)
        if np.quantile(np.abs(sample - tone[level]).max(1), 0.99) > _TOLERANCE:
            return
    new = after[changed]
    for start in range(0, len(new), _SAMPLE):  # to need little memory
        part = new[start : start + _SAMPLE]
        bright = part @ LUMA / largest * 255
        toned = np.stack([np.interp(bright, np.arange(256), tone[:, channel]) for channel in range(3)], axis=1)
        part[:] = (np.clip(toned / 255, 0, 1) * largest + 0.5).astype(after.dtype)
    after[changed] = new
