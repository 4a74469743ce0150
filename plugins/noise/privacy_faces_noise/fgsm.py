"""FGSM (Goodfellow et al., ICLR 2015, section 4): x' = x - epsilon sign(grad L(x)).

The gradient is taken at a random point close by, as in R+FGSM (Tramer et al., ICLR 2018, section 4.1); the step ends on
the ball around the photo all the same. Argument: epsilon.
"""

from __future__ import annotations

from torch import Tensor

from privacy_faces_noise.attack import Attack
from privacy_faces_noise.method import GoalNoise

# Radius of the random start, as a share of epsilon.
_START = 0.25


class FgsmAttack(Attack):
    """One step."""

    def run(self) -> Tensor:
        """From the photo itself, along the gradient at the start."""
        self.start = _START * self.epsilon
        return self.projected(self.original - self.epsilon * self.gradient(self.first()).sign())


class Fgsm(GoalNoise):
    """FGSM against the ensemble of surrogates."""

    attack = FgsmAttack
