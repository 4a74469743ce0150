"""MobileFace V2 (becauseofAI/MobileFace): inverted residuals of MobileNet V2 (Sandler et al., CVPR 2018) on 112 x 112
chips, 256-D; 3.4 MB, trained on MS-Celeb-1M."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from privacy_faces.recognizers.alignment import ARCFACE, Alignment
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.weights.published import Published
from privacy_faces.weights.store import records

if TYPE_CHECKING:
    from privacy_faces.recognizers.options import NoOptions

# MXNet's default.
_EPSILON = 0.001
# Of the inverted residuals.
_EXPANSION = 3
# (width, blocks) of the stages; each halves the size of the map.
_STAGES = ((32, 3), (32, 3), (64, 3), (128, 3))
_EMBEDDING = 256


class Convolution(nn.Module):
    """Convolution and batch norm, then ReLU6 unless `linear`; `groups` equal to the channels make it depth-wise."""

    def __init__(
        self,
        entering: int,
        width: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering, width, kernel, stride, kernel // 2, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(width, _EPSILON)
        self.activation = nn.Identity() if linear else nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H / stride, W / stride)."""
        maps: Tensor = self.activation(self.norm(self.conv(x)))
        return maps


class InvertedResidual(nn.Module):
    """Widen, filter each channel for itself, narrow without an activation; added to its input where the size stays."""

    def __init__(self, entering: int, width: int, stride: int) -> None:
        super().__init__()
        inner = _EXPANSION * entering
        self.expand = Convolution(entering, inner)
        self.filter = Convolution(inner, inner, 3, stride, groups=inner)
        self.project = Convolution(inner, width, linear=True)
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H / stride, W / stride)."""
        maps: Tensor = self.project(self.filter(self.expand(x)))
        return x + maps if self.residual else maps


class MobileFaceV2Network(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        width = _STAGES[0][0]
        self.stem = Convolution(3, width, 3, 2, bias=True)
        blocks = []
        for wider, count in _STAGES:
            blocks += [
                InvertedResidual(width, wider, 2),
                *(InvertedResidual(wider, wider, 1) for _ in range(count - 1)),
            ]
            width = wider
        self.blocks = nn.Sequential(*blocks)
        # The map of a 112-pixel chip has 4 x 4 positions left.
        self.dense = nn.Linear(width * 4 * 4, _EMBEDDING, bias=False)
        self.norm = nn.BatchNorm1d(_EMBEDDING, _EPSILON)

    def forward(self, chips: Tensor) -> Tensor:
        """Embeddings (N, 256), of any length, of chips (N, 3, 112, 112) in [0, 255]."""
        x = self.blocks(self.stem((chips - 127.5) * 0.0078125))
        embeddings: Tensor = self.norm(self.dense(x.flatten(1)))
        return embeddings


def published_names() -> Mapping[str, str]:
    """Name of a tensor in the published file -> its name in `MobileFaceV2Network`."""
    with torch.device("meta"):
        network = MobileFaceV2Network()
    pairs = [name for name, module in network.named_modules() if isinstance(module, Convolution)]
    names = {}
    for number, place in enumerate(pairs, -1):
        conv, norm = ("conv1", "bn1") if number < 0 else (f"convolution{number}", f"batchnorm{number}")
        names[f"{conv}_weight"] = f"{place}.conv.weight"
        names |= {f"{norm}_{theirs}": f"{place}.norm.{ours}" for theirs, ours in _OF_NORM.items()}
    names |= {"conv1_bias": "stem.conv.bias", "fc5_weight": "dense.weight"}
    return names | {f"fc5_bn_{theirs}": f"norm.{ours}" for theirs, ours in _OF_NORM.items()}


_OF_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_var": "running_var"}

MOBILEFACE_V2 = Published("MobileFace_Identification_V2-0000.params", MobileFaceV2Network, names=published_names)


class MobileFaceV2(Recognizer):
    """The recognizer `mobileface-v2`."""

    name = "mobileface-v2"
    embedding_size = _EMBEDDING
    template: Alignment = ARCFACE

    def __init__(self, options: NoOptions, device: torch.device) -> None:
        super().__init__()
        self.network = MOBILEFACE_V2.load(self.name)
        self.weight_records = records(self.name)
        self.freeze()
        self.to(device)

    def features(self, chips: Tensor) -> Tensor:
        """Embeddings (N, 256), of any length, of chips (N, 3, 112, 112) in [0, 1]."""
        output: Tensor = self.network(chips * 255)
        return output

    @property
    def cam_layer(self) -> nn.Module:
        """The last inverted residual: 128 channels at 4 x 4 positions."""
        return self.network.blocks[-1]  # type: ignore[index, return-value]
