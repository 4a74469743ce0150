"""Less memory for fine-tuning an adapter, at no change of what is computed."""

from __future__ import annotations

import ctypes
import sys

import torch
from torch import nn

# glibc's M_MMAP_THRESHOLD, and the size in bytes from which a block is one of its own.
_MMAP_THRESHOLD, _OWN_BLOCK = -3, 8 * 2**20


def give_back_at_once() -> None:
    """Let glibc give large blocks back to the system as soon as they are freed; other C libraries do as they do.

    It raises its threshold to the largest block that was ever freed (up to 32 MiB), and keeps smaller ones in a heap
    that soon has holes: where activations are thrown away and computed again, a third of the memory was such holes.
    """
    # Windows has no library of the whole process, macOS and musl no such function.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _OWN_BLOCK)


def round_frozen(network: nn.Module) -> None:
    """Keep frozen convolutions and linear layers in bfloat16, half the memory: what autocast would round them to at
    each use."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and not any(
            parameter.requires_grad for parameter in layer.parameters()
        ):
            layer.to(torch.bfloat16)
