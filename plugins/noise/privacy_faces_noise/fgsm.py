"""FGSM (Goodfellow et al., ICLR 2015, section 4): x' = x - epsilon sign(grad L(x)).

The similarity of a face to itself is at its maximum, where the gradient vanishes. The gradient is therefore taken at a
random point close by, as in R+FGSM (Tramer et al., ICLR 2018, section 4.1); the step ends on the ball around the photo
all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_noise.ball import Loss, gradient, project, random_start
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import FgsmOptions

# Radius of the random start, as a share of epsilon.
_START = 0.25


def fgsm(loss: Loss, original: Tensor, mask: Tensor, epsilon: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Frames (N, 3, S, S); arguments as for `ball.project`."""
    start = random_start(original, _START * epsilon, mask, generators)
    return project(original - epsilon * gradient(loss, start).sign(), original, epsilon, mask)


class Fgsm(GoalNoise):
    """FGSM against the ensemble of surrogates."""

    options: FgsmOptions

    def attack(self, loss: Loss, original: Tensor, mask: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """One step."""
        return fgsm(loss, original, mask, self.options.epsilon / 255, generators)
