"""Input-gradient saliency (Simonyan et al., ICLR workshop 2014) on a face recogniser."""

from __future__ import annotations

from captum.attr import Saliency
from kornia.filters import gaussian_blur2d
from torch import Tensor

from privacy_faces.masks.identity_score import identity_score
from privacy_faces.masks.selection import unit_range
from privacy_faces.recognizers.base import Recognizer


def saliency_map(recognizer: Recognizer, frames: Tensor, landmarks: Tensor, blur: int = 13, target: Tensor | None = None) -> Tensor:
    """|d identity score / d frame|, the largest of the three channels, smoothed.

    Args:
        recognizer: the recogniser; the gradient passes through its alignment.
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels.
        blur: width of the Gaussian smoothing in pixels of a 512-pixel frame.
        target: embeddings (N, D) of the class; the person's own when None.

    Returns:
        (N, 1, S, S) in [0, 1].
    """
    explainer = Saliency(lambda x: identity_score(recognizer.features(recognizer.template.chips(x, landmarks)), target))
    gradient = explainer.attribute(frames.detach().requires_grad_()).detach().amax(1, keepdim=True)
    kernel = 2 * round(blur * frames.shape[-1] / 512 / 2) + 1
    # OpenCV's rule for the standard deviation that belongs to a kernel width.
    sigma = 0.3 * ((kernel - 1) / 2 - 1) + 0.8
    return unit_range(gaussian_blur2d(gradient, (kernel, kernel), (sigma, sigma)))
