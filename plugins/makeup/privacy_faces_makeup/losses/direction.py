"""CLIP directions (Gal et al., StyleGAN-NADA, SIGGRAPH 2022, equation 3): the edit goes where the example, or a pair of
texts, says."""

from __future__ import annotations

from torch import Tensor

# Shorter changes count as this long: an edit starts at no change at all, where the gradient of a true cosine is without
# bound.
_LEAST_CHANGE = 0.1


def direction_loss(edited: Tensor, original: Tensor, goal: Tensor) -> Tensor:
    """1 - cos(edited - original, goal), in [0, 2], one per image (N,).

    Args:
        edited, original: unit image embeddings (N, D).
        goal: (N, D) or (1, D), the difference of two unit embeddings: of texts (makeup removal), or of a reference with
            and without makeup (transfer).
    """
    change = edited - original
    # Not cosine_similarity's eps: its gradient within it is not that of its value.
    lengths = change.norm(dim=1).clamp(min=_LEAST_CHANGE) * goal.norm(dim=1).clamp(min=_LEAST_CHANGE)
    agreement: Tensor = (change * goal).sum(1) / lengths
    return 1 - agreement


def log_direction_loss(edited: Tensor, original: Tensor, goal: Tensor) -> Tensor:
    """-log((2 - L) / 2) with L of `direction_loss` (DiffAM, CVPR 2024, as its code runs it), one per image (N,): steep
    where the edit goes the wrong way."""
    agreement = (2 - direction_loss(edited, original, goal)) / 2
    return -agreement.clamp(min=1e-6).log()
