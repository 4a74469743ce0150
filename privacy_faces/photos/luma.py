"""How bright a color looks."""

from __future__ import annotations

from torch import Tensor

#: Shares of red, green and blue: ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)


def luma(frames: Tensor) -> Tensor:
    """(N, 1, S, S) of RGB frames (N, 3, S, S), in their range."""
    return (frames * frames.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
