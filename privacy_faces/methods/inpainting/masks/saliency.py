"""Input-gradient saliency (Simonyan et al., ICLR workshop 2014) on a face recognizer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from privacy_faces.methods.inpainting.masks.identity_score import identity_score
from privacy_faces.methods.inpainting.masks.selection import unit_range
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.recognizers.contract import Recognizer


def input_gradient(
    recognizer: Recognizer, frames: Tensor, landmarks: Tensor, score: Callable[[Tensor], Tensor] = identity_score
) -> Tensor:
    """|d score / d frame|, the largest of the three channels.

    Args:
        recognizer: the recognizer; the gradient passes through its alignment.
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels.
        score: of the recognizer's features (N, D), (N,).

    Returns:
        (N, 1, S, S), not negative.
    """
    leaf = frames.detach().requires_grad_()
    with torch.enable_grad():
        total = score(recognizer.features(recognizer.template.chips(leaf, landmarks))).sum()
    return torch.autograd.grad(total, leaf)[0].abs().amax(1, keepdim=True)


def saliency_map(gradient: Tensor, blur: int = 13) -> Tensor:
    """A gradient (N, 1, S, S), smoothed by a Gaussian `blur` pixels wide in a frame of 512; in [0, 1]."""
    return unit_range(_smoothed(gradient, blur))


def above_percentile(gradient: Tensor, percentile: float, blur: int = 13) -> Tensor:
    """The pixels whose gradient (N, 1, S, S) is above a percentile of the frame's, as a mask that is smoothed and cut
    at half: boolean (N, 1, S, S)."""
    high = gradient > gradient.flatten(1).quantile(percentile / 100, dim=1).view(-1, 1, 1, 1)
    return _smoothed(high.to(gradient), blur) > 0.5


def _smoothed(maps: Tensor, blur: int) -> Tensor:
    kernel = 2 * round(blur * maps.shape[-1] / 512 / 2) + 1
    # OpenCV's rule for the standard deviation that belongs to a kernel width.
    sigma = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    return gaussian_blur(maps, sigma, (kernel - 1) / 2 / sigma)
