"""The published weights of MobileStyleGAN: OpenVINO files in the package `random-face`, of which no code is run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from privacy_faces.models.mobile_stylegan import MobileStyleGan
from privacy_faces.weights.compare import compare
from privacy_faces.weights.openvino import read_constants
from privacy_faces.weights.store import verified

WEIGHTS = "mobile-stylegan"
_LEVELS = 7


def load(device: torch.device) -> MobileStyleGan:
    """The generator, ready to synthesize; its weights ask for no gradients.

    Raises:
        MissingWeightError, CorruptWeightError: as `weights.store.verified`.
    """
    return _read(device, *verified(WEIGHTS))


# Nothing about it changes, and reading takes a second: a process that builds many methods reads it once.
@cache
def _read(
    device: torch.device, mapping: Path, mapping_values: Path, synthesis: Path, synthesis_values: Path
) -> MobileStyleGan:
    constants = read_constants(mapping, mapping_values) | read_constants(synthesis, synthesis_values)
    with torch.device("meta"):
        network = MobileStyleGan()
    network.load_state_dict(state_dict(constants), assign=True)
    return network.requires_grad_(False).eval().to(device)


def state_dict(constants: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names and layouts of the published constants.

    Raises:
        WrongTensorsError: when names or shapes are not those of the published files.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in MobileStyleGan().state_dict().items()}
    tensors = {name: constants[theirs] for name, theirs in names().items() if theirs in constants}
    # Biases are published as (1, C) or (1, C, 1, 1), depthwise filters as (C, 1, 1, 3, 3): ones among the sizes.
    compare(
        {names()[name]: tensor.squeeze() for name, tensor in tensors.items()},
        {theirs: tuple(size for size in shapes[name] if size > 1) for name, theirs in names().items()},
        "the package random-face",
    )
    tensors = {name: tensor.reshape(shapes[name]) for name, tensor in tensors.items()}
    for name in ("first", "head", *(f"levels.{level}.conv{conv}" for level in range(_LEVELS) for conv in (1, 2))):
        # Published with unit variance, to be scaled by the number of values that meet in a product.
        channels, area = len(tensors[f"{name}.style.bias"]), 1 if name == "head" else 9
        for part in ("weight", "bias"):
            tensors[f"{name}.style.{part}"] = tensors[f"{name}.style.{part}"] * (channels * area) ** -0.5
    for name in (
        *("first.weight", "first.bias", "head.pointwise.weight", "head.pointwise.bias"),
        *(f"levels.{level}.style.{part}" for level in range(_LEVELS) for part in ("weight", "bias")),
        *(f"levels.{level}.conv2.pointwise.{part}" for level in range(_LEVELS - 1) for part in ("weight", "bias")),
    ):
        tensors[name] = _bands(tensors[name])
    return tensors


def names() -> dict[str, str]:
    """Our name -> name of the published constant.

    What its exporter folded has a number for a name; the numbers go up by as much from level to level.
    """
    table = {
        f"map.layers.{layer}.{part}": str(first + 4 * layer)
        for layer in range(8)
        for part, first in (("weight", 173), ("bias", 174))
    }
    table |= {"first.constant": "m.input.input", "first.weight": "Mul_39_copy", "first.bias": "m.conv1.bias"}
    table |= {"first.noise": "1531"} | _style("first", "m.conv1.conv")
    for level in range(_LEVELS):
        table |= _style(f"levels.{level}", f"m.layers.{level}.up")
        for conv, weight, noise in (("conv1", 106, 1560), ("conv2", 139, 1572)):
            ours, theirs = f"levels.{level}.{conv}", f"m.layers.{level}.{conv}"
            table |= _style(ours, f"{theirs}.conv")
            table |= {f"{ours}.depthwise": f"{theirs}.conv.weight_dw", f"{ours}.noise": str(noise + 41 * level)}
            table |= {
                f"{ours}.pointwise.weight": f"Mul_{weight + 100 * level}_copy",
                f"{ours}.pointwise.bias": f"{theirs}.bias",
            }
    image = f"m.layers.{_LEVELS - 1}.to_img"
    table |= {"head.pointwise.weight": f"{image}.conv.weight", "head.pointwise.bias": f"{image}.bias"}
    return table | _style("head", f"{image}.conv")


def _style(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.style.{part}": f"{theirs}.modulation.{part}" for part in ("weight", "bias")}


def _bands(tensor: Tensor) -> Tensor:
    """Published, the three detail bands of a channel follow one another; here, the channels of a band do."""
    channels = len(tensor) // 4
    low, details = tensor[:channels], tensor[channels:]
    return torch.cat((low, details.reshape(-1, 3, *tensor.shape[1:]).transpose(0, 1).flatten(0, 1)))
