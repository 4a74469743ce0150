"""MEF, maximin expected flatness (Qiu et al., arXiv 2405.16181): g = 1/N sum_i grad L(x + u_i + gamma epsilon
sign(c_i)), with u_i even within xi epsilon: neighbors that climb by gamma epsilon, along the momentum c_i = mu_i c_i +
g_i / |g_i|_1 of their own gradients, so that the noise ends where the loss is low all around. Arguments: those
of `sampled`, N (`samples`), xi (`radius`), gamma (`ascent`), mu_i (`inner_decay`)."""

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
