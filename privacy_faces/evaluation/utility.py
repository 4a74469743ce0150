"""What stays useful of a face that is protected: how it is turned, where it looks, whether mouth and eyes are open,
its tone, its coarse picture, and what sort of person it seems to be; nothing of it tells who that is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_cie76, rgb2lab
from skimage.draw import polygon
from skimage.metrics import structural_similarity

from privacy_faces.judge.candidates import Candidates
from privacy_faces.models import face_attributes
from privacy_faces.models.face_attributes import FaceAttributes, Scores
from privacy_faces.models.face_looks import eye_openings
from privacy_faces.photos.faces import Face
from privacy_faces.photos.regions import region_masks
from privacy_faces.weights.store import verified

Frame = NDArray[np.float32]
Points = NDArray[np.float64]
Values = NDArray[np.float64]

#: Shares of faces: of what either stays or does not.
SHARES = ("mouth_kept", "eyes_kept", "sex_kept", "age_kept", "glasses_kept")
#: Means over faces.
MEANS = ("pose_shift", "gaze_shift", "tone_shift", "coarse_similarity")

# The tip of the nose, the chin, the outer corners of the eyes and the corners of the mouth: their numbers, and where
# they are on a mean head, in arbitrary units (x to the right, y up, z towards the camera).
_POINTS = (30, 8, 36, 45, 48, 54)
_HEAD = np.array(
    [[0, 0, 0], [0, -330, -65], [-225, 170, -135], [225, 170, -135], [-150, -150, -125], [150, -150, -125]],
    dtype=np.float64,
)
# From here up a mouth is open (its height by its width), and an eye.
_MOUTH_OPEN, _EYE_OPEN = 0.15, 0.2
# Side of the coarse picture, on which a face is about fifteen pixels wide.
_COARSE = 32


def pose_shift(before: Points, after: Points, side: int) -> float:
    """The angle in degrees by which a head turned, of 68 landmarks (68, 2) in a frame of that side."""
    first, second = (_rotation(landmarks, side) for landmarks in (before, after))
    return float(np.rad2deg(np.arccos(np.clip((np.trace(first.T @ second) - 1) / 2, -1, 1))))


def mouth_open(landmarks: Points) -> bool:
    """Whether the lips stand apart."""
    heights = [_apart(landmarks, *pair) for pair in ((61, 67), (62, 66), (63, 65))]
    return float(np.mean(heights)) > _MOUTH_OPEN * _apart(landmarks, 60, 64)


def eyes_open(landmarks: Points) -> tuple[bool, bool]:
    """Whether each eye is open, by its aspect ratio."""
    left, right = (opening > _EYE_OPEN for opening in eye_openings(landmarks))
    return left, right


def gaze(frame: Frame, landmarks: Points) -> Points:
    """Where the pupils lie: (2, 2), for each eye (x, y) from the middle between its corners, along the line of these
    and across it, in eye widths; NaN for an eye that is shut.

    The middle of what is darker than half of the eye, each pixel by how much.

    Args:
        frame: (S, S, 3) in [0, 1].
        landmarks: (68, 2) in its pixels.
    """
    light = frame.mean(-1)
    found = np.full((2, 2), np.nan)
    for number, (start, is_open) in enumerate(zip((36, 42), eyes_open(landmarks), strict=True)):
        eye = landmarks[start : start + 6]
        rows, columns = polygon(eye[:, 1], eye[:, 0], light.shape)
        if not is_open or not len(rows):
            continue
        seen = light[rows, columns]
        weight = np.maximum(np.median(seen) - seen, 0)
        if not weight.any():
            continue
        corner, other = eye[0], eye[3]
        along = (other - corner) / np.linalg.norm(other - corner)
        middle = weight @ np.stack([columns, rows], 1) / weight.sum() - (corner + other) / 2
        found[number] = np.array([middle @ along, middle @ [-along[1], along[0]]]) / np.linalg.norm(other - corner)
    return found


def gaze_shift(before: Points, after: Points) -> float:
    """How far the pupils moved, in eye widths: the mean over the eyes that are open in both, of two `gaze`."""
    moved = np.linalg.norm(after - before, axis=1)
    return float(moved[~np.isnan(moved)].mean()) if not np.isnan(moved).all() else float("nan")


def tone_shift(before: Frame, after: Frame, landmarks: Points) -> float:
    """The CIE 1976 difference of the skin's median colors, of two frames (S, S, 3) in [0, 1]."""
    skin = region_masks(landmarks, before.shape[0])["skin"]
    if not skin.any():
        return float("nan")
    return float(np.linalg.norm(np.subtract(*(np.median(rgb2lab(frame[skin]), axis=0) for frame in (before, after)))))


def color_shift(original: Frame, protected: Frame, face: NDArray[np.bool_]) -> float:
    """How far colors moved where no face is: the mean CIE 1976 difference of two frames (S, S, 3) in [0, 1] outside
    the face (S, S); 1 is barely visible."""
    return float(deltaE_cie76(rgb2lab(original), rgb2lab(protected))[~face].mean())


def landmark_shift(original: Face, protected: Face) -> float:
    """The mean distance between the 68 landmarks of a face before and after, in eye distances."""
    return float(np.hypot(*(protected.landmarks - original.landmarks).T).mean() / original.eye_distance)


def coarse_similarity(before: Frame, after: Frame) -> float:
    """SSIM of two frames (S, S, 3) in [0, 1] at a side of 32 pixels, where a picture says little of who it shows."""
    small = (cv2.resize(frame, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA) for frame in (before, after))
    return float(structural_similarity(*small, channel_axis=2, data_range=1.0))


def attributes_kept(versions: Mapping[str, tuple[Candidates, Candidates]]) -> Mapping[str, Values]:
    """Whether sex, age group and glasses (N,) are still read as they were, by the linear maps of
    `models.face_attributes`, by which inpainting chooses faces too; empty where no recognizer has one.

    Args:
        versions: recognizer -> unprotected copies and protected photos of N faces; the first that has a map reads.
    """
    known = [name for name in versions if name in _maps().maps]
    if not known:
        return {}
    before, after = (
        _read(_maps().scores(known[0], version.embeddings[version.first])) for version in versions[known[0]]
    )
    return {name: np.asarray(before[name] == after[name], dtype=np.float64) for name in before}


def _read(scores: Scores) -> dict[str, NDArray[np.generic]]:
    return {"sex_kept": scores.sex > 0, "age_kept": scores.age_group, "glasses_kept": scores.glasses > 1 / 2}


@cache
def _maps() -> FaceAttributes:
    return face_attributes.load(verified("face-attributes")[0])


def _rotation(landmarks: Points, side: int) -> Points:
    """The rotation (3, 3) of a head, seen by a camera as far away as four frames are wide."""
    camera = np.array([[4 * side, 0, side / 2], [0, 4 * side, side / 2], [0, 0, 1]], dtype=np.float64)
    # Of a picture, y points down, and z away from the camera.
    turned = cv2.solvePnP(_HEAD * [1, -1, -1], landmarks[list(_POINTS)], camera, None, flags=cv2.SOLVEPNP_SQPNP)[1]
    return np.asarray(cv2.Rodrigues(turned)[0], dtype=np.float64)


def _apart(landmarks: Points, first: int, second: int) -> float:
    return float(np.linalg.norm(landmarks[first] - landmarks[second]))
