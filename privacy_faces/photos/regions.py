"""Region masks of a face from its 68 iBUG landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

REGIONS = ("face", "skin", "lips", "mouth", "eyes", "brows")

_JAW = slice(0, 17)
_BROWS = (slice(17, 22), slice(22, 27))
_EYES = (slice(36, 42), slice(42, 48))
_LIPS_OUTER = slice(48, 60)
_LIPS_INNER = slice(60, 68)


def region_masks(landmarks: NDArray[np.float64], size: int) -> dict[str, NDArray[np.bool_]]:
    """Masks (size, size) of the face oval, skin, lips (without the open mouth), mouth (with them), eyes with their
    lids, and brows.

    Args:
        landmarks: (68, 2) in frame pixels, (x, y).
        size: side S of the frame.
    """
    face = _fill(face_oval(landmarks), size)
    lips = _fill(landmarks[_LIPS_OUTER], size) & ~_fill(landmarks[_LIPS_INNER], size)
    mouth = _fill(landmarks[_LIPS_OUTER], size)
    eyes = np.zeros_like(face)
    brows = np.zeros_like(face)
    for eye, brow in zip(_EYES, _BROWS, strict=True):
        eyes |= _fill(_with_lids(landmarks[eye], landmarks[brow]), size)
        brows |= _fill(_thick(landmarks[brow], landmarks[eye]), size)
    return {
        "face": face,
        "skin": face & ~mouth & ~eyes & ~brows,
        "lips": lips,
        "mouth": mouth,
        "eyes": eyes,
        "brows": brows & ~eyes,
    }


def face_oval(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """A closed outline (K, 2) of the face: the jaw line, and half an ellipse over the forehead, which has no landmarks.

    The ellipse ends at the jaw's two upper ends. Its height above the brows is 0.55 times the distance from brow to
    nose base: the classical thirds of the face make it 1.0 at the hairline; hair often lies lower, and painting hair
    gives the change away.
    """
    jaw = landmarks[_JAW]
    left, right = jaw[0], jaw[-1]
    brow = landmarks[17:27].mean(0)
    up = brow - landmarks[33]
    apex = brow + 0.55 * up
    center = (left + right) / 2
    angles = np.linspace(0, np.pi, 25)[1:-1, None]
    return np.concatenate([jaw, center + np.cos(angles) * (right - center) + np.sin(angles) * (apex - center)])


def _with_lids(eye: NDArray[np.float64], brow: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eye opening (6, 2), grown outwards by a quarter of its width and halfway up to the brow: where eyeshadow
    goes."""
    center = eye.mean(0)
    grown = center + (eye - center) * 1.35
    lift = (brow.mean(0) - center) * 0.45
    upper = grown[1:3] + lift
    return np.concatenate([grown[:1], upper, grown[3:]])


def _thick(brow: NDArray[np.float64], eye: NDArray[np.float64]) -> NDArray[np.float64]:
    """The brow's upper line (5, 2) as a closed strip, a fifth of the way down to the eye and as much up."""
    down = (eye.mean(0) - brow.mean(0)) * 0.2
    return np.concatenate([brow - down, (brow + down)[::-1]])


def _fill(outline: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    return np.asarray(polygon2mask((size, size), outline[:, ::-1]), dtype=bool)
