"""MobileStyleGAN (Belousov, arXiv 2104.04767, 2021): faces of nobody, 1024 x 1024, distilled from StyleGAN2 on FFHQ.

A mapping network turns noise z into a style w; the synthesis network grows a learned 4 x 4 constant level by level.
Each level takes the features before it as the four bands of a Haar wavelet, so that twice the size comes of an inverse
transform, and convolves them twice, each time depthwise (3 x 3) and then pointwise (1 x 1). The style enters as a
factor of each channel ahead of every convolution. As in the published file, what a trained generator no longer
changes is folded: demodulation into the pointwise weights, the noise's strength into the noise. Features are laid out
with their channels last, (N, S, S, C): on a CPU that is fastest.

Frames of FFHQ are frames of this project: a generated face needs no alignment.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Length of z and of w.
STYLE = 512
# Channels at 4 x 4, 8 x 8, ..., 512 x 512.
CHANNELS = (512, 512, 512, 512, 512, 256, 128, 64)
# Sides of the pictures that `synthesize` gives.
SIZES = (256, 1024)
_SLOPE = 0.2
# Latents of which the mean style is the mean; w of two seeds then differ by 0.01 in a component, of 0.5.
_MEAN = 4096


def inverse_haar(bands: Tensor) -> Tensor:
    """(N, 2 H, 2 W, C), of which `bands` (N, H, W, 4 C) is the orthonormal Haar transform.

    Of the channels, C each are the low band L, and the details down the rows R, along the columns D and on the
    diagonal X: pixel (2 i + a, 2 j + b) is (L + (-1)^a R + (-1)^b D + (-1)^(a + b) X) / 2.
    """
    low, rows, columns, diagonal = (0.5 * bands).chunk(4, dim=3)
    even, odd = (low + rows, columns + diagonal), (low - rows, columns - diagonal)
    lines = [torch.stack((mean + step, mean - step), dim=3).flatten(2, 3) for mean, step in (even, odd)]
    return torch.stack(lines, dim=2).flatten(1, 2)


class Mapping(nn.Module):
    """z (N, 512), standard normal, -> w (N, 512): eight dense layers after a normalization."""

    def __init__(self, layers: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(STYLE, STYLE) for _ in range(layers))

    def forward(self, z: Tensor) -> Tensor:
        """w of z."""
        w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            w = F.leaky_relu(layer(w), _SLOPE) * 2**0.5
        return w


class StyledConv(nn.Module):
    """Features times their style, convolved depthwise and pointwise, plus noise and bias, through a leaky ReLU.

    Attributes:
        style: the affine map from w to a factor of each channel.
        depthwise: (C, 1, 3, 3).
        pointwise: the matrix (D, C) with bias (D,).
        noise: (S, S, 1), the same for all channels and all faces.
    """

    def __init__(self, channels: int, out: int, side: int) -> None:
        super().__init__()
        self.style = nn.Linear(STYLE, channels)
        self.depthwise = nn.Parameter(torch.empty(channels, 1, 3, 3))
        self.pointwise = nn.Linear(channels, out)
        self.register_buffer("noise", torch.empty(side, side, 1))
        self.noise: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """(N, S, S, D) of features (N, S, S, C) that are multiplied with their style already."""
        return self._convolve(features, self.depthwise, self.noise)

    def averages(self, features: Tensor) -> Tensor:
        """About the averages of 2 x 2 of what `forward` gives, (N, S / 2, S / 2, D), of those of its features."""
        noise = F.avg_pool2d(self.noise.permute(2, 0, 1), 2).permute(1, 2, 0)
        return self._convolve(features, _at_half_size(self.depthwise), noise)

    def _convolve(self, features: Tensor, depthwise: Tensor, noise: Tensor) -> Tensor:
        features = F.conv2d(features.permute(0, 3, 1, 2), depthwise, padding=1, groups=len(depthwise))
        return _activate(self.pointwise(features.permute(0, 2, 3, 1)), noise)


class First(nn.Module):
    """The learned constant of 4 x 4, in its style and convolved: (N, 4, 4, C) of styles w (N, 512)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.empty(1, channels, 4, 4))
        self.style = nn.Linear(STYLE, channels)
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        self.bias = nn.Parameter(torch.empty(channels))
        self.register_buffer("noise", torch.empty(4, 4, 1))
        self.noise: Tensor

    def forward(self, w: Tensor) -> Tensor:
        """The features of 4 x 4."""
        features = F.conv2d(self.constant * self.style(w)[:, :, None, None], self.weight, self.bias, padding=1)
        return _activate(features.permute(0, 2, 3, 1), self.noise)


