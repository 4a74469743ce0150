"""Gaussian blur by its standard deviation.

In a few lines of torch: the libraries that have one load for longer than a photo takes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def gaussian_blur(images: Tensor, sigma: float, reach: float = 3.0, border: str = "reflect") -> Tensor:
    """Images (N, C, H, W) convolved with a Gaussian; differentiable.

    Args:
        images: of any range.
        sigma: standard deviation in pixels.
        reach: standard deviations after which the kernel ends.
        border: what continues beyond the border, as `torch.nn.functional.pad` names it.
    """
    radius = max(1, round(reach * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = (-(offsets**2) / (2 * sigma**2)).exp()
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    planes = pad(images, (radius,) * 4, mode=border).flatten(0, 1)[:, None]
    return conv2d(conv2d(planes, kernel), kernel.mT).view(images.shape)


def blur_inside(images: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """`gaussian_blur` that averages only where `mask` (N, 1, H, W) is set (normalized convolution), so that nothing
    from outside bleeds in."""
    return gaussian_blur(images * mask, sigma) / gaussian_blur(mask, sigma).clamp(min=1e-3)
