"""Random square patches over the middle of the frame (PrivacyPreservingDiffusion)."""

from __future__ import annotations

import torch
from torch import Tensor

# The grid's outermost two cells of sixteen are never hidden: they show hair, collar and background.
_MARGIN = 1 / 8


def random_patches(size: int, patch_size: int, ratio: float, generator: torch.Generator) -> Tensor:
    """Hide `ratio` of the inner grid cells; cells near the centre are likelier.

    Args:
        size: side S of the frame in pixels.
        patch_size: side of a cell, in pixels of a 512-pixel frame.
        ratio: share of the inner cells to hide, in (0, 1].
        generator: CPU generator; the only source of randomness.

    Returns:
        Boolean (1, S, S).
    """
    cells = max(2, round(512 / patch_size))
    # Cell centres in [-1, 1]; the inner ones are those inside the margin.
    centres = (torch.arange(cells) + 0.5) / cells * 2 - 1
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    inner = (rows.abs() < 1 - 2 * _MARGIN) & (columns.abs() < 1 - 2 * _MARGIN)
    likelihood = torch.where(inner, torch.exp(-(rows**2 + columns**2) / (2 * 0.5**2)), 0.0)
    count = max(1, round(ratio * int(inner.sum())))
    drawn = torch.multinomial(likelihood.flatten(), count, replacement=False, generator=generator)
    grid = torch.zeros(cells * cells).index_fill(0, drawn, 1.0).view(1, 1, cells, cells)
    return torch.nn.functional.interpolate(grid, (size, size), mode="nearest-exact")[0] > 0.5
