"""How much a face's picture changed."""

from __future__ import annotations

import numpy as np
import torch
from kornia.metrics import psnr, ssim
from numpy.typing import NDArray
from skimage.color import deltaE_cie76, rgb2lab
from torch import Tensor

from privacy_faces.judge.receipt import FrameQuality
from privacy_faces.photos.faces import Face

# Window of 11 pixels with a Gaussian weight, as in Wang et al. (2004).
_SSIM_WINDOW = 11


def quality(original: Tensor, protected: Tensor) -> FrameQuality:
    """PSNR in dB and SSIM (Wang et al., IEEE TIP 2004) of two frames (3, S, S) in [0, 1]; PSNR of equal frames is None.

    `lpips` is None: its AlexNet trunk does not come with this package.
    """
    equal = bool((original == protected).all())
    return FrameQuality(
        psnr=None if equal else round(float(psnr(protected, original, 1.0)), 2),
        ssim=round(float(ssim(protected[None], original[None], _SSIM_WINDOW).mean()), 4),
        lpips=None,
    )


def frame_quality(original: NDArray[np.float32], protected: NDArray[np.float32]) -> FrameQuality:
    """`quality` of two frames (S, S, 3)."""
    first, second = (torch.from_numpy(frame).permute(2, 0, 1).contiguous() for frame in (original, protected))
    return quality(first, second)


def color_shift(original: NDArray[np.float32], protected: NDArray[np.float32], face: NDArray[np.bool_]) -> float:
    """How far colors moved where no face is: the mean CIE 1976 difference of two frames (S, S, 3) in [0, 1] outside
    the face (S, S); 1 is barely visible."""
    return float(deltaE_cie76(rgb2lab(original), rgb2lab(protected))[~face].mean())


def landmark_shift(original: Face, protected: Face) -> float:
    """The mean distance between the 68 landmarks of a face before and after, in eye distances."""
    return float(np.hypot(*(protected.landmarks - original.landmarks).T).mean() / original.eye_distance)
