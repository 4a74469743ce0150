"""dlib's frontal face detector and 68-point landmark model (Kazemi and Sullivan, CVPR 2014)."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import dlib
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection, Sizes
from privacy_faces.photos.frames import five_points
from privacy_faces.weights.store import verified

# The landmark model was trained on boxes of dlib's own detector. Their mean place in a frame, as shares of its side
# (measured on 115 portraits): left, top, side.
_TYPICAL_BOX = (0.174, 0.288, 0.611)


@cache
def load_ahead() -> Future[dlib.shape_predictor]:
    """Start to load the landmark model, which takes a second, on a thread of its own: dlib reads it without Python's
    lock, while others import or load."""
    with_one = ThreadPoolExecutor(1, "landmarks")
    loading = with_one.submit(lambda: dlib.shape_predictor(str(*verified("dlib-landmarks-68"))))
    with_one.shutdown(wait=False)
    return loading


def _landmark_model() -> dlib.shape_predictor:
    try:
        return load_ahead().result()
    except Exception:  # missing or corrupt: once they are mended, they are read again
        load_ahead.cache_clear()
        raise


def _points(shape: dlib.full_object_detection) -> NDArray[np.float64]:
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=float)


class DlibLandmarks:
    """68 iBUG landmarks on an upright frame."""

    weights = ("dlib-landmarks-68",)

    def __init__(self) -> None:
        self._model = _landmark_model()

    def place(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks (68, 2) of the face in an upright frame (S, S, 3)."""
        left, top, side = (round(share * frame.shape[0]) for share in _TYPICAL_BOX)
        return _points(self._model(frame, dlib.rectangle(left, top, left + side, top + side)))


class DlibDetector:
    """dlib's HOG detector: frontal faces; the choice where facenet-pytorch is not installed.

    Args:
        min_face: smallest face sought, in pixels. The detector's own window is 80; a smaller value enlarges the photo
            first.
    """

    name = "dlib"
    weights = ("dlib-landmarks-68",)
    least_turned_score = 0.5
    least_inner_score = 0.5
    _WINDOW = 80
    _MOST_PIXELS = 4_000_000
    # On the sample photo a badge scores 0.12 and the face 1.2.
    _LEAST_SCORE = 0.2

    def __init__(self, min_face: int = 0) -> None:
        self.min_face = min_face or self._WINDOW // 2
        self._detector = dlib.get_frontal_face_detector()
        self._model = _landmark_model()

    def sizes(self, height: int, width: int) -> Sizes:
        """The smallest faces that are sought in a photo of this size."""
        return Sizes(
            max(self.min_face, self._WINDOW / 2 ** self._doublings(height, width, self.min_face)), self.min_face
        )

    def _doublings(self, height: int, width: int, smallest: float) -> int:
        """How often the photo is enlarged to twice its sides."""
        count = 0
        while self._WINDOW / 2**count > smallest and height * width * 4 ** (count + 1) <= self._MOST_PIXELS:
            count += 1
        return count

    def detect(self, rgb: NDArray[np.uint8], smallest: float) -> list[Detection]:
        """Faces of at least `smallest` pixels in an RGB photo (H, W, 3), uint8."""
        rgb = np.ascontiguousarray(rgb)
        upsample = self._doublings(rgb.shape[0], rgb.shape[1], smallest)
        boxes, scores, _ = self._detector.run(rgb, upsample, self._LEAST_SCORE)
        return [
            Detection(
                np.array([box.left(), box.top(), box.right() + 1, box.bottom() + 1], dtype=float),
                five_points(_points(self._model(rgb, box))),
                score,
            )
            for box, score in zip(boxes, scores, strict=True)
        ]
