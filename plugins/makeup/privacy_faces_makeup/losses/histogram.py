"""Histogram matching per region, the colour loss of makeup transfer (Li et al., BeautyGAN, ACM MM 2018, equation 7; DiffAM, CVPR 2024, equation 9)."""

from __future__ import annotations

import torch
from torch import Tensor

_LEVELS = 256


def matched(images: Tensor, regions: Tensor, styles: Tensor, style_regions: Tensor) -> Tensor:
    """Each region of the images with the colours of the same region of the styles: exact CDF matching, channel by channel, of 8-bit levels.

    A level v of the image goes to F_style^-1(F_image(v)), with F the cumulative histograms and F_style^-1 linear between the levels that occur: what
    `skimage.exposure.match_histograms` does. Nothing is differentiated: the result is a target.

    Args:
        images: (N, 3, S, S) in [0, 1].
        regions: boolean (N, R, S, S).
        styles: (M, 3, T, T) in [0, 1]; M is N or 1.
        style_regions: boolean (M, R, T, T).

    Returns:
        (N, R, 3, S, S) in [0, 1]; outside its region, and where either region is empty, the image itself.
    """
    count, kinds = regions.shape[:2]
    places, style_places = (masks.flatten(2).nonzero(as_tuple=True) for masks in (regions, style_regions))
    share, bins = _cumulative(_levels(images), places, kinds)
    style_share, _ = _cumulative(_levels(styles), style_places, kinds)
    exists = (share[..., 0, -1] > 0) & (style_share[..., 0, -1] > 0)
    table = _transport(share, *(part.expand(count, -1, -1, -1) for part in (style_share, _occurs(style_share))))
    looked_up = (table / (_LEVELS - 1)).to(images).flatten()[bins]
    row, kind, place = places
    kept = exists[row, kind]
    found = images.detach()[:, None].repeat(1, kinds, 1, 1, 1)
    # A bin's number less its level tells image, region and channel.
    spots = bins.div(_LEVELS, rounding_mode="floor") * images[0, 0].numel() + place
    found.view(-1).scatter_(0, spots[:, kept].flatten(), looked_up[:, kept].flatten())
    return found


def histogram_loss(images: Tensor, regions: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference, on the scale 0..255, of each region of the images to its target, (N, R); 0 for an empty region.

    Args:
        images: (N, 3, S, S) in [0, 1]; gradients flow to them alone.
        regions: boolean (N, R, S, S).
        targets: (N, R, 3, S, S), of `matched`.
    """
    error = (images[:, None] - targets).abs().mean(2) * regions
    return (_LEVELS - 1) * error.sum((2, 3)) / regions.sum((2, 3)).clamp(min=1)


def _levels(images: Tensor) -> Tensor:
    """(N, 3, S S), uint8."""
    return (images.detach() * (_LEVELS - 1)).round().clamp(0, _LEVELS - 1).to(torch.uint8).flatten(2)


def _cumulative(levels: Tensor, places: tuple[Tensor, ...], kinds: int) -> tuple[Tensor, Tensor]:
    """F (N, R, 3, 256), all 0 for an empty region, of levels at places (row, region, pixel); and each place's bin in F, (3, P)."""
    row, kind, place = places
    first = (row * kinds + kind) * 3
    bins = torch.stack([(first + channel) * _LEVELS + levels[row, channel, place] for channel in range(3)])
    # Float64 counts are exact, so that equal shares compare as equal.
    counts = torch.bincount(bins.flatten(), minlength=len(levels) * kinds * 3 * _LEVELS).view(len(levels), kinds, 3, _LEVELS).double().cumsum(3)
    return counts / counts[..., -1:].clamp(min=1), bins


def _occurs(share: Tensor) -> Tensor:
    """Which levels occur, of their cumulative shares (..., 256)."""
    return share.diff(dim=-1, prepend=torch.zeros_like(share[..., :1])) > 0


def _transport(share: Tensor, style_share: Tensor, style_occurs: Tensor) -> Tensor:
    """F_style^-1(F(v)) for every level v, (..., 256), in levels."""
    level = torch.arange(_LEVELS, device=share.device).expand(style_share.shape)
    # The first level whose share reaches F(v), and the level before it that occurs; between the two the inverse is linear.
    above = torch.searchsorted(style_share.contiguous(), share.contiguous()).clamp(max=_LEVELS - 1)
    last = torch.where(style_occurs, level, -1).cummax(-1).values
    before = torch.cat([torch.full_like(last[..., :1], -1), last[..., :-1]], -1).gather(-1, above)
    below = torch.where(before < 0, above, before)
    low, high = style_share.gather(-1, below), style_share.gather(-1, above)
    part = ((share - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    return below + part * (above - below)
