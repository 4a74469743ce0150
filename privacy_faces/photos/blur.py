"""Gaussian blur by its standard deviation."""

from __future__ import annotations

from kornia.filters import gaussian_blur2d
from torch import Tensor


def gaussian_blur(images: Tensor, sigma: float, reach: float = 3.0, border: str = "reflect") -> Tensor:
    """Images (N, C, H, W) convolved with a Gaussian; differentiable.

    Args:
        images: of any range.
        sigma: standard deviation in pixels.
        reach: standard deviations after which the kernel ends.
        border: what continues beyond the border, as `torch.nn.functional.pad` names it.
    """
    kernel = 2 * max(1, round(reach * sigma)) + 1
    blurred: Tensor = gaussian_blur2d(images, (kernel, kernel), (sigma, sigma), border_type=border)
    return blurred


def blur_inside(images: Tensor, mask: Tensor, sigma: float) -> Tensor:
    """`gaussian_blur` that averages only where `mask` (N, 1, H, W) is set (normalized convolution), so that nothing
    from outside bleeds in."""
    return gaussian_blur(images * mask, sigma) / gaussian_blur(mask, sigma).clamp(min=1e-3)
