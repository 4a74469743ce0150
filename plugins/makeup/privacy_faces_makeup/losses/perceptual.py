"""How different two pictures look: LPIPS (Zhang et al., CVPR 2018), or multi-scale SSIM (Wang et al., Asilomar 2003)
where its trunk is not installed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from privacy_faces.plugin import LPIPS_WEIGHTS, is_present, load_lpips, records

Perceptual = Callable[[Tensor, Tensor], Tensor]

# The usual window of 11 needs frames of 161 pixels: five scales halve them four times.
_WINDOW = 7


def make_perceptual(name: str, device: torch.device) -> tuple[str, Perceptual, list[dict[str, str]]]:
    """The loss of that name.

    Args:
        name: "lpips", "ms-ssim", or "auto": lpips where its weights are installed.
        device: where it runs.

    Returns:
        The name of what is used, a function of two batches (N, 3, S, S) in [0, 1] -> (N,), 0 for equal pictures; and
        the records of its weights.

    Raises:
        MissingWeightError: for "lpips" without its weights.
    """
    if name == "lpips" or (name == "auto" and is_present(LPIPS_WEIGHTS)):
        return "lpips", load_lpips(device), records(LPIPS_WEIGHTS)
    return "ms-ssim", ms_ssim_loss, []


def ms_ssim_loss(edited: Tensor, original: Tensor) -> Tensor:
    """1 - MS-SSIM of (N, 3, S, S) in [0, 1], one value per picture (N,); S at least 97."""
    from pytorch_msssim import ms_ssim

    similarity: Tensor = ms_ssim(edited, original, data_range=1.0, size_average=False, win_size=_WINDOW)
    return 1 - similarity
