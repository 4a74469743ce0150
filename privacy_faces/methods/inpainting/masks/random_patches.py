"""Random square patches (PrivacyPreservingDiffusion): the frame is divided into a grid, whose cells are hidden in
random order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

# The original hides no cell of the grid's outermost two of sixteen: they show hair, collar and background.
_MARGIN = 1 / 8


def grid_side(patch_size: int) -> int:
    """Cells G along the side of the grid, for patches of `patch_size` pixels of a 512-pixel frame."""
    return max(2, round(512 / patch_size))


def center_cells(cells: int) -> Tensor:
    """The inner grid: boolean (1, G, G)."""
    # Cell centers in [-1, 1]; the inner ones are those inside the margin.
    inner = ((torch.arange(cells) + 0.5) / cells * 2 - 1).abs() < 1 - 2 * _MARGIN
    return (inner[:, None] & inner)[None]


def cells_in(region: Tensor, cells: int) -> Tensor:
    """The cells that lie in a region (1, S, S) by half or more: boolean (1, G, G)."""
    return adaptive_avg_pool2d(region.float(), cells) >= 0.5


def patch_ranking(cells: Tensor, generator: torch.Generator) -> Tensor:
    """In which order to hide the cells; those near the center tend to come early.

    Args:
        cells: boolean (1, G, G), the cells that may be hidden.
        generator: CPU generator; the only source of randomness.

    Returns:
        (1, G, G), different values in (0, 1] on `cells`, the first to hide the highest, and 0 elsewhere.
    """
    centers = (torch.arange(cells.shape[-1]) + 0.5) / cells.shape[-1] * 2 - 1
    likelihood = torch.exp(-(centers[:, None] ** 2 + centers**2) / (2 * 0.5**2)) * cells[0].cpu()
    count = int(cells.sum())
    ranking = torch.zeros(cells.numel())
    if count:
        order = torch.multinomial(likelihood.flatten(), count, replacement=False, generator=generator)
        ranking[order] = 1 - torch.arange(count) / count
    return ranking.view(cells.shape).to(cells.device)


def drawn_cells(cells: Tensor, draws: float, generator: torch.Generator) -> Tensor:
    """The cells that come up in draws with replacement, as in the original: some come up twice, others never.

    Args:
        cells: boolean (1, G, G), the cells that may be hidden.
        draws: their number, in multiples of the number of those cells.
        generator: CPU generator; the only source of randomness.

    Returns:
        Boolean (1, G, G).
    """
    places = cells.cpu().flatten().nonzero()[:, 0]
    chosen = torch.zeros(cells.numel(), dtype=torch.bool)
    if len(places):
        chosen[places[torch.randint(len(places), (max(1, round(draws * len(places))),), generator=generator)]] = True
    return chosen.view(cells.shape).to(cells.device)
