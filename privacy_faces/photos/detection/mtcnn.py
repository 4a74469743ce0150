"""MTCNN with the weights in facenet-pytorch's wheel: the default detector; finds tilted and small faces."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.photos.detection.cascade import Cascade
from privacy_faces.photos.detection.contract import Detection, Sizes
from privacy_faces.photos.detection.mtcnn_networks import O_NET, P_NET, R_NET, Network
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import verified

# A face is sought by default where so many of its size would fill the photo: the cost of MTCNN grows with the photo's
# area over that of the smallest face, and this bounds time and memory, however many pixels the photo has and whatever
# its proportions are. In 12 megapixels, these are 32 and 87 pixels.
_MOST_UPRIGHT = 12_000
# Turned faces are sought in seven copies of the photo.
_MOST_TURNED = 1_600
# The least that are sought, in pixels: of a smaller face the networks see only blocks.
_LEAST_UPRIGHT, _LEAST_TURNED = 14.0, 20.0
LEAST_PROBABILITY = 0.9


class MtcnnDetector:
    """MTCNN, see `detection.cascade`.

    Args:
        min_face: smallest face sought, in pixels; 0 chooses it from the photo's area.
        device: where the three networks run.
    """

    name = "mtcnn"
    weights = ("mtcnn",)
    # Of the faces of 24 portraits, sought in each quarter turn: 0.97 and more in the right one.
    least_turned_score = 0.97
    # Of 59 badges on faces: 0.9995 and more; of the noses and mouths that looked like a face in 250 photos of
    # everybody: 0.998 and less.
    least_inner_score = 0.999

    def __init__(self, min_face: int = 0, device: str | torch.device = "cpu") -> None:
        states = (read_state_dict(path) for path in verified("mtcnn"))
        networks = [Network(layout, state) for layout, state in zip((P_NET, R_NET, O_NET), states, strict=True)]
        self.min_face = min_face
        self._cascade = Cascade(networks, torch.device(device))

    def sizes(self, height: int, width: int) -> Sizes:
        """The smallest faces that are sought in a photo of this size."""
        if self.min_face:
            return Sizes(self.min_face, self.min_face)
        shorter, area = min(height, width), height * width
        upright, turned = (
            min(max(least, (area / most) ** 0.5), shorter)
            for least, most in ((_LEAST_UPRIGHT, _MOST_UPRIGHT), (_LEAST_TURNED, _MOST_TURNED))
        )
        return Sizes(upright, turned)

    def detect(self, rgb: NDArray[np.uint8], smallest: float) -> list[Detection]:
        """Faces of at least `smallest` pixels in an RGB photo (H, W, 3), uint8."""
        found = self._cascade.find(rgb, smallest, LEAST_PROBABILITY)
        return [
            Detection(box.astype(float), points.astype(float), float(score))
            for box, points, score in zip(found.boxes, found.points, found.scores, strict=True)
        ]
