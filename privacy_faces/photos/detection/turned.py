"""Faces that do not stand upright: sought in copies of the photo that are turned by quarters, and told from the upright
ones.

Upside down, a detector often takes the mouth for the eyes. What tells a face from its wrong turn is how well the
detector's five points agree with the 68 landmarks that are placed on the frame they give: of 24 portraits, 12 of them
synthetic, they lie 0.4 to 1.1 % of the frame apart upright, and 2.3 to 7.7 % in a wrong turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.detection.contract import Detection, Detector
from privacy_faces.photos.faces import Face
from privacy_faces.photos.frames import transform

# A turned face whose box is narrower than this share of the photo's longer side is sought only when `min_face` asks for
# it. One smaller copy serves all turns: with MTCNN on one core they add 0.5 s to 0.8 s in a photo of 3000 pixels, and
# 0.5 s to 0.2 s in one of 512, which is hardly reduced.
TURNED_SHARE = 1 / 24
# Side, in the copy, of the smallest face sought there.
_SMALLEST = 20
# The most that points and landmarks of a face may lie apart, in shares of the frame, for its turn to be certain.
MOST_APART = 0.022
# A turned face replaces an upright one at its place where its points agree so much better; otherwise upright wins.
_BETTER = 0.6
# Boxes show one face where they share so much of the smaller one.
_SHARED = 0.5


@dataclass(frozen=True)
class Placed:
    """A face, and how far the detector's five points lie from its landmarks on average, in shares of the frame."""

    face: Face
    fit: float


def detect_turned(detector: Detector, rgb: NDArray[np.uint8]) -> Iterator[Detection]:
    """What the detector believes of the photo (H, W, 3) when it is turned by 90, 180 and 270 degrees, in coordinates of
    the photo."""
    height, width = rgb.shape[:2]
    least = detector.min_face or min(TURNED_SHARE * max(height, width), height, width)
    if least > min(height, width):
        return
    shrink = max(1.0, least / _SMALLEST)
    small = cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA) if shrink > 1 else rgb
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    for quarters in (1, 2, 3):
        back = _back(quarters, small.shape[1], small.shape[0])
        # Pixels are centered on integers: x = (x' + 1/2) * scale - 1/2.
        back = np.column_stack([back[:, :2] * scale[:, None], (back[:, 2] + 0.5) * scale - 0.5])
        for detection in detector.detect(np.ascontiguousarray(np.rot90(small, quarters)), _SMALLEST):
            if detection.score >= detector.least_turned_score:
                corners = transform(back, detection.box.reshape(2, 2))
                box = np.concatenate([corners.min(0), corners.max(0)])
                yield Detection(box, transform(back, detection.points), detection.score)


def merged(upright: Sequence[Placed], turned: Sequence[Placed]) -> list[Placed]:
    """Each face once, in the orientation in which points and landmarks agree best; a tie is upright."""
    found = list(upright)
    for item in sorted(turned, key=lambda item: item.fit):
        rivals = [other for other in found if _overlap(item.face.box, other.face.box) > _SHARED]
        if item.fit <= MOST_APART and all(item.fit < _BETTER * rival.fit for rival in rivals):
            found = [other for other in found if not any(other is rival for rival in rivals)] + [item]
    return found


def _back(quarters: int, width: int, height: int) -> NDArray[np.float64]:
    """The affine (2, 3) from the coordinates of `np.rot90(photo, quarters)` to those of the photo."""
    return np.array(
        {
            1: [[0, -1, width - 1], [1, 0, 0]],
            2: [[-1, 0, width - 1], [0, -1, height - 1]],
            3: [[0, 1, 0], [-1, 0, height - 1]],
        }[quarters],
        dtype=float,
    )


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The area that two boxes share, of the smaller one's."""
    sides = np.clip(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0, None)
    return float(sides.prod() / max(1e-9, min((box[2:] - box[:2]).prod() for box in (first, second))))
