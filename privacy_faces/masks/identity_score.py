"""The score whose gradient says which pixels make a face look like a person."""

from __future__ import annotations

from torch import Tensor


def identity_score(features: Tensor, target: Tensor | None = None) -> Tensor:
    """Cosine of features (N, D) to a target (N, D), its denominator held constant: (N,).

    Without a target the person's own features, held constant, take its place. There the plain cosine is at its maximum, 1, and its gradient
    (t - cos * f / |f|) / |f| vanishes for t = f / |f|; what it would leave is rounding noise. With a constant denominator the gradient is t / |f|:
    the direction in which the evidence for this person grows.
    """
    target = features.detach() if target is None else target
    return (features * target).sum(1) / (features.detach().norm(dim=1) * target.norm(dim=1))
