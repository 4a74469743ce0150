"""Find every face in a photo and place 68 landmarks on it."""

from __future__ import annotations

import importlib.util
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection, Detector, LandmarkModel
from privacy_faces.photos.detection.dlib_models import DlibDetector, DlibLandmarks
from privacy_faces.photos.faces import Face, Image, to_uint8
from privacy_faces.photos.frames import cut_frame, frame_affine, invert, transform

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
    """A detector and a landmark model: photo in, faces out, largest first."""

    def __init__(self, detector: Detector, landmark_model: LandmarkModel) -> None:
        self.detector = detector
        self.landmark_model = landmark_model

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids of the weights in use."""
        return (*self.detector.weights, *self.landmark_model.weights)

    def find(self, rgb: Image, smallest: int = 0) -> list[Face]:
        """Every face of an RGB photo (H, W, 3), by falling size of the box; faces below `smallest` pixels may be
        missed, which saves much of the time."""
        detections = self.detector.detect(to_uint8(rgb), smallest)
        faces = [self._face(rgb, detection) for detection in detections]
        return sorted(faces, key=lambda face: -_area(face.box))

    def _face(self, rgb: Image, detection: Detection) -> Face:
        # The detector's five points make the face upright; the landmarks found there place the final frame.
        affine = frame_affine(detection.points, LANDMARK_FRAME)
        frame = (cut_frame(rgb, affine, LANDMARK_FRAME) * 255 + 0.5).astype(np.uint8)
        return Face(detection.box, transform(invert(affine), self.landmark_model.place(frame)), detection.score)


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
