"""An average over crops: what depends on the exact alignment is averaged away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy_faces.judge.views import View

Embeddings = NDArray[np.float32]

# Shift right and down in shares of the frame, scale, turn in degrees, mirrored.
_CROPS = (
    (0.0, 0.0, 1.0, 0.0, False),
    (0.0, 0.0, 1.0, 0.0, True),
    (0.02, 0.0, 1.0, 0.0, False),
    (-0.02, 0.0, 1.0, 0.0, False),
    (0.0, 0.02, 1.0, 0.0, False),
    (0.0, -0.02, 1.0, 0.0, False),
    (0.0, 0.0, 0.95, 0.0, False),
    (0.0, 0.0, 1.05, 0.0, False),
    (0.0, 0.0, 1.0, 4.0, False),
    (0.0, 0.0, 1.0, -4.0, True),
)


def crops(view: View) -> list[View]:
    """Ten slightly different alignments of one face: the landmarks move, so that the recognizer cuts another chip."""
    size = view.frame.shape[0]
    mirrored = np.ascontiguousarray(view.frame[:, ::-1])
    found = []
    for right, down, scale, degrees, mirror in _CROPS:
        frame, landmarks = (
            (mirrored, mirrored_landmarks(view.landmarks, size)) if mirror else (view.frame, view.landmarks)
        )
        angle = np.deg2rad(degrees)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        center = landmarks.mean(0)
        found.append(View(frame, (landmarks - center) @ turn.T + center + size * np.array([right, down])))
    return found


def mirrored_landmarks(landmarks: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The 68 iBUG landmarks of the mirror image of a frame: left and right change their numbers."""
    flipped: NDArray[np.float64] = landmarks[_MIRROR].copy()
    flipped[:, 0] = size - 1 - flipped[:, 0]
    return flipped


_MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        45,
        44,
        43,
        42,
        47,
        46,
        39,
        38,
        37,
        36,
        41,
        40,
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        *range(67, 64, -1),
    ]
)


def averaged(embeddings: Embeddings, faces: int) -> Embeddings:
    """Unit-length means (N, D) of the embeddings (N K, D) of the K crops of each of N faces."""
    mean = embeddings.astype(np.float64).reshape(faces, len(_CROPS), embeddings.shape[1]).mean(1)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)
