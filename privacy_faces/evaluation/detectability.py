"""Whether somebody who looks for edits can tell protected faces from untouched ones.

Noise residuals, as steganalysis takes them (Fridrich and Kodovsky, IEEE TIFS 2012), over a grid on the frame, compared
with the rest of the frame; a linear classifier that was trained on other people's frames. A detector that is trained
for longer, on more, may tell more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

from privacy_faces.evaluation.intervals import share
from privacy_faces.evaluation.rows import Number
from privacy_faces.photos.luma import LUMA

Frames = NDArray[np.uint8]
Array = NDArray[np.float64]

#: Fewer people would leave too few to learn from.
LEAST_PEOPLE = 10
_FOLDS = 5
# Of first and second order, and the square of third order that finds what interpolation has smoothed.
_RESIDUALS = (
    np.array([[-1.0, 1.0]]),
    np.array([[-1.0], [1.0]]),
    np.array([[1.0, -2.0, 1.0]]),
    np.array([[1.0], [-2.0], [1.0]]),
    np.array([[-1.0, 2.0, -1.0], [2.0, -4.0, 2.0], [-1.0, 2.0, -1.0]]) / 4,
)
_GRID = 8
# Inverse of the ridge penalty: there are more features than frames.
_STRENGTH = 0.003


def detectability(before: Frames, after: Frames, people: Sequence[str]) -> Number:
    """The chance that a protected frame looks more edited than an untouched one: 1 gives all away, 0.5 nothing.

    Each frame is scored by a classifier that saw no frame of its person.

    Args:
        before, after: frames (N, S, S, 3) of the unprotected copies and of the protected photos.
        people: N names.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(people)) < LEAST_PEOPLE:
        missing = f"needs {LEAST_PEOPLE} people, to learn from others than those who are judged"
        return Number(value=None, n=len(before), missing=missing)
    features = np.concatenate([residuals(before), residuals(after)])
    edited = np.repeat([0, 1], len(before))
    groups = np.concatenate([people, people])
    scores = np.zeros(len(features))
    for training, test in GroupKFold(_FOLDS).split(features, edited, groups):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=1000))
        scores[test] = classifier.fit(features[training], edited[training]).decision_function(features[test])
    untouched, changed = np.sort(scores[: len(before)]), scores[len(before) :]
    below = [np.searchsorted(untouched, changed, side) for side in ("left", "right")]
    return share((below[0] + below[1]) / (2 * len(untouched)), people)


def residuals(frames: Frames) -> Array:
    """How strong the noise residuals are in each cell of a grid, less the frame's median: (N, 2 * 5 * 64); of luma, at
    full and at half resolution."""
    luma = frames.astype(np.float64) @ LUMA
    half = luma.reshape(len(luma), luma.shape[1] // 2, 2, luma.shape[2] // 2, 2).mean((2, 4))
    return np.concatenate([_strengths(picture, kernel) for picture in (luma, half) for kernel in _RESIDUALS], axis=1)


def _strengths(luma: Array, kernel: Array) -> Array:
    count, side, _ = luma.shape
    cell = side // _GRID
    residual = np.abs(correlate(luma, kernel[None], mode="nearest"))[:, : cell * _GRID, : cell * _GRID]
    cells = residual.reshape(count, _GRID, cell, _GRID, cell).mean((2, 4)).reshape(count, -1)
    logs = np.log(cells + 0.1)  # a tenth of a gray level: even ground has none
    return np.asarray(logs - np.median(logs, axis=1, keepdims=True))
