"""The three networks of MTCNN (Zhang et al., IEEE SPL 2016) as facenet-pytorch trained them: P-Net proposes, R-Net
refines, O-Net decides and places five points.

Modules of our own, since importing that package takes longer than searching a photo: it loads torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """What one of the networks is made of.

    Attributes:
        convolutions: (width, kernel, side of the max pooling behind it or 0) of each; PReLU follows each.
        dense: width of the layer that sees the whole map; 0 for P-Net, which slides over the photo.
        entering: size of the flattened map that `dense` sees.
        heads: widths of the outputs: scores of "no face" and "face", shares of the box's sides by which to move it,
            and (O-Net) five points.
    """

    convolutions: Sequence[tuple[int, int, int]]
    dense: int = 0
    entering: int = 0
    heads: Sequence[int] = (2, 4)


P_NET = Layout(((10, 3, 2), (16, 3, 0), (32, 3, 0)))
R_NET = Layout(((28, 3, 3), (48, 3, 3), (64, 2, 0)), 128, 576)
O_NET = Layout(((32, 3, 3), (64, 3, 3), (64, 3, 2), (128, 2, 0)), 256, 1152, (2, 4, 10))


class Network(nn.Module):
    """One of the networks.

    Args:
        layout: what it is made of.
        state: name -> tensor, as published.
    """

    def __init__(self, layout: Layout, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.trunk, width = nn.Sequential(), 3
        for count, (wider, kernel, pool) in enumerate(layout.convolutions, 1):
            self.trunk.add_module(f"conv{count}", nn.Conv2d(width, wider, kernel))
            self.trunk.add_module(f"prelu{count}", nn.PReLU(wider))
            if pool:
                self.trunk.add_module(f"pool{count}", _Pairs() if pool == 2 else nn.MaxPool2d(pool, 2, ceil_mode=True))
            width = wider
        last = len(layout.convolutions) + 1
        if layout.dense:
            self.trunk.add_module("columns", _Columns())
            self.trunk.add_module(f"dense{last}", nn.Linear(layout.entering, layout.dense))
            self.trunk.add_module(f"prelu{last}", nn.PReLU(layout.dense))
        self.heads = nn.ModuleDict(
            {f"dense{last + 1}_{count}": nn.Linear(layout.dense, size) for count, size in enumerate(layout.heads, 1)}
            if layout.dense
            else {f"conv{last}_{count}": nn.Conv2d(width, size, 1) for count, size in enumerate(layout.heads, 1)}
        )
        inside = {name: f"heads.{name}" if name.split(".")[0] in self.heads else f"trunk.{name}" for name in state}
        self.load_state_dict({inside[name]: tensor for name, tensor in state.items()})
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Scores in [0, 1], moves, and points where the network places them, of RGB (N, 3, H, W) in [-1, 1]: (N), (N,
        4), (N, 10); of P-Net (N, h, w) and (N, 4, h, w)."""
        maps = self.trunk(x)
        shares, *rest = (head(maps) for head in self.heads.values())
        return torch.softmax(shares, 1)[:, 1], *rest


class _Pairs(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """The maximum of each 2 x 2, in a fifth of the time that `max_pool2d` takes for channels-last maps."""
        height, width = x.shape[-2:]
        if height % 2 or width % 2:
            x = nn.functional.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        rows = torch.maximum(x[..., ::2, :], x[..., 1::2, :])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


class _Columns(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """The map flattened column by column: the weights come from MATLAB."""
        return x.permute(0, 3, 2, 1).flatten(1)
