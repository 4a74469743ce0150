"""dlib's face recognition ResNet (King, 2017) in PyTorch, read straight from the official .dat file.

29 convolutions with learned affine layers in residual blocks; 150 x 150 chips aligned by five points; 128-D.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from privacy_faces.recognizers.alignment import Template
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.weights.store import records, verified

if TYPE_CHECKING:
    from privacy_faces.recognizers.options import NoOptions

_CHIP, _PADDING = 150, 0.25
# Mean place of the outer and inner eye corners and of the nose base in a unit face box, from dlib's
# get_face_chip_details.
_MEAN_FACE = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
_LANDMARKS = ((45,), (42,), (36,), (39,), (33,))

_MEAN = (122.782, 117.001, 104.298)
# (width, down-sampling) of the fourteen residual blocks, input side first.
_BLOCKS = (
    *((32, False),) * 3,
    (64, True), *((64, False),) * 3,
    (128, True), *((128, False),) * 2,
    (256, True), *((256, False),) * 2,
    (256, True),
)  # fmt: skip


class DlibResNet(Recognizer):
    """The recognizer `dlib-resnet`."""

    name = "dlib-resnet"
    embedding_size = 128
    template = Template(
        size=_CHIP,
        groups=_LANDMARKS,
        points=tuple(
            ((x + _PADDING) / (1 + 2 * _PADDING) * _CHIP, (y + _PADDING) / (1 + 2 * _PADDING) * _CHIP)
            for x, y in _MEAN_FACE
        ),
        eye_distance=52.5,
    )

    def __init__(self, options: NoOptions, device: torch.device) -> None:
        super().__init__()
        (path,) = verified("dlib-resnet")
        self.network = load_dat(path)
        self.weight_records = records("dlib-resnet")
        self.freeze()
        self.to(device)

    @property
    def cam_layer(self) -> nn.Module:
        """The last block of width 128."""
        # It has 8 x 8 positions. After it 4 x 4 and 2 x 2 are left, too coarse for a map.
        return self.network.blocks[_BLOCKS.index((128, True)) + 2]

    def features(self, chips: Tensor) -> Tensor:
        """dlib's own 128-D descriptor (N, 128) of chips (N, 3, 150, 150) in [0, 1]."""
        output: Tensor = self.network(chips)
        return output


class Network(nn.Module):
    """The network without its loss layer; affine layers are folded into the convolutions before them."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        widths = [32, *(width for width, _ in _BLOCKS)]
        self.blocks = nn.Sequential(
            *(Block(entering, width, down) for entering, (width, down) in zip(widths, _BLOCKS, strict=False))
        )
        self.head = nn.Linear(256, 128, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        """Descriptors (N, 128) of chips (N, 3, 150, 150) in [0, 1]."""
        x = (chips * 255 - self.mean) / 256
        # oneDNN's convolutions are quicker on channels-last memory, and give the same sums.
        x = F.max_pool2d(F.relu(self.stem(x.contiguous(memory_format=torch.channels_last))), 3, stride=2)
        output: Tensor = self.head(self.blocks(x).mean((2, 3)))
        return output


class Block(nn.Module):
    """Two 3 x 3 convolutions and a skip.

    Where the two differ in shape, the smaller is padded with zeros at the end of each axis.
    """

    def __init__(self, entering: int, width: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.first = nn.Conv2d(entering, width, 3, stride=2 if down else 1, padding=0 if down else 1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (N, width, H, W), H and W halved where the block samples down."""
        y = self.second(F.relu(self.first(x)))
        skip = F.avg_pool2d(x, 2) if self.down else x
        shape = [max(a, b) for a, b in zip(y.shape[1:], skip.shape[1:], strict=True)]
        return F.relu(_grow(y, shape) + _grow(skip, shape))


def _grow(x: Tensor, shape: list[int]) -> Tensor:
    channels, rows, columns = (target - have for target, have in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x


def load_dat(path: Path) -> Network:
    """The network with the weights of dlib's serialised model.

    Raises:
        ValueError: when the file does not hold the 59 tensors of this network.
    """
    network = Network()
    tensors = _tensors(path.read_bytes(), _shapes(network))
    for layer, convolution, affine in zip(_convolutions(network), tensors[0:-1:2], tensors[1:-1:2], strict=True):
        out = layer.out_channels
        filters, biases = convolution[:-out].view(layer.weight.shape), convolution[-out:]
        gamma, beta = affine[:out], affine[out:]
        layer.weight = nn.Parameter(filters * gamma.view(-1, 1, 1, 1))
        layer.bias = nn.Parameter(biases * gamma + beta)
    network.head.weight = nn.Parameter(tensors[-1].view(256, 128).T.contiguous())
    return network.to(memory_format=torch.channels_last)


def _shapes(network: Network) -> list[int]:
    """Number of values of each of the 59 tensors, in the order of the file."""
    sizes = [
        size
        for layer in _convolutions(network)
        for size in (layer.weight.numel() + layer.out_channels, 2 * layer.out_channels)
    ]
    return [*sizes, network.head.weight.numel()]


def _convolutions(network: Network) -> list[nn.Conv2d]:
    """The 29 convolutions, input side first: the order in which they were registered."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def _tensors(data: bytes, sizes: list[int]) -> list[Tensor]:
    """The learned tensors of a dlib network file, flat, in order.

    dlib writes an integer as a control byte (low four bits: number of bytes; top bit: sign) and little-endian bytes; a
    tensor as version 2, four dimensions, and float32 values. Between tensors lie layer settings of no use here, so each
    is found by its header and its known size.
    """
    found: list[Tensor] = []
    position = 0
    for size in sizes:
        while (place := data.find(b"\x01\x02", position)) >= 0:
            dims, start = _header(data, place)
            if dims is not None and int(np.prod(dims)) == size and start + 4 * size <= len(data):
                break
            position = place + 1
        else:
            raise ValueError(
                f"Expected dlib's face recognition ResNet with {len(sizes)} tensors; tensor {len(found) + 1} of "
                f"{size} values is not in the file."
            )
        values = np.frombuffer(data, "<f4", size, start)
        found.append(torch.from_numpy(values.astype(np.float32)))
        position = start + 4 * size
    return found


def _header(data: bytes, place: int) -> tuple[list[int] | None, int]:
    """The four dimensions of a tensor whose version starts at `place`, and where its values start; None where there is
    no such header."""
    place += 2
    dims = []
    for _ in range(4):
        control = data[place] if place < len(data) else 0
        count = control & 0x0F
        if control & 0xF0 or not 1 <= count <= 4:
            return None, place
        dims.append(int.from_bytes(data[place + 1 : place + 1 + count], "little"))
        place += 1 + count
    return dims, place
