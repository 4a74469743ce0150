"""Faces that do not stand upright: sought in copies of the photo that are turned by eighths, and told from the upright
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
from privacy_faces.photos.faces import Face, overlaps
from privacy_faces.photos.frames import five_points, invert, transform

# Side, in the copies, of the smallest face sought there.
_SMALLEST = 20
_EIGHTHS = range(1, 8)
# A photo that is longer than so many times its width would lie across turned copies of many times its area: it is
# turned in pieces of this length, which overlap by the largest face that fits.
_STRIP, _PIECE = 6, 3
# The most that points and landmarks of a face may lie apart, in shares of the frame, for its turn to be certain.
MOST_APART = 0.022
# As that, for a face that is sought where something changed or stands before it, and where nothing else explains the
# find: what covers a part of it spoils its landmarks.
PERHAPS = 0.045
# A turned face replaces an upright one at its place where its points agree so much better; otherwise upright wins.
_BETTER = 0.6
#: Boxes that overlap so much (intersection over union) show one face, ...
SAME_BOX = 0.4
#: ... and so do faces of like size whose points lie within this share of the larger one's box of each other.
SAME_POINTS, SAME_SIZE = 0.12, 0.6


@dataclass(frozen=True)
class Placed:
    """A face, and how far the detector's five points lie from its landmarks on average, in shares of the frame."""

    face: Face
    fit: float


def detect_turned(
    detector: Detector,
    rgb: NDArray[np.uint8],
    smallest: float,
    eighths: Sequence[int] = _EIGHTHS,
    *,
    whole: bool = True,
) -> Iterator[Detection]:
    """What the detector believes of the photo (H, W, 3) when it is turned by eighths, in coordinates of the photo.

    Args:
        detector: knows upright faces.
        rgb: the photo.
        smallest: of the faces sought, in pixels.
        eighths: how far to turn it, counter-clockwise.
        whole: whether to seek in the corners too, which make copies that are turned by an odd eighth twice as large.
    """
    height, width = rgb.shape[:2]
    if smallest > min(height, width):
        return
    if max(height, width) > _STRIP * min(height, width):
        for left, top, piece in _pieces(rgb):
            for found in detect_turned(detector, piece, smallest, eighths, whole=whole):
                move = np.array([left, top], np.float64)
                yield Detection(found.box + np.tile(move, 2), found.points + move, found.score)
        return
    shrink = max(1.0, smallest / _SMALLEST)
    small = cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA) if shrink > 1 else rgb
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    for eighth in eighths:
        copy, there = _turned(small, eighth, whole)
        back = invert(there)
        # Pixels are centered on integers: x = (x' + 1/2) * scale - 1/2.
        back = np.column_stack([back[:, :2] * scale[:, None], (back[:, 2] + 0.5) * scale - 0.5])
        for detection in detector.detect(copy, smallest / shrink):
            if detection.score >= detector.least_turned_score:
                yield Detection(_box(detection.box, back), transform(back, detection.points), detection.score)


def _pieces(rgb: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Left and top of each piece of a strip, and the piece."""
    height, width = rgb.shape[:2]
    side, length = min(height, width), max(height, width)
    last = length - _PIECE * side
    for start in (*range(0, last, (_PIECE - 1) * side), last):
        if width > height:
            yield start, 0, rgb[:, start : start + _PIECE * side]
        else:
            yield 0, start, rgb[start : start + _PIECE * side]


def same_place(first: Face, second: Face) -> bool:
    """Whether two finds show one face. One that stands before another one, smaller, is a face of its own."""
    if overlaps(first.box[None], second.box[None]) > SAME_BOX:
        return True
    areas = [float((face.box[2:] - face.box[:2]).prod()) for face in (first, second)]
    eyes = sorted((first.eye_distance, second.eye_distance))
    apart = np.abs(five_points(first.landmarks) - five_points(second.landmarks)).mean()
    return bool(apart < SAME_POINTS * max(areas) ** 0.5 and eyes[0] > SAME_SIZE * eyes[1])


def merged(upright: Sequence[Placed], turned: Sequence[Placed]) -> list[Placed]:
    """Each face once, in the orientation in which points and landmarks agree best; a tie is upright."""
    found = list(upright)
    for item in sorted(turned, key=lambda item: item.fit):
        rivals = [other for other in found if same_place(item.face, other.face)]
        if item.fit <= MOST_APART and all(item.fit < _BETTER * rival.fit for rival in rivals):
            found = [other for other in found if not any(other is rival for rival in rivals)] + [item]
    return found


def _turned(rgb: NDArray[np.uint8], eighth: int, whole: bool) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The photo turned about its middle, whole or without its corners, gray around it; and the affine (2, 3) from its
    pixels to the copy's."""
    height, width = rgb.shape[:2]
    affine = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 45 * eighth, 1.0)
    if eighth % 2 == 0:
        affine[:, :2] = affine[:, :2].round()  # so that pixels are copied
    sides = np.abs(affine[:, :2]) @ [width, height] if whole or eighth % 2 == 0 else np.full(2, max(width, height))
    columns, rows = np.ceil(sides - 1e-6).astype(int)
    middle = (np.array([columns, rows]) - 1) / 2
    affine[:, 2] = middle - affine[:, :2] @ ((np.array([width, height]) - 1) / 2)
    copy = cv2.warpAffine(rgb, affine, (int(columns), int(rows)), flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128))
    return np.asarray(copy), affine


def _box(box: NDArray[np.float64], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """The box of the same area around the same center, where the photo stands as it stood."""
    center = transform(back, (box[:2] + box[2:]) / 2)
    linear = np.abs(back[:, :2])
    half = linear @ (box[2:] - box[:2]) / 2 * np.hypot(*linear[0]) / linear[0].sum()
    return np.concatenate([center - half, center + half])
