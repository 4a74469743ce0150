"""A face where somebody says that one is: in a box, with or without landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import LandmarkModel
from privacy_faces.photos.detection.finder import LANDMARK_FRAME
from privacy_faces.photos.faces import Face, Image
from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, invert, transform

# Where the box of an upright face lies in its frame, in shares of its side: the middle, and the square root of the
# area (24 synthetic portraits, MTCNN).
_MIDDLE, _SIDE = (0.49, 0.56), 0.65
# Boxes are about a face: larger ones than the photo, by more than this, and those of a few pixels are mistakes.
_LARGEST, _SMALLEST = 1.5, 8


class BoxError(ValueError):
    """A box in which there can be no face."""


def face_in(
    rgb: Image, box: NDArray[np.float64], points: NDArray[np.float64] | None, landmark_model: LandmarkModel
) -> Face:
    """The face in a box.

    Args:
        rgb: the photo (H, W, 3).
        box: (x0, y0, x1, y1) in photo pixels.
        points: its 68 landmarks, or eye centers, nose tip and mouth corners (5, 2); None: the face stands upright, and
            the landmark model places them.
        landmark_model: places 68 landmarks where less is known.

    Returns:
        The face, with the score 0: no detector found it.

    Raises:
        BoxError: when the box does not lie in the photo, or the points do not lie in the box.
    """
    sides, middle = box[2:] - box[:2], (box[:2] + box[2:]) / 2
    width, height = rgb.shape[1::-1]
    if sides.min() < _SMALLEST or (sides > _LARGEST * np.array([width, height])).any():
        raise BoxError(
            f"expected a box from {_SMALLEST} pixels to the size of the photo ({width} x {height}), found {_told(box)}"
        )
    if (middle < 0).any() or (middle >= [width, height]).any():
        raise BoxError(f"expected a box in the photo ({width} x {height}), found {_told(box)}")
    if points is None:
        side = float(np.sqrt(sides.prod())) / _SIDE
        scale = LANDMARK_FRAME / side
        corner = middle - side * np.array(_MIDDLE)
        affine = np.column_stack([np.eye(2) * scale, -scale * corner])
        points = five_points(_placed(rgb, affine, landmark_model))
    if len(points) == 5:
        # The first guess makes the face upright, and the second one places it.
        points = _placed(rgb, frame_affine(points, LANDMARK_FRAME), landmark_model)
    features = five_points(points).mean(0)
    if (features < box[:2]).any() or (features > box[2:]).any():
        raise BoxError(
            f"expected eyes, nose and mouth in the box {_told(box)}, found them around "
            f"({features[0]:.0f}, {features[1]:.0f}); give the box landmarks"
        )
    return Face(box, points, 0.0)


def _placed(rgb: Image, affine: NDArray[np.float64], landmark_model: LandmarkModel) -> NDArray[np.float64]:
    frame = (cut_frame(rgb, affine, LANDMARK_FRAME) * 255 + 0.5).astype(np.uint8)
    return transform(invert(affine), landmark_model.place(frame))


def _told(box: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in box) + "]"
