"""TI-DIM: MI-FGSM whose gradient is smoothed by a kernel W (Dong et al., CVPR 2019, equation 8: W * grad L) and taken
at a resized and padded frame (Xie et al., CVPR 2019, equation 4), so that it fits one recognizer's alignment less and
others' more. Arguments: those of MI-FGSM, and p (`chance`), the least size (`smallest`), sigma of W (`kernel`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from privacy_faces.plugin import gaussian_blur
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.mifgsm import MifgsmAttack
from privacy_faces_noise.options import TidimOptions


def diverse_input(frames: Tensor, smallest: float, chance: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Frames (N, 3, S, S), each with probability `chance` resized to between `smallest` S and S and set at a random
    place on black; differentiable."""
    size = frames.shape[-1]
    changed = []
    for frame, generator in zip(frames, generators, strict=True):
        drawn, share, right, down = torch.rand(4, generator=generator).tolist()
        side = round(size * (smallest + (1 - smallest) * share))
        if drawn >= chance or side == size:
            changed.append(frame)
            continue
        small = interpolate(frame[None], (side, side), mode="bilinear", antialias=True)[0]
        left, top = int(right * (size - side + 1)), int(down * (size - side + 1))
        changed.append(pad(small, (left, size - side - left, top, size - side - top)))
    return torch.stack(changed)


class TidimAttack(MifgsmAttack):
    """Diverse inputs, smooth gradients."""

    options: TidimOptions

    def transform(self, frames: Tensor) -> Tensor:
        """Resized and padded."""
        return diverse_input(frames, self.options.smallest, self.options.chance, self.generators)

    def gradient(self, frames: Tensor) -> Tensor:
        """Smoothed."""
        return gaussian_blur(super().gradient(frames), self.options.kernel, border="constant")


class Tidim(GoalNoise):
    """TI-DIM against the ensemble of surrogates."""

    attack = TidimAttack
