"""How much a face's picture changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def quality(original: NDArray[np.float32], protected: NDArray[np.float32]) -> dict[str, Any]:
    """PSNR in dB and SSIM (Wang et al., 2004, Gaussian window) of two frames (S, S, 3) in [0, 1]; PSNR of equal frames is None.

    `lpips` is None: its AlexNet trunk does not come with this package.
    """
    with np.errstate(divide="ignore"):
        psnr = float(peak_signal_noise_ratio(original, protected, data_range=1.0))
    ssim = float(structural_similarity(original, protected, channel_axis=2, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False))
    return {"psnr": round(psnr, 2) if math.isfinite(psnr) else None, "ssim": round(ssim, 4), "lpips": None}
