"""MEF, maximin expected flatness (Qiu et al., 2024, algorithm 1): the gradient is the mean at N neighbors of the frame,
each drawn within xi epsilon and then moved by gamma epsilon against the loss's descent, along a momentum of its own
gradients with decay mu_i, so that the noise ends where the loss is low all around. Arguments: those of `sampled`, N
(`samples`), xi (`radius`), gamma (`ascent`), mu_i (`inner_decay`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_noise.ball import Loss
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.mifgsm import unit_l1
from privacy_faces_noise.options import MefOptions
from privacy_faces_noise.sampled import SampledAttack


class MefAttack(SampledAttack):
    """Neighbors that climb while the frame descends."""

    options: MefOptions

    def __init__(
        self,
        options: MefOptions,
        loss: Loss,
        original: Tensor,
        mask: Tensor,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__(options, loss, original, mask, generators)
        self.climbs = [torch.zeros_like(original)] * options.samples

    def sample(self, frames: Tensor, index: int) -> Tensor:
        """At one neighbor."""
        options = self.options
        drawn = torch.stack([2 * torch.rand(frames.shape[1:], generator=each) - 1 for each in self.generators])
        near = options.radius * drawn.to(frames) + options.ascent * self.climbs[index].sign()
        found = super().sample(frames + self.epsilon * near, index)
        self.climbs[index] = options.inner_decay * self.climbs[index] + unit_l1(found)
        return found


class Mef(GoalNoise):
    """MEF against the ensemble of surrogates."""

    attack = MefAttack
