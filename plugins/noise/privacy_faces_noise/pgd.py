"""PGD (Madry et al., ICLR 2018, section 2.1): x_{t+1} = P(x_t - alpha sign(grad L(x_t))), with P onto the ball around
the photo, x_0 random inside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_noise.ball import Loss, gradient, project, random_start
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import PgdOptions


def pgd(
    loss: Loss,
    original: Tensor,
    mask: Tensor,
    epsilon: float,
    alpha: float,
    steps: int,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Frames (N, 3, S, S) after `steps` steps of length `alpha`; other arguments as for `ball.project`."""
    frames = random_start(original, epsilon, mask, generators)
    for _ in range(steps):
        frames = project(frames - alpha * gradient(loss, frames).sign(), original, epsilon, mask)
    return frames


class Pgd(GoalNoise):
    """PGD against the ensemble of surrogates."""

    options: PgdOptions

    def attack(self, loss: Loss, original: Tensor, mask: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """All steps."""
        options = self.options
        return pgd(loss, original, mask, options.epsilon / 255, options.step_size / 255, options.steps, generators)
