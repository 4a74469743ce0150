"""Published networks without their weights: names and shapes of the tensors, the rule that fills them, and the
network's answer (`golden/NAME.npy`)."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).with_name("golden")


def shapes_of(name: str, folder: Path = GOLDEN) -> dict[str, tuple[int, ...]]:
    """Tensor name -> shape of the published file NAME."""
    return {key: tuple(shape) for key, shape, _ in json.loads((folder / f"{name}.json").read_text())["keys"]}


def filled_state(name: str, folder: Path = GOLDEN) -> dict[str, Tensor]:
    """The published state dict NAME, filled."""
    return {key: filled(key, shape) for key, shape in shapes_of(name, folder).items()}


def filled(name: str, shape: tuple[int, ...]) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        values = 1 + 0.1 * np.abs(noise)
    elif name.endswith("running_mean") or (len(shape) == 1 and not name.endswith("weight")):
        values = 0.1 * noise
    elif len(shape) == 1:
        values = 1 + 0.1 * noise
    else:
        values = noise * np.float32(np.sqrt(1 / np.prod(shape[1:])))
    return torch.from_numpy(values)


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())