class Level(nn.Module):
    """Features of one size -> features of twice the size: an inverse wavelet transform and two convolutions."""

    def __init__(self, channels: int, out: int, side: int) -> None:
        super().__init__()
        self.style = nn.Linear(STYLE, channels)
        self.conv1 = StyledConv(channels // 4, out, side)
        self.conv2 = StyledConv(out, out, side)

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        """(N, 2 H, 2 W, D) of features (N, H, W, C) and styles w (N, 512)."""
        # The factor of a channel passes through the wavelet: conv1's meets the level's own on each of the four bands.
        factors = self.style(w) * self.conv1.style(w).repeat(1, 4)
        features = self.conv1(inverse_haar(features * factors[:, None, None]))
        return self.conv2(features * self.conv2.style(w)[:, None, None])  # type: ignore[no-any-return]

    def averages(self, features: Tensor, w: Tensor) -> Tensor:
        """About the averages of 2 x 2 of what `forward` gives, (N, H, W, D): the level at half its size.

        The average of four pixels is half the low band; detail counts only where the leaky ReLU bends.
        """
        low = features.shape[3] // 4
        factors = 0.5 * self.style(w)[:, :low] * self.conv1.style(w)
        features = self.conv1.averages(features[..., :low] * factors[:, None, None])
        return self.conv2.averages(features * self.conv2.style(w)[:, None, None])


class WaveletHead(nn.Module):
    """Features (N, S, S, C) and styles w (N, 512) -> a picture: a styled linear map to its wavelet bands."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.style = nn.Linear(STYLE, channels)
        self.pointwise = nn.Linear(channels, 12)

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        """RGB (N, 3, 2 S, 2 S)."""
        return inverse_haar(self._bands(features, w, 12)).permute(0, 3, 1, 2)

    def averages(self, features: Tensor, w: Tensor) -> Tensor:
        """The averages of 2 x 2 of what `forward` gives, (N, 3, S, S)."""
        return 0.5 * self._bands(features, w, 3).permute(0, 3, 1, 2)

    def _bands(self, features: Tensor, w: Tensor, count: int) -> Tensor:
        """The first bands, (N, S, S, count)."""
        # Filters for each face are less to multiply than its features.
        filters = self.style(w)[:, :, None] * self.pointwise.weight[:count].T
        bands: Tensor = features.flatten(1, 2) @ filters + self.pointwise.bias[:count]
        return bands.reshape(*features.shape[:3], count)


class MobileStyleGan(nn.Module):
    """The generator."""

    def __init__(self) -> None:
        super().__init__()
        self.map = Mapping()
        self.first = First(CHANNELS[0])
        self.levels = nn.ModuleList(
            Level(channels, out, 8 << number) for number, (channels, out) in enumerate(pairwise(CHANNELS))
        )
        self.head = WaveletHead(CHANNELS[-1])

    @cached_property
    def mean_style(self) -> Tensor:
        """(512,), the mean of w over z; faces nearer to it are plainer. It takes half a second, once."""
        z = torch.randn(_MEAN, STYLE, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            mean: Tensor = self.map(z.to(next(self.parameters()).device)).mean(0)
        return mean

    def mapping(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """w (N, 512) of z (N, 512), standard normal.

        Args:
            z: noise.
            truncation: 1 leaves w as it is, 0 gives the mean face; less than 1 trades variety for plausibility.
        """
        w: Tensor = self.map(z)
        return w if truncation == 1 else torch.lerp(self.mean_style, w, truncation)

    def synthesize(self, w: Tensor, size: int = 1024) -> Tensor:
        """RGB (N, 3, size, size) in about [-1, 1], beyond which single pixels reach; differentiable in w.

        Args:
            w: styles (N, 512), or (N, 8, 512) with one for each of the levels 4, 8, ..., 512: the first say pose and
                shape, the last color and texture.
            size: 1024, or 256: about the averages of 4 x 4 pixels, at half the cost. The last level then works on
                averages.

        Raises:
            ValueError: for styles of another shape, or another size.
        """
        if size not in SIZES:
            raise ValueError(f"Expected a size out of {', '.join(map(str, SIZES))}, got {size}.")
        styles = w[:, None].expand(-1, len(CHANNELS), -1) if w.ndim == 2 else w
        if styles.ndim != 3 or styles.shape[1:] != (len(CHANNELS), STYLE):
            raise ValueError(
                f"Expected styles of shape (N, {STYLE}) or (N, {len(CHANNELS)}, {STYLE}), got {tuple(w.shape)}."
            )
        first, *others, last = styles.unbind(1)
        features = self.first(first)
        for level, style in zip(self.levels[:-1], others, strict=True):
            features = level(features, style)
        if size == 256:
            return self.head.averages(self.levels[-1].averages(features, last), last)  # type: ignore[operator]
        picture: Tensor = self.head(self.levels[-1](features, last), last)
        return picture


def _at_half_size(filters: Tensor) -> Tensor:
    """3 x 3 filters (C, 1, 3, 3) that do to averages of 2 x 2 pixels what `filters` do to the pixels, where these are
    as their average."""
    for dim in (2, 3):
        before, here, after = filters.unbind(dim)
        filters = torch.stack((0.5 * before, 0.5 * before + here + 0.5 * after, 0.5 * after), dim)
    return filters


def _activate(features: Tensor, noise: Tensor) -> Tensor:
    # In place: these are the largest tensors, and neither sum nor ReLU needs its input for the gradient.
    return F.leaky_relu_(features.add_(noise), _SLOPE)
