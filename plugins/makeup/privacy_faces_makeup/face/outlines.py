"""The outlines of what is painted, from 68 iBUG landmarks, and how much of each pixel they enclose."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from skimage.draw import polygon
from torch import Tensor
from torch.nn.functional import avg_pool2d

Points = NDArray[np.float64]

# Polygons are drawn this many times finer than the frame and averaged down.
_FINER = 4


class Eye:
    """Outlines around one eye; `side` 0 is the one left in the picture."""

    def __init__(self, landmarks: Points, side: int) -> None:
        points = landmarks[36:42] if side == 0 else landmarks[42:48]
        brow = landmarks[17:22] if side == 0 else landmarks[22:27]
        # From the inner corner to the outer one.
        order = [3, 2, 1, 0, 5, 4] if side == 0 else [0, 1, 2, 3, 4, 5]
        self.upper, self.lower = points[order[:4]], points[order[3:] + order[:1]]
        self.width = float(np.linalg.norm(points[3] - points[0]))
        self.up = brow.mean(0) - points.mean(0)
        self.gap = float(np.linalg.norm(self.up))
        self.up = self.up / self.gap

    def opening(self) -> Points:
        """The eyeball's outline."""
        return np.concatenate([_curve(self.upper), _curve(self.lower)])

    def lid(self, height: float) -> Points:
        """From the lash line up to a share `height` of the way to the brow, reaching past the outer corner."""
        low = self.upper.copy()
        outwards = (low[3] - low[0]) / self.width
        low[3] = low[3] + 0.18 * self.width * outwards + 0.1 * self.width * self.up
        lift = np.array([0.35, 0.95, 1.0, 0.55])[:, None] * height * self.gap * self.up
        return np.concatenate([_curve(low), _curve(low + lift)[::-1]])

    def liner(self) -> Points:
        """A line along the upper lid, thicker outwards, with a short wing."""
        low = self.upper.copy()
        outwards = (low[3] - low[0]) / self.width
        low[3] = low[3] + 0.1 * self.width * outwards + 0.06 * self.width * self.up
        lift = np.array([0.03, 0.08, 0.1, 0.05])[:, None] * self.width * self.up
        return np.concatenate([_curve(low - 0.3 * lift), _curve(low + lift)[::-1]])


def mouth(points: Points, corner: int) -> Points:
    """The closed outline of lip landmarks that run from one corner over the other, at index `corner`, and back."""
    return np.concatenate([_curve(points[: corner + 1]), _curve(np.concatenate([points[corner:], points[:1]]))])


def cheek(landmarks: Points, side: int) -> Points:
    """An ellipse from beside the nose up towards the ear."""
    wing, ear, corner = (
        (landmarks[31], landmarks[1], landmarks[48]) if side == 0 else (landmarks[35], landmarks[15], landmarks[54])
    )
    eye = landmarks[36:42].mean(0) if side == 0 else landmarks[42:48].mean(0)
    center = 0.46 * ear + 0.24 * wing + 0.3 * (0.5 * eye + 0.5 * corner)
    along = 0.3 * (ear - 0.75 * wing - 0.25 * corner)
    across = 0.5 * np.array([-along[1], along[0]])
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)[:, None]
    return np.asarray(center + np.cos(angles) * along + np.sin(angles) * across)


def _curve(points: Points, count: int = 24) -> Points:
    """A smooth curve (count, 2) through points (K, 2), K >= 3."""
    places = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1) + 1e-6)])
    return np.asarray(make_interp_spline(places, points, k=min(3, len(points) - 1))(np.linspace(0, places[-1], count)))


def coverage(outline: Points, size: int) -> Tensor:
    """How much of each pixel (size, size) a closed outline (K, 2) encloses."""
    fine = np.zeros((size * _FINER, size * _FINER), dtype=np.float32)
    # A pixel's center has whole coordinates, its upper left corner lies half a pixel before.
    columns, rows = ((outline + 0.5) * _FINER - 0.5).T
    fine[polygon(rows, columns, fine.shape)] = 1
    return avg_pool2d(torch.from_numpy(fine)[None, None], _FINER)[0, 0]
