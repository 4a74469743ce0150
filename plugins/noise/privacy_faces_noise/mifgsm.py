"""MI-FGSM (Dong et al., CVPR 2018, equations 6 and 7): g_{t+1} = mu g_t + grad L / |grad L|_1, x_{t+1} = P(x_t - alpha
sign(g_{t+1})).

The start is random within one gray level, since the similarity of a face to itself has no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from privacy_faces_noise.ball import Loss, gradient, project, random_start
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import MifgsmOptions

_START = 1 / 255


def unit_l1(gradients: Tensor) -> Tensor:
    """Gradients (N, 3, S, S), each divided by the mean of its absolute values, which differs from its L1 norm by a
    constant."""
    return gradients / gradients.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)


def mifgsm(
    gradient_at: Callable[[Tensor], Tensor],
    original: Tensor,
    mask: Tensor,
    epsilon: float,
    alpha: float,
    steps: int,
    decay: float,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Frames (N, 3, S, S) after `steps` steps.

    Args:
        gradient_at: the gradient at frames, both (N, 3, S, S).
        original, mask, epsilon: as for `ball.project`.
        alpha: length of a step.
        steps: how many.
        decay: mu.
        generators: one for each face.
    """
    frames = random_start(original, min(_START, epsilon), mask, generators)
    momentum = torch.zeros_like(original)
    for _ in range(steps):
        momentum = decay * momentum + unit_l1(gradient_at(frames))
        frames = project(frames - alpha * momentum.sign(), original, epsilon, mask)
    return frames


class Mifgsm(GoalNoise):
    """MI-FGSM against the ensemble of surrogates."""

    options: MifgsmOptions

    def attack(self, loss: Loss, original: Tensor, mask: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """All steps."""
        options = self.options
        return mifgsm(
            lambda frames: gradient(loss, frames),
            original,
            mask,
            options.epsilon / 255,
            options.step_size / 255,
            options.steps,
            options.decay,
            generators,
        )
