"""The inpainter contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from privacy_faces.options import Options

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context


class Inpainter(ABC):
    """Fills holes in frames. A subclass writes `fill`; calling the object checks shapes and keeps the visible pixels exactly as they were."""

    #: [{"id", "sha256"}, ...] of the loaded weights.
    weight_records: list[dict[str, str]]

    def __init__(self, options: Options, context: Context) -> None:
        self.options = options
        self.context = context
        self.weight_records = []

    @abstractmethod
    def fill(self, frames: Tensor, masks: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Frames (N, 3, S, S) in [0, 1] whose masked pixels are new; the others are ignored."""

    def __call__(self, frames: Tensor, masks: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Filled frames (N, 3, S, S).

        Args:
            frames: (N, 3, S, S) in [0, 1].
            masks: boolean (N, 1, S, S), true in the hole.
            generators: N CPU generators, the only source of randomness.

        Raises:
            ValueError: for shapes that do not fit together.
        """
        if masks.shape != (len(frames), 1, *frames.shape[2:]) or masks.dtype != torch.bool or len(generators) != len(frames):
            raise ValueError(
                f"Invalid masks, we expect boolean {(len(frames), 1, *frames.shape[2:])} and {len(frames)} generators. "
                f"Got: {masks.dtype} {tuple(masks.shape)} and {len(generators)}."
            )
        return torch.where(masks, self.fill(frames, masks, generators).to(frames).clamp(0, 1), frames)
