"""Find every face in a photo and place 68 landmarks on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, invert, transform

Image = NDArray[np.uint8] | NDArray[np.uint16]

# Side of the frame in which landmarks are placed: large enough for the corners of the lips, small enough to be quick.
LANDMARK_FRAME = 256


class NoFaceError(ValueError):
    """No face was found in a photo."""


@dataclass(frozen=True)
class Detection:
    """What a detector reports: box (x0, y0, x1, y1) and five points (5, 2) in photo pixels, and its own score."""

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float


class Detector(Protocol):
    """Finds faces in an RGB photo (H, W, 3)."""

    @property
    def name(self) -> str:
        """For receipts."""

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in the weight manifest."""

    def detect(self, rgb: NDArray[np.uint8], smallest: int = 0) -> list[Detection]:
        """The faces, in any order; at least those of `smallest` pixels and more (0: of the detector's own least size)."""


class LandmarkModel(Protocol):
    """Places 68 iBUG landmarks (68, 2) on the face in an upright frame (S, S, 3), uint8."""

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in the weight manifest."""

    def place(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks (68, 2) in frame pixels."""


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
        """Distance between the eye centres in photo pixels."""
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


class FaceFinder:
    """A detector and a landmark model: photo in, faces out, largest first."""

    def __init__(self, detector: Detector, landmark_model: LandmarkModel) -> None:
        self.detector = detector
        self.landmark_model = landmark_model

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the weights in use."""
        return (*self.detector.weights, *self.landmark_model.weights)

    def find(self, rgb: Image, smallest: int = 0) -> list[Face]:
        """Every face of an RGB photo (H, W, 3), by falling size of the box; faces below `smallest` pixels may be missed, which saves much of the time."""
        detections = self.detector.detect(to_uint8(rgb), smallest)
        faces = [self._face(rgb, detection) for detection in detections]
        return sorted(faces, key=lambda face: -_area(face.box))

    def _face(self, rgb: Image, detection: Detection) -> Face:
        # The detector's five points make the face upright; the landmarks found there place the final frame.
        affine = frame_affine(detection.points, LANDMARK_FRAME)
        frame = (cut_frame(rgb, affine, LANDMARK_FRAME) * 255 + 0.5).astype(np.uint8)
        return Face(detection.box, transform(invert(affine), self.landmark_model.place(frame)), detection.score)


def same_face(face: Face, others: Sequence[Face]) -> Face | None:
    """The one of `others` whose eyes and mouth lie nearest to those of `face`; None when all are farther than 0.6 eye distances."""
    points = five_points(face.landmarks)
    distances = [float(np.abs(five_points(other.landmarks) - points).mean()) for other in others]
    if not distances or min(distances) > 0.6 * face.eye_distance:
        return None
    return others[int(np.argmin(distances))]


def to_uint8(rgb: Image) -> NDArray[np.uint8]:
    """8-bit samples of an 8 or 16-bit image."""
    return (rgb >> 8).astype(np.uint8) if rgb.dtype == np.uint16 else rgb.astype(np.uint8, copy=False)


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
