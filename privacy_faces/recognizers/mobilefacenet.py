"""MobileFaceNet (Chen et al., CCBR 2018): inverted residuals of depth-wise convolutions, and a learned weight per
position instead of a mean.

This is the copy that AMT-GAN, CLIP2Protect and DiffAM attack: mobile_face.pth, whose names of tensors the modules below
bear. 112 x 112, 512-D.
"""

from __future__ import annotations

from torch import Tensor, nn

from privacy_faces.recognizers.arcface import ArcFaceRecognizer
from privacy_faces.weights.published import Published


class Convolution(nn.Module):
    """Convolution and BatchNorm, then PReLU unless `linear`; `groups` equal to the channels make it depth-wise."""

    def __init__(
        self,
        entering: int,
        width: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering, width, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.prelu = nn.Identity() if linear else nn.PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H', W')."""
        maps: Tensor = self.prelu(self.bn(self.conv(x)))
        return maps


class Bottleneck(nn.Module):
    """Widen to `inner` channels, filter each for itself, and narrow without an activation; added to its input where
    `residual`."""

    def __init__(self, entering: int, width: int, inner: int, stride: int = 1, residual: bool = False) -> None:
        super().__init__()
        self.conv = Convolution(entering, inner)
        self.conv_dw = Convolution(inner, inner, 3, stride, 1, groups=inner)
        self.project = Convolution(inner, width, linear=True)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H / stride, W / stride)."""
        maps: Tensor = self.project(self.conv_dw(self.conv(x)))
        return x + maps if self.residual else maps


class Chain(nn.Module):
    """Residual bottlenecks of one width."""

    def __init__(self, width: int, inner: int, count: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(Bottleneck(width, width, inner, residual=True) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps of the shape of x (N, width, H, W)."""
        maps: Tensor = self.model(x)
        return maps


class MobileFaceNet(nn.Module):
    """The network; `conv_23` leads from the second to the third stage, and so on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 64, 3, 2, 1)
        self.conv2_dw = Convolution(64, 64, 3, 1, 1, groups=64)
        self.conv_23 = Bottleneck(64, 64, 128, stride=2)
        self.conv_3 = Chain(64, 128, 4)
        self.conv_34 = Bottleneck(64, 128, 256, stride=2)
        self.conv_4 = Chain(128, 256, 6)
        self.conv_45 = Bottleneck(128, 128, 512, stride=2)
        self.conv_5 = Chain(128, 256, 2)
        self.conv_6_sep = Convolution(128, 512)
        # As large as the map: a weight for each position, because the middle of a face says more than its rim.
        self.conv_6_dw = Convolution(512, 512, 7, groups=512, linear=True)
        self.linear = nn.Linear(512, 512, bias=False)
        self.bn = nn.BatchNorm1d(512)

    def forward(self, chips: Tensor) -> Tensor:
        """Embeddings (N, 512), of any length, of chips (N, 3, 112, 112) in [-1, 1]."""
        x = self.conv2_dw(self.conv1(chips))
        x = self.conv_3(self.conv_23(x))
        x = self.conv_4(self.conv_34(x))
        x = self.conv_5(self.conv_45(x))
        embeddings: Tensor = self.bn(self.linear(self.conv_6_dw(self.conv_6_sep(x)).flatten(1)))
        return embeddings


MOBILE_FACE = Published("mobile_face.pth", MobileFaceNet)


class MobileFace(ArcFaceRecognizer):
    """The recognizer `mobileface`."""

    name = "mobileface"
    published = MOBILE_FACE

    @property
    def cam_layer(self) -> nn.Module:
        """The last residual bottlenecks: 128 channels at 7 x 7 positions."""
        return self.network.get_submodule("conv_5")
