"""Warp by landmarks: a thin-plate spline moves points where they are wanted and bends as little as possible between
them (Bookstein, IEEE TPAMI 11(6), 1989)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.transform import ThinPlateSplineTransform
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

# The spline is smooth: it is evaluated on a grid of this side, and interpolated between.
_GRID = 48
# Points on each edge of the picture that stay where they are.
_FIXED = 7
# Points nearer to each other than this share of the side are one: the spline through both would be no longer defined.
_SAME = 1 / 200


def displacement(source: NDArray[np.float64], target: NDArray[np.float64]) -> Tensor:
    """How far to look from each pixel of the warped picture: (2, G, G) in shares of the picture's side, (x, y).

    Args:
        source: (K, 2), points of the picture in shares of its side, (x, y).
        target: (K, 2), where the warped picture has them.
    """
    _, kept = np.unique(np.round(target / _SAME), axis=0, return_index=True)
    source, target = source[kept], target[kept]
    edge = np.linspace(0, 1, _FIXED)
    low, high = np.zeros_like(edge), np.ones_like(edge)
    border = np.unique(np.concatenate([np.stack(pair, 1) for pair in _edges(edge, low, high)]), axis=0)
    spline = ThinPlateSplineTransform.from_estimate(np.concatenate([target, border]), np.concatenate([source, border]))
    centers = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(centers, centers), -1).reshape(-1, 2)
    return torch.from_numpy((spline(grid) - grid).T.reshape(2, _GRID, _GRID)).float()


def least_stretch(displacement: Tensor) -> float:
    """The smallest share to which a warp shrinks any place, by area: below 0 it turns something inside out.

    The Jacobian determinant of x + d(x), for a displacement d (2, G, G).
    """
    steps = displacement.shape[-1]
    along_x, along_y = ((displacement.diff(dim=axis) * steps)[:, : steps - 1, : steps - 1] for axis in (2, 1))
    determinant = (1 + along_x[0]) * (1 + along_y[1]) - along_x[1] * along_y[0]
    return float(determinant.min())


def warp(pictures: Tensor, displacements: Tensor) -> Tensor:
    """Pictures (N, C, S, S), read at each pixel as far away as `displacements` (N, 2, G, G) say; differentiable in the
    pictures."""
    side = pictures.shape[-1]
    centers = (torch.arange(side, dtype=pictures.dtype, device=pictures.device) + 0.5) / side
    places = torch.stack(torch.meshgrid(centers, centers, indexing="xy"))
    moved = places + interpolate(displacements.to(pictures), (side, side), mode="bicubic", align_corners=False)
    return grid_sample(
        pictures, 2 * moved.permute(0, 2, 3, 1) - 1, mode="bicubic", padding_mode="reflection", align_corners=False
    )


def _edges(
    along: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    return (along, low), (along, high), (low, along), (high, along)
