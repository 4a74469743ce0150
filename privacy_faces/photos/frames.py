"""Frames: upright square crops of a photo, eyes level, hair and chin inside, and the affine that leads there and back.

Pixel coordinates put integers at pixel centers, x to the right and y down, as OpenCV does.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The five points that place a frame: eye centers, nose tip and mouth corners, left and right as seen in the image.
_EYE_LEFT, _EYE_RIGHT, _NOSE, _MOUTH_LEFT, _MOUTH_RIGHT = range(5)


def five_points(landmarks: Array) -> Array:
    """Eye centers, nose tip and mouth corners (5, 2) of 68 iBUG landmarks (68, 2)."""
    return np.stack([landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[30], landmarks[48], landmarks[54]])


def frame_affine(points: Array, size: int) -> Array:
    """The similarity (2, 3) from photo to frame coordinates that FFHQ uses to crop a face (Karras et al., CVPR 2019,
    appendix A).

    Args:
        points: (5, 2) as `five_points` gives them, in photo pixels.
        size: side S of the frame in pixels.

    Raises:
        ValueError: when the points coincide, so that no frame exists.
    """
    eyes = points[[_EYE_LEFT, _EYE_RIGHT]]
    mouth = points[[_MOUTH_LEFT, _MOUTH_RIGHT]].mean(0)
    eye_to_eye = eyes[1] - eyes[0]
    eye_to_mouth = mouth - eyes.mean(0)
    # Half the frame's upper edge: along the eyes, steadied by the direction of the mouth; its length survives a turned
    # head.
    axis = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])
    length = np.hypot(*axis)
    half = max(2.0 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eye_to_mouth))
    if length < 1e-6 or half < 1e-6:
        raise ValueError(f"Expected five distinct facial points, got {points.round(1).tolist()}.")
    cosine, sine = axis / length
    center = eyes.mean(0) + 0.1 * eye_to_mouth
    scale = size / (2 * half)
    linear = scale * np.array([[cosine, sine], [-sine, cosine]])
    # The photo's corner is half a pixel before its first center: the frame's center lies between pixels when S is even.
    offset = np.full(2, (size - 1) / 2) - linear @ center
    return np.concatenate([linear, offset[:, None]], axis=1)


def scale_of(affine: Array) -> float:
    """Frame pixels per photo pixel of a similarity (2, 3)."""
    return float(np.hypot(affine[0, 0], affine[1, 0]))


def transform(affine: Array, points: Array) -> Array:
    """Points (..., 2) mapped by an affine (2, 3)."""
    return points @ affine[:, :2].T + affine[:, 2]


def invert(affine: Array) -> Array:
    """The affine (2, 3) that undoes `affine`."""
    return np.asarray(cv2.invertAffineTransform(affine))


def to_unit(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
    """Integer samples as float32 in [0, 1]."""
    return np.divide(pixels, np.float32(np.iinfo(pixels.dtype).max), dtype=np.float32)


def cut_frame(rgb: NDArray[np.uint8] | NDArray[np.uint16], affine: Array, size: int) -> NDArray[np.float32]:
    """The frame (size, size, 3), float32 in [0, 1], of a photo (H, W, 3); beyond the photo's border its mirror image
    continues.

    A face larger than the frame is first averaged over whole blocks of pixels, so that nothing aliases.
    """
    height, width = rgb.shape[:2]
    corners = transform(invert(affine), np.array([[0, 0], [size, 0], [size, size], [0, size]], dtype=float) - 0.5)
    shrink = max(1, int(1 / scale_of(affine)))
    margin = 4 * shrink
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - margin, 0, [width - 1, height - 1])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + margin, [x0 + 1, y0 + 1], [width, height])
    crop = rgb[y0:y1, x0:x1]
    side = (max(1, round((x1 - x0) / shrink)), max(1, round((y1 - y0) / shrink)))
    # One channel after another, to need little memory.
    small = np.dstack(
        [cv2.resize(to_unit(crop[..., channel]), side, interpolation=cv2.INTER_AREA) for channel in range(3)]
    )
    # small -> photo: x = (x' + 1/2) * step - 1/2 + x0; composed with photo -> frame.
    step = np.array([(x1 - x0) / small.shape[1], (y1 - y0) / small.shape[0]])
    linear = affine[:, :2] * step
    offset = affine[:, :2] @ (step / 2 - 0.5 + [x0, y0]) + affine[:, 2]
    frame = cv2.warpAffine(
        small,
        np.column_stack([linear, offset]),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(np.clip(frame, 0, 1), dtype=np.float32)
