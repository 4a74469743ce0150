"""One face of a photo: its box, its 68 landmarks, and the upright frame that they place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, transform

Image = NDArray[np.uint8] | NDArray[np.uint16]


class NoFaceError(ValueError):
    """No face was found in a photo."""


@dataclass(frozen=True)
class Face:
    """One face of a photo.

    Attributes:
        box: (x0, y0, x1, y1) in photo pixels, as the detector reported it.
        landmarks: (68, 2) in photo pixels.
        score: the detector's score.
    """

    box: NDArray[np.float64]
    landmarks: NDArray[np.float64] = field(repr=False)
    score: float

    @property
    def eye_distance(self) -> float:
        """Distance between the eye centers in photo pixels."""
        points = five_points(self.landmarks)
        return float(np.hypot(*(points[1] - points[0])))

    def affine(self, size: int) -> NDArray[np.float64]:
        """The (2, 3) affine from photo to frame coordinates for a frame of side `size`."""
        return frame_affine(five_points(self.landmarks), size)

    def frame(self, rgb: Image, size: int) -> NDArray[np.float32]:
        """The upright frame (size, size, 3) of this face, float32 in [0, 1]."""
        return cut_frame(rgb, self.affine(size), size)

    def frame_landmarks(self, size: int) -> NDArray[np.float64]:
        """The landmarks (68, 2) in frame pixels."""
        return transform(self.affine(size), self.landmarks)


def same_face(face: Face, others: Sequence[Face]) -> Face | None:
    """The one of `others` whose eyes and mouth lie nearest to those of `face`; None when all are farther than 0.6 eye
    distances. One that is less than half or more than twice as large, such as that on a badge, is another face."""
    points = five_points(face.landmarks)
    others = [other for other in others if 0.5 <= other.eye_distance / max(face.eye_distance, 1e-6) <= 2]
    distances = [float(np.abs(five_points(other.landmarks) - points).mean()) for other in others]
    if not distances or min(distances) > 0.6 * face.eye_distance:
        return None
    return others[int(np.argmin(distances))]


def overlaps(boxes: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4), as (x0, y0, x1, y1)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas, theirs = ((each[:, 2:] - each[:, :2]).prod(-1) for each in (boxes, others))
    return np.asarray(shared / np.maximum(areas[:, None] + theirs[None] - shared, 1e-9), dtype=np.float64)


def lies_inside(face: Face, other: Face) -> bool:
    """Whether the middle of a face lies in the box of another one, more than twice as large."""
    middle = (face.box[:2] + face.box[2:]) / 2
    small, large = ((each.box[2:] - each.box[:2]).max() for each in (face, other))
    return bool(2 * small < large and (other.box[:2] < middle).all() and (middle < other.box[2:]).all())


def to_uint8(rgb: Image) -> NDArray[np.uint8]:
    """8-bit samples of an 8 or 16-bit image."""
    return (rgb >> 8).astype(np.uint8) if rgb.dtype == np.uint16 else rgb.astype(np.uint8, copy=False)


def is_part(face: Face, other: Face) -> bool:
    """Whether eyes, nose and mouth lie within the outline of another face, more than twice as large."""
    if 2 * face.eye_distance >= other.eye_distance:
        return False
    outline = cv2.convexHull(other.landmarks.astype(np.float32))
    return all(cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in five_points(face.landmarks))
