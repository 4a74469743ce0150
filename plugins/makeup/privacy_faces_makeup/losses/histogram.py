"""Histogram matching per region, the color loss of makeup transfer (Li et al., BeautyGAN, ACM MM 2018, equation 7;
DiffAM, CVPR 2024, equation 9)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LEVELS = 256


def matched(images: Tensor, regions: Tensor, styles: Tensor, style_regions: Tensor) -> Tensor:
    """The images with each region in the colors of the same region of the styles: exact CDF matching, channel by
    channel, of 8-bit levels.

    A level v of the image goes to F_style^-1(F_image(v)), with F the cumulative histograms and F_style^-1 linear
    between the levels that occur: what `skimage.exposure.match_histograms` does. Nothing is differentiated: the result
    is a target.

    Args:
        images: (N, 3, S, S) in [0, 1].
        regions: boolean (N, R, S, S), R at most 255; those of one image do not overlap.
        styles: (M, 3, T, T) in [0, 1]; M is N or 1.
        style_regions: boolean (M, R, T, T), as `regions`.

    Returns:
        (N, 3, S, S) in [0, 1]; outside the regions, and in one that the style has not, the image itself.
    """
    style_share = _cumulative(_pixels(styles, style_regions), *style_regions.shape[:2])
    exists = style_share[..., 0, -1] > 0
    pixels = _pixels(images, regions, exists)
    share = _cumulative(pixels, *regions.shape[:2])
    table = _transport(share, style_share.expand(share.shape)) / (_LEVELS - 1)
    found = images.detach().clone(memory_format=torch.contiguous_format)
    found.view(-1).scatter_(0, pixels.spots, table.to(images).flatten().index_select(0, pixels.bins))
    return found


def histogram_loss(images: Tensor, regions: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute difference, on the scale 0..255, of each region of the images to the target, (N, R); 0 for an empty
    region.

    Args:
        images: (N, 3, S, S) in [0, 1]; gradients flow to them alone.
        regions: boolean (N, R, S, S).
        targets: (N, 3, S, S), of `matched`.
    """
    error = (images - targets).abs().mean(1, keepdim=True) * regions
    return (_LEVELS - 1) * error.sum((2, 3)) / regions.sum((2, 3)).clamp(min=1)


@dataclass(frozen=True)
class _Pixels:
    """The Q pixels of all regions of all images, channel by channel.

    Attributes:
        spots: (3 Q,), in the flattened images.
        bins: (3 Q,), ((image * R + region) * 3 + channel) * 256 + level.
    """

    spots: Tensor
    bins: Tensor


def _pixels(images: Tensor, regions: Tensor, wanted: Tensor | bool = True) -> _Pixels:
    """Of images (N, 3, S, S) and regions (N, R, S, S), of which those count that are wanted, (N or 1, R)."""
    kinds, area = regions.shape[1], images[0, 0].numel()
    numbers = wanted * torch.arange(1, kinds + 1, dtype=torch.uint8, device=regions.device)
    # One byte a pixel, 0 outside: the search costs the same however many regions there are, and what lies outside them,
    # most of a picture, costs no more.
    number = (regions.to(torch.uint8) * numbers[..., None, None]).amax(1).flatten(1)
    row, place = number.nonzero(as_tuple=True)
    place = place + row * area
    region = (row * kinds + number.flatten().index_select(0, place) - 1).int()
    channel = torch.arange(3, device=images.device, dtype=torch.int32)[:, None]
    spots = (place + row * (2 * area) + channel * area).flatten()
    levels = (images.detach().flatten().index_select(0, spots) * (_LEVELS - 1)).add_(0.5).clamp_(0, _LEVELS - 1).int()
    return _Pixels(spots, (region * (3 * _LEVELS) + channel * _LEVELS).flatten() + levels)


def _cumulative(pixels: _Pixels, count: int, kinds: int) -> Tensor:
    """F (count, kinds, 3, 256), all 0 for an empty region."""
    # Float64 counts are exact, so that equal shares compare as equal.
    counts = (
        torch.bincount(pixels.bins, minlength=count * kinds * 3 * _LEVELS)
        .view(count, kinds, 3, _LEVELS)
        .double()
        .cumsum(3)
    )
    return counts / counts[..., -1:].clamp(min=1)


def _transport(share: Tensor, style_share: Tensor) -> Tensor:
    """F_style^-1(F(v)) for every level v, (..., 256), in levels."""
    level = torch.arange(_LEVELS, device=share.device).expand(style_share.shape)
    occurs = style_share.diff(dim=-1, prepend=torch.zeros_like(style_share[..., :1])) > 0
    # The first level whose share reaches F(v), and the level before it that occurs; between the two the inverse is
    # linear.
    above = torch.searchsorted(style_share.contiguous(), share.contiguous()).clamp(max=_LEVELS - 1)
    last = torch.where(occurs, level, -1).cummax(-1).values
    before = torch.cat([torch.full_like(last[..., :1], -1), last[..., :-1]], -1).gather(-1, above)
    below = torch.where(before < 0, above, before)
    low, high = style_share.gather(-1, below), style_share.gather(-1, above)
    part = ((share - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
    return below + part * (above - below)
