"""DEM, the diversity ensemble (Zou et al., ECCV 2020): g = sum_r grad L(D_r(x)), where D_r resizes and pads the frame
at rate r. The face shrinks to between 1 / r and 1 of its size, as the paper's padded images do when a network resizes
them to its input. Arguments: those of `sampled`, and the rates, through which the samples go in turn."""

from __future__ import annotations

from torch import Tensor

from privacy_faces_noise.ball import gradient
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import DemOptions
from privacy_faces_noise.sampled import SampledAttack
from privacy_faces_noise.tidim import diverse_input


class DemAttack(SampledAttack):
    """Samples at several rates."""

    options: DemOptions

    def sample(self, frames: Tensor, index: int) -> Tensor:
        """At one rate."""
        rate = self.options.rates[index % len(self.options.rates)]
        return gradient(
            lambda seen: self.loss(diverse_input(self.transform(seen), 1 / rate, 1.0, self.generators)), frames
        )


class Dem(GoalNoise):
    """DEM against the ensemble of surrogates."""

    attack = DemAttack
