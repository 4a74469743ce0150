"""Whether a version of a photo still lies pixel on pixel on it: other tools may crop, mirror, turn or pad."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.faces import Face, Image, to_uint8

# The sides' ratio may differ by rounding.
_PROPORTIONS = 0.01
# Pictures are compared as gray thumbnails of this side.
_SIDE = 48
# Boxes end at the forehead: protection may change hair and ears.
_BORDER = 0.25
# A mirrored portrait reaches 0.9 where the ground is even; JPEG and the like stay above 0.99.
_CORRELATION = 0.95
# Standard deviation, in gray levels, below which surroundings are even: nothing can be told from them.
_EVEN = 2.0


def is_placed(original: Image, version: Image, faces: Sequence[Face]) -> bool:
    """Whether the version (H', W', 3) has the proportions of the original (H, W, 3), and agrees with it outside the
    faces."""
    (height, width), (rows, columns) = original.shape[:2], version.shape[:2]
    if abs((columns / rows) / (width / height) - 1) > _PROPORTIONS:
        return False
    if original.shape == version.shape and np.array_equal(original, version):
        return True
    outside = np.ones((_SIDE, _SIDE), dtype=bool)
    scale = _SIDE / np.array([width, height])
    for face in faces:
        border = _BORDER * (face.box[2:] - face.box[:2])
        low, high = (face.box[:2] - border) * scale, (face.box[2:] + border) * scale
        (x0, y0), (x1, y1) = np.clip(np.floor(low), 0, _SIDE).astype(int), np.clip(np.ceil(high), 0, _SIDE).astype(int)
        outside[y0:y1, x0:x1] = False
    before, after = (_thumbnail(rgb)[outside] for rgb in (original, version))
    if not len(before) or min(before.std(), after.std()) < _EVEN:
        return True
    return bool(np.corrcoef(before, after)[0, 1] > _CORRELATION)


def _thumbnail(rgb: Image) -> NDArray[np.float64]:
    small = cv2.resize(to_uint8(rgb), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.float64)
