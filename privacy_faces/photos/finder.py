"""Choose a detector: MTCNN where facenet-pytorch is installed, otherwise dlib's."""

from __future__ import annotations

import importlib.util
from typing import Literal

import torch

from privacy_faces.photos.dlib_models import DlibDetector, DlibLandmarks
from privacy_faces.photos.faces import Detector, FaceFinder

DetectorName = Literal["auto", "mtcnn", "dlib"]


def make_finder(name: DetectorName = "auto", min_face: int = 0, device: str | torch.device = "cpu") -> FaceFinder:
    """A face finder.

    Args:
        name: "auto" takes MTCNN where facenet-pytorch is installed, and dlib's detector elsewhere; `finder.detector.name` says which it is.
        min_face: smallest face sought, in pixels; 0 lets the detector choose.

    Raises:
        ValueError: for "mtcnn" without facenet-pytorch, with the command that installs it.
    """
    installed = importlib.util.find_spec("facenet_pytorch") is not None
    if name == "mtcnn" and not installed:
        raise ValueError(
            "The detector 'mtcnn' needs facenet-pytorch, which is not installed. Install it: pip install --no-deps facenet-pytorch. Or use --detector dlib."
        )
    detector: Detector
    if name == "mtcnn" or (name == "auto" and installed):
        from privacy_faces.photos.mtcnn import MtcnnDetector

        detector = MtcnnDetector(min_face, device)
    else:
        detector = DlibDetector(min_face)
    return FaceFinder(detector, DlibLandmarks())
