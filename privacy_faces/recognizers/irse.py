"""IR-152 and IR-SE-50: the residual networks of ArcFace (Deng et al., CVPR 2019), without and with
squeeze-and-excitation (Hu et al., CVPR 2018).

These are the copies that AMT-GAN, CLIP2Protect and DiffAM attack: ir152.pth and irse50.pth, whose names of tensors the
modules below bear. 112 x 112, 512-D.
"""

from __future__ import annotations

from torch import Tensor, nn

from privacy_faces.recognizers.arcface import ArcFaceRecognizer
from privacy_faces.weights.published import Published

# (width, residual units) of the four stages; each halves height and width, so that 7 x 7 positions are left of 112 x
# 112.
_IR152 = ((64, 3), (128, 8), (256, 36), (512, 3))
_IRSE50 = ((64, 3), (128, 4), (256, 14), (512, 3))
# What squeeze-and-excitation divides the channels by.
_REDUCTION = 16


class Backbone(nn.Module):
    """Stem, residual units, and a linear layer over all positions of the last map.

    Args:
        stages: (width, units) of each stage.
        excite: whether each unit weighs its channels (squeeze-and-excitation).
    """

    def __init__(self, stages: tuple[tuple[int, int], ...], excite: bool) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        entering, units = 64, []
        for width, count in stages:
            for place in range(count):
                units.append(Unit(entering, width, 2 if place == 0 else 1, excite))
                entering = width
        self.body = nn.Sequential(*units)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512), nn.Dropout(), nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512)
        )

    def forward(self, chips: Tensor) -> Tensor:
        """Embeddings (N, 512), of any length, of chips (N, 3, 112, 112) in [-1, 1]."""
        embeddings: Tensor = self.output_layer(self.body(self.input_layer(chips)))
        return embeddings


class Unit(nn.Module):
    """BatchNorm, convolution, PReLU, convolution, BatchNorm, and a shortcut, which is a convolution only where the
    width changes."""

    def __init__(self, entering: int, width: int, stride: int, excite: bool) -> None:
        super().__init__()
        self.shortcut_layer = (
            nn.MaxPool2d(1, stride)
            if entering == width
            else nn.Sequential(nn.Conv2d(entering, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width))
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(entering),
            nn.Conv2d(entering, width, 3, padding=1, bias=False),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            *([Excitation(width)] if excite else []),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H / stride, W / stride)."""
        total: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return total


class Excitation(nn.Module):
    """Each channel times a weight in (0, 1) that depends on the means of all channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, width // _REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(width // _REDUCTION, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the shape of x (N, width, H, W)."""
        weights: Tensor = self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return x * weights


IR152 = Published("ir152.pth", lambda: Backbone(_IR152, excite=False))
IRSE50 = Published("irse50.pth", lambda: Backbone(_IRSE50, excite=True))


class _Residual(ArcFaceRecognizer):
    @property
    def cam_layer(self) -> nn.Module:
        """The last residual unit: 512 channels at 7 x 7 positions."""
        unit: nn.Module = self.network.get_submodule("body")[-1]  # type: ignore[index]
        return unit


class Ir152(_Residual):
    """The recognizer `ir152`."""

    name = "ir152"
    published = IR152


class IrSe50(_Residual):
    """The recognizer `irse50`."""

    name = "irse50"
    published = IRSE50
