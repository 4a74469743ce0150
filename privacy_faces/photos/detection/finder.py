"""Find every face in a photo and place 68 landmarks on it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection, Detector, LandmarkModel
from privacy_faces.photos.detection.dlib_models import DlibDetector, DlibLandmarks
from privacy_faces.photos.detection.turned import MOST_APART, Placed, detect_turned, merged
from privacy_faces.photos.faces import Face, Image, to_uint8
from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, invert, transform

# Side of the frame in which landmarks are placed: large enough for the corners of the lips, small enough to be quick.
LANDMARK_FRAME = 256

DetectorName = Literal["auto", "mtcnn", "dlib"]


def make_finder(name: DetectorName = "auto", min_face: int = 0, device: str | torch.device = "cpu") -> FaceFinder:
    """A face finder.

    Args:
        name: "auto" takes MTCNN where facenet-pytorch is installed, and dlib's detector elsewhere;
            `finder.detector.name` says which it is.
        min_face: smallest face sought, in pixels; 0 lets the detector choose.

    Raises:
        ValueError: for "mtcnn" without facenet-pytorch, with the command that installs it.
    """
    installed = importlib.util.find_spec("facenet_pytorch") is not None
    if name == "mtcnn" and not installed:
        raise ValueError(
            "The detector 'mtcnn' needs facenet-pytorch, which is not installed. Install it: pip install --no-deps "
            "facenet-pytorch. Or use --detector dlib."
        )
    detector: Detector
    if name == "mtcnn" or (name == "auto" and installed):
        from privacy_faces.photos.detection.mtcnn import MtcnnDetector

        detector = MtcnnDetector(min_face, device)
    else:
        detector = DlibDetector(min_face)
    return FaceFinder(detector, DlibLandmarks())


class FaceFinder:
    """A detector and a landmark model: photo in, faces out, largest first.

    Detectors know upright faces. A face that lies on its side or upside down is sought in copies of the photo that are
    turned by quarters (see `detection.turned`).
    """

    def __init__(self, detector: Detector, landmark_model: LandmarkModel) -> None:
        self.detector = detector
        self.landmark_model = landmark_model

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the weights in use."""
        return (*self.detector.weights, *self.landmark_model.weights)

    def find(self, rgb: Image) -> list[Face]:
        """Every face of an RGB photo (H, W, 3), by falling size of the box."""
        return largest_first(self.with_turned(rgb, self.upright(rgb)))

    def largest(self, rgb: Image) -> Face | None:
        """The largest face, if any; turned copies are searched only where it is not certain to stand upright."""
        upright = max(self.upright(rgb), key=lambda item: _area(item.face.box), default=None)
        if upright is not None and upright.fit <= MOST_APART:
            return upright.face
        return next(iter(self.find(rgb)), None)

    def upright(self, rgb: Image) -> list[Placed]:
        """The faces that the detector finds in the photo as it stands. Where all faces are upright, these are all."""
        return [self._placed(rgb, detection) for detection in self.detector.detect(to_uint8(rgb))]

    def with_turned(self, rgb: Image, upright: Sequence[Placed]) -> list[Placed]:
        """The `upright` faces, and those that are found in turned copies; each face once."""
        others = detect_turned(self.detector, to_uint8(rgb))
        return merged(upright, [self._placed(rgb, detection, realign=True) for detection in others])

    def _placed(self, rgb: Image, detection: Detection, realign: bool = False) -> Placed:
        # The detector's five points make the face upright; the landmarks found there place the final frame.
        landmarks = self._landmarks(rgb, detection.points)
        affine = frame_affine(detection.points, LANDMARK_FRAME)
        fit = float(np.abs(transform(affine, five_points(landmarks) - detection.points) - affine[:, 2]).mean())
        if realign:
            # A face between two quarter turns is still up to 45 degrees from upright for the detector.
            landmarks = self._landmarks(rgb, five_points(landmarks))
        return Placed(Face(detection.box, landmarks, detection.score), fit / LANDMARK_FRAME)

    def _landmarks(self, rgb: Image, points: NDArray[np.float64]) -> NDArray[np.float64]:
        affine = frame_affine(points, LANDMARK_FRAME)
        frame = (cut_frame(rgb, affine, LANDMARK_FRAME) * 255 + 0.5).astype(np.uint8)
        return transform(invert(affine), self.landmark_model.place(frame))


def largest_first(found: Sequence[Placed]) -> list[Face]:
    """The faces by falling size of the box."""
    return sorted((item.face for item in found), key=lambda face: -_area(face.box))


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
