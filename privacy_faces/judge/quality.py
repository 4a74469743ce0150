"""How much a face's picture changed."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.judge.receipt import FrameQuality
from privacy_faces.photos.blur import gaussian_blur

# Of Wang et al., section III.C: a Gaussian window of 1.5 pixels in 11, and what keeps small quotients stable.
_WINDOW, _REACH = 1.5, 10 / 3
_STABLE = (0.01**2, 0.03**2)


def psnr(original: Tensor, protected: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two pictures in [0, 1]; infinite where they are equal."""
    error = float((original - protected).square().mean())
    return -10 * math.log10(error) if error else math.inf


def ssim(original: Tensor, protected: Tensor) -> float:
    """Structural similarity (Wang et al., IEEE TIP 2004, eq. 13) of two batches (N, C, H, W) in [0, 1], the mean over
    all places."""
    first, second = original, protected
    parts = (first, second, first.square(), second.square(), first * second)
    mean, other, square, other_square, product = (gaussian_blur(part, _WINDOW, _REACH) for part in parts)
    luminance = (2 * mean * other + _STABLE[0]) / (mean.square() + other.square() + _STABLE[0])
    variances = square - mean.square() + other_square - other.square()
    structure = (2 * (product - mean * other) + _STABLE[1]) / (variances + _STABLE[1])
    return float((luminance * structure).mean())


def quality(original: Tensor, protected: Tensor) -> FrameQuality:
    """PSNR and SSIM of two frames (3, S, S) in [0, 1]; the PSNR of equal frames is None.

    `lpips` is None: its AlexNet trunk does not come with this package.
    """
    ratio = psnr(original, protected)
    return FrameQuality(
        psnr=None if math.isinf(ratio) else round(ratio, 2),
        ssim=round(ssim(original[None], protected[None]), 4),
        lpips=None,
    )


def frame_quality(original: NDArray[np.float32], protected: NDArray[np.float32]) -> FrameQuality:
    """`quality` of two frames (S, S, 3)."""
    first, second = (torch.from_numpy(frame).permute(2, 0, 1).contiguous() for frame in (original, protected))
    return quality(first, second)
