"""Reversal of a blur or a mosaic whose settings are known: the face is sought that it turns into what is seen.

Gaussian blur and its practical precision leave enough to undo it (Revelio, Zhai et al., arXiv 2506.12344, 2025;
"Privacy Blur: Quantifying Privacy and Utility for Image Data Release", 2025). Where those train networks on many faces,
this attacker has the shipped linear model of faces, and least squares: what it does not undo, they may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.evaluation.attackers.contract import Treat
from privacy_faces.judge.views import View
from privacy_faces.methods.contract import FrameBatch, Method
from privacy_faces.methods.redact import Blur, Pixelate
from privacy_faces.models import face_prior
from privacy_faces.models.face_prior import FaceModel
from privacy_faces.photos.regions import region_masks
from privacy_faces.weights.store import verified

#: The methods that are linear operations.
REVERSIBLE = ("blur", "pixelate")

#: A linear operation on frames (N, 3, S, S), at any side S.
Operation = Callable[[Tensor], Tensor]

# Sides at which the model guesses, and at which the guess is made to fit: what a blur leaves is coarse.
_GUESS, _FIT = 64, 128
# Variances of a pixel around the model's guess: where the operation smoothed its error away, and where it did not.
_COVERED, _OPEN = 0.0025, 0.04
# Variances of what is seen around what it was, half a gray level, and of the face around the guess.
_ROUNDING, _FACE = (0.5 / 255) ** 2, 0.01
_STEPS = 10
_COMPONENTS = 50  # that pass through the operation at a time
_BATCH = 8


def reversal(method: Method) -> Treat | None:
    """What undoes the operation of a method; None for one that is not linear.

    Two faces are made of each: what fits best near what is seen, and near what the linear face model takes it for. The
    better match counts.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    if not isinstance(method, Blur | Pixelate):
        return None

    def operation(frames: Tensor) -> Tensor:
        return method.cover(FrameBatch(frames, frames.new_zeros(len(frames), 68, 2), {}, [0] * len(frames)))

    model = face_prior.load(verified("face-prior")[0], torch.device("cpu"))
    guesser = Guesser(model, operation)

    def reverse(views: Sequence[View]) -> list[View]:
        found: list[View] = []
        for start in range(0, len(views), _BATCH):
            batch = views[start : start + _BATCH]
            frames = torch.from_numpy(np.stack([view.frame for view in batch])).permute(0, 3, 1, 2)
            ovals = [region_masks(view.landmarks, view.frame.shape[0])["face"] for view in batch]
            covered = torch.from_numpy(np.stack(ovals))[:, None].float()
            sides = [
                undone(operation, frames, covered, near).permute(0, 2, 3, 1).contiguous().numpy()
                for near in (frames, guesser(frames, covered))
            ]
            found += [View(frame, view.landmarks) for view, *both in zip(batch, *sides, strict=True) for frame in both]
        return found

    return reverse


def undone(operation: Operation, seen: Tensor, covered: Tensor, near: Tensor) -> Tensor:
    """Frames (N, 3, S, S) that the operation turns into what is seen where it is covered: with m the mask and A the
    operation, the minimum over d of |m (A(x + m d) - y)|^2 / r + |d|^2 / f, by a few steps of conjugate gradients,
    which find what survived A best first (Hansen, Discrete Inverse Problems, SIAM 2010).

    Args:
        operation: A.
        seen: y, (N, 3, S, S) in [0, 1].
        covered: m, (N, 1, S, S), 1 where the operation's result shows.
        near: x, (N, 3, S, S), what to begin with.
    """
    y, mask, start = (_scaled(item, _FIT) for item in (seen, covered, near))
    start = torch.lerp(y, start, mask)

    def forward(change: Tensor) -> Tensor:
        return mask * operation(mask * change)

    adjoint: Callable[[Tensor], tuple[Tensor]] = torch.func.vjp(forward, torch.zeros_like(y))[1]

    def normal(change: Tensor) -> Tensor:
        return adjoint(forward(change))[0] + _ROUNDING / _FACE * change

    change = torch.zeros_like(y)
    residual = adjoint(mask * (y - operation(start)))[0]
    direction, length = residual, _dot(residual, residual)
    for _ in range(_STEPS):
        image = normal(direction)
        step = length / _dot(direction, image).clamp(min=1e-20)
        change = change + step * direction
        residual = residual - step * image
        before, length = length, _dot(residual, residual)
        direction = residual + length / before.clamp(min=1e-20) * direction
    # What is seen keeps its own detail, to which the change is added.
    correction = interpolate(start + mask * change - y, seen.shape[-2:], mode="bicubic", align_corners=False)
    return (seen + covered * correction).clamp(0, 1)


class Guesser:
    """What the linear face model takes covered faces for: the posterior mean of its coefficients z ~ N(0, I), given the
    operation's result where the face is covered and the picture elsewhere.

    Args:
        model: the face model.
        operation: what covers the faces.
    """

    def __init__(self, model: FaceModel, operation: Operation) -> None:
        self._model = model
        count = model.components.shape[1]
        pictures = torch.cat([model.mean[None], model.components.T]).view(count + 1, 3, model.size, model.size)
        plain = _scaled(pictures, _GUESS)
        through = torch.cat([operation(part) for part in torch.split(plain, _COMPONENTS)])
        self._plain, self._through = plain.flatten(1).T, through.flatten(1).T

    def __call__(self, seen: Tensor, covered: Tensor) -> Tensor:
        """Frames (N, 3, S, S) in [0, 1] for frames of that shape, covered where `covered` (N, 1, S, S) is 1."""
        guesses = []
        for frame, mask in zip(_scaled(seen, _GUESS), _scaled(covered, _GUESS), strict=True):
            inside = (mask > 0.5).expand(3, -1, -1).flatten()[:, None]
            rows = torch.where(inside, self._through, self._plain)
            mean, components = rows[:, 0], rows[:, 1:]
            weighted = components / torch.where(inside, _COVERED, _OPEN)
            precision = weighted.T @ components + torch.eye(components.shape[1])
            guesses.append(torch.linalg.solve(precision, weighted.T @ (frame.flatten() - mean)))
        return _scaled(self._model.frames(torch.stack(guesses)), seen.shape[-1]).clamp(0, 1)


def _scaled(pictures: Tensor, side: int) -> Tensor:
    return interpolate(pictures, (side, side), mode="bilinear", antialias=True, align_corners=False)


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum((1, 2, 3), keepdim=True)
