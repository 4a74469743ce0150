"""The score whose gradient says which pixels make a face look like a person."""

from __future__ import annotations

import torch
from torch import Tensor


def identity_score(features: Tensor, target: Tensor | None = None) -> Tensor:
    """Cosine of features (N, D) to a target (N, D), its denominator held constant: (N,).

    Without a target the person's own features, held constant, take its place. There the plain cosine is at its maximum,
    1, and its gradient (t - cos * f / |f|) / |f| vanishes for t = f / |f|; what it would leave is rounding noise. With
    a constant denominator the gradient is t / |f|: the direction in which the evidence for this person grows.
    """
    target = features.detach() if target is None else target
    scale = torch.linalg.vector_norm(features.detach(), dim=1) * torch.linalg.vector_norm(target, dim=1)
    score: Tensor = (features * target).sum(1) / scale
    return score
