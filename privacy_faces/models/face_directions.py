"""How a style must change for the face it draws to turn, open its mouth, or grow old: linear directions in W, as in
InterFaceGAN (Shen et al., CVPR 2020), fitted to all of a bank at once by ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.models.face_attributes import Scores
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_looks import FRAME

Array = NDArray[np.float32]

# Principal components of the landmarks: pose and expression. More of them would give the other face the person's own
# proportions, by which recognizers tell people apart.
_COMPONENTS = 6
# Ridge penalty of standardized attributes.
_RIDGE = 20.0
# No face is steered farther from the bank's mean than this many standard deviations: beyond, pictures fall apart.
_FARTHEST = 3.0


@dataclass(frozen=True)
class Directions:
    """Attributes are the first principal components of the landmarks, sex, child, old, glasses.

    Attributes:
        mean: (136,), of the landmarks.
        components: (K, 136), orthonormal.
        center, spread: (K + 4,), of the attributes over the bank.
        steps: (K + 4, 512), what one standard deviation of an attribute adds to a style.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    steps: NDArray[np.float64]

    def attributes(self, landmarks: Array, kind: Scores) -> NDArray[np.float64]:
        """(N, K + 4), in standard deviations from the bank's mean.

        Args:
            landmarks: (N, 68, 2) in pixels of a frame of 256.
            kind: of the N faces.
        """
        shape = (_flat(landmarks) - self.mean) @ self.components.T
        return np.asarray((np.column_stack([shape, _columns(kind)]) - self.center) / self.spread)

    def freed(self, changes: Tensor) -> Tensor:
        """Changes of styles (N, 512) without what would steer: pose, expression, sex, age and glasses stay."""
        basis = torch.linalg.qr(torch.from_numpy(self.steps.T))[0].to(changes)
        free: Tensor = changes - changes @ basis @ basis.T
        return free

    def oddness(self, landmarks: Array) -> NDArray[np.float64]:
        """(N,): how far faces stand from those of the bank in pose and expression: the root mean square of their
        components, about 1 within the bank. (N, 68, 2) in pixels of a frame of 256."""
        shape = (_flat(landmarks) - self.mean) @ self.components.T
        count = len(self.components)
        return np.asarray(np.sqrt((((shape - self.center[:count]) / self.spread[:count]) ** 2).mean(1)))

    def steered(self, styles: Array, own: NDArray[np.float64], wanted: NDArray[np.float64]) -> Array:
        """Styles (N, 512) that draw the same people with other attributes.

        Args:
            styles: (N, 512).
            own: (N, K + 4), attributes of what the styles draw.
            wanted: (1 or N, K + 4), attributes that they are to have.
        """
        change = wanted.clip(-_FARTHEST, _FARTHEST) - own
        return np.asarray(styles + change @ self.steps, np.float32)


def fit(bank: FaceBank, kind: Scores) -> Directions:
    """The directions of a bank.

    Args:
        bank: N faces.
        kind: of the N faces.
    """
    flat = _flat(bank.looks.landmarks)
    mean = flat.mean(0)
    # The covariance's eigenvectors are the singular vectors of all faces, and quicker to find.
    components = np.linalg.eigh(np.cov(flat.T))[1][:, : -_COMPONENTS - 1 : -1].T
    # The skin's color is told apart from the rest, so that no direction carries it; it is not steered itself.
    raw = np.column_stack([(flat - mean) @ components.T, _columns(kind), bank.looks.tone])
    center, spread = raw.mean(0), raw.std(0)
    design = np.column_stack([(raw - center) / spread, np.ones(len(raw))])
    penalties = np.append(np.full(raw.shape[1], _RIDGE), 0.0)
    steps = np.linalg.solve(design.T @ design + np.diag(penalties), design.T @ bank.styles)
    kept = _COMPONENTS + 4
    return Directions(mean, components, center[:kept], spread[:kept], steps[:kept])


def _flat(landmarks: Array) -> NDArray[np.float64]:
    return (np.asarray(landmarks, np.float64) / FRAME).reshape(len(landmarks), -1)


def _columns(kind: Scores) -> NDArray[np.float64]:
    return np.column_stack([kind.sex, kind.ages[:, 0], kind.ages[:, 2], kind.glasses]).astype(np.float64)
