"""Who it is stays the same while makeup comes off (DiffAM, CVPR 2024, equation 4)."""

from __future__ import annotations

from torch import Tensor


def identity_loss(edited: Tensor, original: Tensor) -> Tensor:
    """1 - cos of a recognizer's unit embeddings (N, D), one value per image (N,)."""
    return 1 - (edited * original).sum(1)
