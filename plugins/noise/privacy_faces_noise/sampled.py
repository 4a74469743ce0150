"""Momentum along the mean gradient of several samples of the frame, each turned, moved and reduced at random.

What noise gains on other recognizers it gains first by not fitting the surrogate's alignment and resolution, so all of
the newer algorithms start from it: the random affine map I + N(0, s) is that of DPA (Zhou et al., CVPR 2025), the lower
resolution stands for recognizers with smaller chips. Arguments: those of MI-FGSM, `samples`, s (`jitter`),
`resolution`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from privacy_faces_noise.mifgsm import MifgsmAttack
from privacy_faces_noise.options import SampledOptions


def jittered(frames: Tensor, spread: float, resolution: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Frames (N, 3, S, S) after a random affine map, reduced to between `resolution` S and S and enlarged again;
    differentiable.

    Args:
        frames: of any range.
        spread: standard deviation of the map's entries; half a frame is 1.
        resolution: in (0, 1]; 1 keeps all detail.
        generators: one for each frame.
    """
    size, seen = frames.shape[-1], []
    for frame, generator in zip(frames, generators, strict=True):
        affine = torch.eye(2, 3) + spread * torch.randn(2, 3, generator=generator)
        grid = affine_grid(affine[None].to(frame), [1, *frame.shape], align_corners=False)
        moved = grid_sample(frame[None], grid, padding_mode="border", align_corners=False)
        side = round(size * (resolution + (1 - resolution) * float(torch.rand((), generator=generator))))
        small = interpolate(moved, (side, side), mode="bilinear", antialias=True)
        seen.append(interpolate(small, (size, size), mode="bilinear")[0])
    return torch.stack(seen)


class SampledAttack(MifgsmAttack):
    """The mean gradient of samples. Hooks: also `sample`."""

    options: SampledOptions

    def transform(self, frames: Tensor) -> Tensor:
        """Jittered."""
        return jittered(frames, self.options.jitter, self.options.resolution, self.generators)

    def sample(self, frames: Tensor, index: int) -> Tensor:
        """The gradient of one sample."""
        return super().gradient(frames)

    def gradient(self, frames: Tensor) -> Tensor:
        """Their mean."""
        return torch.stack([self.sample(frames, index) for index in range(self.options.samples)]).mean(0)
