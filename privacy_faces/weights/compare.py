"""Whether a state dict is the one that was published: names and shapes, compared before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class WrongTensorsError(ValueError):
    """Tensors that are not those of the published file; the message names what was expected and what was found."""


def compare(tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], file: str) -> None:
    """Compare names and shapes with those `wanted` of a published `file`.

    Raises:
        WrongTensorsError: when a tensor is missing, unknown or of another shape; the first three of each are named.
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    faults = {
        "missing": [name for name in wanted if name not in found],
        "unknown": [name for name in found if name not in wanted],
        "of another shape": [
            f"{name} {shape}, expected {wanted[name]}"
            for name, shape in found.items()
            if wanted.get(name, shape) != shape
        ],
    }
    if any(faults.values()):
        text = "; ".join(f"{len(names)} {fault} ({first_of(names)})" for fault, names in faults.items() if names)
        raise WrongTensorsError(f"Expected the {len(wanted)} tensors of {file}, found {len(found)} tensors: {text}.")


def first_of(names: Sequence[str]) -> str:
    """The first three, and dots when there are more."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
