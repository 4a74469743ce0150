"""How much a face's picture changed."""

from __future__ import annotations

from typing import Any

from kornia.metrics import psnr, ssim
from torch import Tensor

# Window of 11 pixels with a Gaussian weight, as in Wang et al. (2004).
_SSIM_WINDOW = 11


def quality(original: Tensor, protected: Tensor) -> dict[str, Any]:
    """PSNR in dB and SSIM (Wang et al., IEEE TIP 2004) of two frames (3, S, S) in [0, 1]; PSNR of equal frames is None.

    `lpips` is None: its AlexNet trunk does not come with this package.
    """
    equal = bool((original == protected).all())
    return {
        "psnr": None if equal else round(float(psnr(protected, original, 1.0)), 2),
        "ssim": round(float(ssim(protected[None], original[None], _SSIM_WINDOW).mean()), 4),
        "lpips": None,
    }
