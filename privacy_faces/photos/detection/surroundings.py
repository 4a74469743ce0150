"""The part of a photo around a face, small enough to be searched in every turn."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection
from privacy_faces.photos.faces import Face

_SMALLEST = 20.0
# Side, in the part as it is searched, of the face that it lies around; it may be smaller, so that the part is not
# enlarged.
_FACE = 44.0


class Surroundings:
    """A part of a photo (H, W, 3), uint8, around a face of it.

    Args:
        rgb: the photo.
        face: the face.
        reach: how far to see, in widths of the face from its center to each side.

    Attributes:
        rgb: the part, reduced.
        smallest: of the faces sought in it, in its pixels.
        centered: whether the face stands in its middle, since the photo ends nowhere near.
    """

    def __init__(self, rgb: NDArray[np.uint8], face: Face, reach: float) -> None:
        center, side = (face.box[:2] + face.box[2:]) / 2, (face.box[2:] - face.box[:2]).max()
        limit = np.array(rgb.shape[1::-1])
        first = np.clip(np.floor(center - reach * side), 0, limit - 1).astype(int)
        last = np.clip(np.ceil(center + reach * side), first + 1, limit).astype(int)
        part = rgb[first[1] : last[1], first[0] : last[0]]
        self.centered = bool((first > 0).all() and (last < limit).all())
        shrink = min(1.0, _FACE / side)
        width, height = (max(1, round(shrink * count)) for count in part.shape[1::-1])
        self.rgb = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
        self.smallest = _SMALLEST
        self._scale = np.array(part.shape[1::-1]) / [width, height]
        self._first = first
        self._face = face

    def in_photo(self, detection: Detection) -> Detection:
        """A find in the part, in coordinates of the photo."""
        # Pixels are centered on integers: x = (x' + 1/2) * scale - 1/2.
        points = (detection.points + 0.5) * self._scale - 0.5 + self._first
        return Detection(detection.box * np.tile(self._scale, 2) + np.tile(self._first, 2), points, detection.score)

    def without_face(self) -> NDArray[np.uint8]:
        """The part with the face painted over, in the mean color of its border."""
        hull = cv2.convexHull(self._face.landmarks.astype(np.float32)).reshape(-1, 2)
        middle = hull.mean(0)
        # The landmarks end at the brows.
        outline = ((middle + 1.25 * (hull - middle) - self._first + 0.5) / self._scale - 0.5).round().astype(np.int32)
        mask = cv2.fillConvexPoly(np.zeros(self.rgb.shape[:2], np.uint8), outline, 1)
        border = (cv2.dilate(mask, np.ones((5, 5), np.uint8)) - mask).astype(bool)
        picture = self.rgb.copy()
        picture[mask > 0] = self.rgb[border].mean(0) if border.any() else 128
        return picture
