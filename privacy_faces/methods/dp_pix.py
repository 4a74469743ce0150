"""DP-Pix: a mosaic with noise, so that no few pixels decide what is seen (Fan, "Image Pixelization with Differential
Privacy", DBSec 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_faces.methods.contract import FrameBatch
from privacy_faces.methods.options import DpPixOptions
from privacy_faces.methods.redact import Redaction

_CHANNELS = 3


class DpPix(Redaction):
    """A mosaic whose cells carry Laplace noise.

    Two frames are *m-neighbors* where at most m pixels differ. The means of b x b pixels then differ by at most
    255 m / b^2 in sum (theorem 1), of three channels by three times that, and Laplace noise of the scale
    3 * 255 m / (b^2 epsilon) makes them epsilon-differentially private; the paper's pictures are gray, with one
    channel.

    It speaks of the pixels of the frame and of m of them, not of the person: a face has thousands. Where the face is,
    and what lies around it, is not hidden, and the noise comes from the run's seed: who knows that one can subtract it.
    """

    options: DpPixOptions

    def cover(self, batch: FrameBatch) -> Tensor:
        """The noisy mosaic, clamped to [0, 1]."""
        side = self.options.block
        cells = batch.frames.shape[-1] // side
        scale = laplace_scale(self.options.epsilon, self.options.neighbors, side)
        means = F.avg_pool2d(batch.frames, side)
        noise = [laplace(means.shape[1:], generator) for generator in batch.generators()]
        noisy = (means + scale * torch.stack(noise).to(means)).clamp(0, 1)
        return F.interpolate(noisy, (cells * side, cells * side), mode="nearest-exact")


def laplace_scale(epsilon: float, neighbors: int, block: int) -> float:
    """The scale of the noise, of colors in [0, 1].

    >>> laplace_scale(0.5, 16, 16)
    0.375
    """
    return _CHANNELS * neighbors / (block**2 * epsilon)


def laplace(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Laplace noise of scale 1: -sign(u) ln(1 - 2 |u|), of u even in (-1/2, 1/2)."""
    # 53 bits, so that the logarithm of 0 does not occur.
    u = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    return (-u.sign() * torch.log1p(-2 * u.abs().clamp(max=0.5 - 1e-12))).float()
