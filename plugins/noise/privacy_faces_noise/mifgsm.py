"""MI-FGSM (Dong et al., CVPR 2018, equations 6 and 7): g_{t+1} = mu g_t + grad L / |grad L|_1, x_{t+1} = P(x_t - alpha
sign(g_{t+1})). Arguments: epsilon, alpha (`step_size`), steps, mu (`decay`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_noise.attack import Iterative
from privacy_faces_noise.ball import Loss
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import MomentumOptions


def unit_l1(gradients: Tensor) -> Tensor:
    """Gradients (N, 3, S, S), each divided by the mean of its absolute values, which differs from its L1 norm by a
    constant."""
    return gradients / gradients.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)


class MifgsmAttack(Iterative):
    """Steps along an average of all gradients so far."""

    options: MomentumOptions

    def __init__(
        self,
        options: MomentumOptions,
        loss: Loss,
        original: Tensor,
        mask: Tensor,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__(options, loss, original, mask, generators)
        self.momentum = torch.zeros_like(original)

    def update(self, found: Tensor) -> Tensor:
        """The momentum."""
        self.momentum = self.options.decay * self.momentum + unit_l1(found)
        return self.momentum


class Mifgsm(GoalNoise):
    """MI-FGSM against the ensemble of surrogates."""

    attack = MifgsmAttack
