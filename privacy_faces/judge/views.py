"""A face in a frame, as recognizers see it; and the other ways in which an attacker may show it to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.photos.batch import COMPARED_FRAME
from privacy_faces.photos.faces import Face
from privacy_faces.photos.frames import transform

Rgb = NDArray[np.uint8] | NDArray[np.uint16]

_QUARTERS = 4
# How differently the detector places a face in resampled copies of a photo: in shares of its size, and in radians.
_SCALED, _MOVED, _TURNED = 0.04, 0.02, np.deg2rad(3)
# How many times as differently where the eyes are less far apart than so many pixels.
_LESS_CERTAIN, _SMALL = 3, 32.0
# A smaller copy, in which the edges of a mosaic's blocks are softer: recognizers match it better.
_SHRUNK = 0.7
# Beside a face, as shares of its box, what is kept for its frame.
_MARGIN = 1.0


@dataclass(frozen=True)
class View:
    """One face in one picture.

    Attributes:
        frame: (S, S, 3), float32 in [0, 1].
        landmarks: (68, 2) in frame pixels.
    """

    frame: NDArray[np.float32]
    landmarks: NDArray[np.float64]


def view_of(rgb: Rgb, face: Face, size: int = COMPARED_FRAME) -> View:
    """A face of a picture (H, W, 3) in a frame of side `size`."""
    return View(face.frame(rgb, size), face.frame_landmarks(size))


def moved(face: Face, affine: NDArray[np.float64]) -> Face:
    """The face in a picture whose coordinates are `affine` (2, 3) of the old ones."""
    corners = transform(affine, face.box.reshape(2, 2))
    return Face(np.concatenate([corners.min(0), corners.max(0)]), transform(affine, face.landmarks), face.score)


def shifted(rgb: Rgb, face: Face) -> tuple[View, ...]:
    """The face in one frame, aligned as it is, and a little closer, farther, turned, higher and lower; a small one,
    whose landmarks are less certain, much more so too."""
    view = view_of(rgb, face)
    points, center = view.landmarks, view.landmarks.mean(0)
    spread, height = points - center, np.array([0, np.ptp(points[:, 1])])
    aligned = [points]
    for much in (1, _LESS_CERTAIN) if is_small(face) else (1,):
        for sign in (-much, much):
            turn = np.sin(sign * _TURNED) * spread @ np.array([[0, 1], [-1, 0]])
            aligned += [points + change for change in (sign * _SCALED * spread, turn, sign * _MOVED * height)]
    return tuple(View(view.frame, landmarks) for landmarks in aligned)


def by_hand(rgb: Rgb, face: Face) -> tuple[View, ...]:
    """The place of a face, as it stands and in the three quarter turns."""
    view = view_of(rgb, face)
    turns = (np.ascontiguousarray(np.rot90(view.frame, quarters)) for quarters in range(_QUARTERS))
    return tuple(View(frame, view.landmarks) for frame in turns)


def is_small(face: Face) -> bool:
    """Whether its eyes are so near that its landmarks are uncertain."""
    return face.eye_distance < _SMALL


def smaller(rgb: Rgb) -> tuple[Rgb, NDArray[np.float64]]:
    """The whole picture, smaller, and the affine (2, 3) to its pixel coordinates."""
    small = cv2.resize(rgb, None, fx=_SHRUNK, fy=_SHRUNK, interpolation=cv2.INTER_LINEAR)
    return small, np.column_stack([_SHRUNK * np.eye(2), np.full(2, _SHRUNK / 2 - 0.5)])


def shrunk(rgb: Rgb, faces: Sequence[Face]) -> list[View]:
    """The faces of one place, as they look in a smaller picture, the first of them aligned in several ways."""
    box = faces[0].box.reshape(2, 2)
    margin = _MARGIN * (box[1] - box[0])
    left, top = (box[0] - margin).astype(int).clip(0)
    right, bottom = np.ceil(box[1] + margin).astype(int)
    small = cv2.resize(rgb[top:bottom, left:right], None, fx=_SHRUNK, fy=_SHRUNK, interpolation=cv2.INTER_AREA)
    # Pixels are centered on integers: x' = (x + 1/2) * scale - 1/2.
    affine = np.column_stack([_SHRUNK * np.eye(2), _SHRUNK * (0.5 - np.array([left, top])) - 0.5])
    first, *others = (moved(face, affine) for face in faces)
    return [*shifted(small, first), *(view_of(small, face) for face in others)]
