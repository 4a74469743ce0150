"""MTCNN (Zhang et al., IEEE SPL 2016) from facenet-pytorch: the default detector; finds tilted and small faces."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection

# A face whose box is narrower than this share of the photo's longer side is sought only when `min_face` asks for it:
# the cost of MTCNN grows with (longer side / smallest face) squared, and this bounds it, however many pixels the photo
# has.
SMALLEST_SHARE = 1 / 64
SMALLEST_FACE = 20  # pixels; MTCNN's own default
LEAST_PROBABILITY = 0.9


class MtcnnDetector:
    """MTCNN with the weights in facenet-pytorch's wheel.

    Args:
        min_face: smallest face sought, in pixels; 0 chooses it from the photo's size.
        device: where the three networks run.
    """

    name = "mtcnn"
    weights = ("mtcnn",)
    # Of the faces of 24 portraits, sought in each quarter turn: 0.97 and more in the right one.
    least_turned_score = 0.97

    def __init__(self, min_face: int = 0, device: str | torch.device = "cpu") -> None:
        from facenet_pytorch import MTCNN

        from privacy_faces.weights.store import verified

        verified("mtcnn")
        self.min_face = min_face
        self._network = MTCNN(keep_all=True, post_process=False, device=torch.device(device))

    def detect(self, rgb: NDArray[np.uint8], smallest: int = 0) -> list[Detection]:
        """Faces of at least `smallest` pixels (0: `min_face`) in an RGB photo (H, W, 3), uint8."""
        least = smallest or self.min_face
        shorter = min(rgb.shape[:2])
        if least > shorter:
            return []
        # MTCNN's smallest window is its own default: shrinking the photo until the smallest face sought has that size
        # costs no face, and spares the network, which resamples the whole photo at each scale. The landmark model works
        # at full resolution again.
        shrink = max(1.0, (least or min(max(rgb.shape[:2]) * SMALLEST_SHARE, shorter)) / SMALLEST_FACE)
        small = (
            cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
            if shrink > 1
            else np.ascontiguousarray(rgb)
        )
        self._network.min_face_size = min(least, SMALLEST_FACE) or SMALLEST_FACE
        boxes, probabilities, points = self._network.detect(small, landmarks=True)
        if boxes is None:
            return []
        scale = np.array([rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]])
        return [
            Detection(box.astype(float) * np.tile(scale, 2), five.astype(float) * scale, float(probability))
            for box, probability, five in zip(boxes, probabilities, points, strict=True)
            if probability >= LEAST_PROBABILITY
        ]
