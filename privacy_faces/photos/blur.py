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


class BlurInside:
    """`gaussian_blur` that averages only where a mask is set (normalized convolution), so that nothing from outside
    bleeds in.

    Args:
        mask: (N, 1, H, W), 0 to 1; it is blurred once.
        sigma: standard deviation in pixels.
    """

    def __init__(self, mask: Tensor, sigma: float) -> None:
        self._mask, self._sigma = mask, sigma
        self._weight = gaussian_blur(mask, sigma).clamp(min=1e-3)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W), blurred."""
        return gaussian_blur(images * self._mask, self._sigma) / self._weight
