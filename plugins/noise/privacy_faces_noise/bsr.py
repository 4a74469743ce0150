"""BSR, block shuffle and rotation (Wang et al., CVPR 2024): g = 1/N sum_i grad L(T_i(x)), where T cuts the frame into n
x n blocks of random sizes, turns each strip of them by up to tau and lets them change places. Arguments: those of
`sampled`, n (`blocks`), tau (`degrees`), whether they change places (`shuffle`), N (`samples`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from kornia.geometry.transform import rotate
from torch import Tensor

from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import BsrOptions
from privacy_faces_noise.sampled import SampledAttack


def shuffled(
    frames: Tensor, blocks: int, degrees: float, shuffle: bool, generators: Sequence[torch.Generator]
) -> Tensor:
    """Frames (N, 3, S, S) whose strips, down first and then across, are turned and change places; differentiable."""
    seen = []
    for frame, generator in zip(frames, generators, strict=True):
        rows = _strips(frame, 1, blocks, degrees, shuffle, generator)
        seen.append(_strips(rows, 2, blocks, degrees, shuffle, generator))
    return torch.stack(seen)


def _strips(frame: Tensor, axis: int, count: int, degrees: float, shuffle: bool, generator: torch.Generator) -> Tensor:
    """One frame (3, S, S) cut across `axis` into `count` strips, the widest at most three times the narrowest."""
    shares = (0.5 + torch.rand(count, generator=generator)).cumsum(0)
    ends = (shares / shares[-1] * frame.shape[axis]).round().long()
    order = torch.randperm(count, generator=generator) if shuffle else torch.arange(count)
    angles = ((2 * torch.rand(count, generator=generator) - 1) * degrees).to(frame)
    strips = frame.tensor_split(ends[:-1], axis)
    turned = [rotate(strips[at][None], angles[at, None], padding_mode="reflection")[0] for at in order]
    return torch.cat(turned, axis)


class BsrAttack(SampledAttack):
    """Blocks turned and shuffled."""

    options: BsrOptions

    def transform(self, frames: Tensor) -> Tensor:
        """A sample."""
        options = self.options
        return shuffled(super().transform(frames), options.blocks, options.degrees, options.shuffle, self.generators)


class Bsr(GoalNoise):
    """BSR against the ensemble of surrogates."""

    attack = BsrAttack
