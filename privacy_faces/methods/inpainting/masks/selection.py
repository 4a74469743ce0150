"""From a map of importance to a mask."""

from __future__ import annotations

import torch
from torch import Tensor


def top_fraction(maps: Tensor, fraction: float, inside: Tensor) -> Tensor:
    """The highest pixels of each map.

    Args:
        maps: (N, 1, S, S), larger is more important.
        fraction: share of all S * S pixels to select, in (0, 1].
        inside: boolean (N, 1, S, S); only these pixels can be selected, and all of them are when they are fewer than
            asked for.

    Returns:
        Boolean (N, 1, S, S). Ties are broken by position, so that the count is exact.
    """
    flat = maps.masked_fill(~inside, -torch.inf).flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(flat.shape[1], device=flat.device).expand_as(order))
    return (rank < round(fraction * flat.shape[1])).view_as(maps) & inside


def unit_range(maps: Tensor) -> Tensor:
    """Each map (N, 1, S, S) divided by its own largest value; maps of zeros stay zero."""
    return maps / maps.amax((2, 3), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
