"""Away from the person, towards a target: losses on the similarities that the surrogates see (DiffAM, CVPR 2024,
equation 10)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# Surrogate -> cosines (N,), and surrogate -> the cosine beyond which nothing more is gained.
Similarities = Mapping[str, Tensor]
Enough = Mapping[str, float]


def dodging_loss(person: Similarities, enough: Enough | None = None) -> Tensor:
    """Mean over the surrogates of cos(edited, person), one value per image (N,); with `enough`, of max(0, cos -
    enough)."""
    return torch.stack(
        [cosine if enough is None else (cosine - enough[name]).relu() for name, cosine in person.items()]
    ).mean(0)


def impersonation_loss(target: Similarities, enough: Enough | None = None) -> Tensor:
    """Mean over the surrogates of 1 - cos(edited, target), one value per image (N,); with `enough`, of max(0, enough -
    cos)."""
    return torch.stack(
        [1 - cosine if enough is None else (enough[name] - cosine).relu() for name, cosine in target.items()]
    ).mean(0)
