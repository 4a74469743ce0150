"""The inpainter contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor

from privacy_faces.config.options import Options
from privacy_faces.methods.strength import Strength
from privacy_faces.photos.batch import FrameBatch

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context


class Inpainter(ABC):
    """Fills holes in frames.

    A subclass writes `fill`; calling the object checks shapes and keeps the visible pixels exactly as they were.
    """

    #: How a fill goes into the photo: "replace" the pixels, or add the "difference", which keeps the photo's own fine
    #: detail.
    paste: ClassVar[Literal["replace", "difference"]] = "replace"
    #: The strengths that it knows, and the one that it fills with.
    strengths: ClassVar[tuple[Strength, ...]] = ()
    strength: Strength = "balanced"
    #: Names of the recognizers that help to choose the fill.
    surrogates: tuple[str, ...] = ()
    #: [{"id", "sha256"}, ...] of the loaded weights.
    weight_records: list[dict[str, str]]

    def __init__(self, options: Options, context: Context) -> None:
        self.options = options
        self.context = context
        self.weight_records = []

    def completed(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """The masks (N, 1, S, S) and what must change with them; asked for where no share of the frame is given."""
        return masks

    def doubts(self, batch: FrameBatch) -> list[str | None]:
        """For each of the N faces why its fill would look wrong, or None."""
        return [None] * len(batch.frames)

    @abstractmethod
    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Frames (N, 3, S, S) in [0, 1] whose masked pixels are new; the others are ignored.

        Randomness comes from `batch.generators()` alone.
        """

    def __call__(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Filled frames (N, 3, S, S).

        Args:
            batch: N frames, in [0, 1].
            masks: boolean (N, 1, S, S), true in the hole.

        Raises:
            ValueError: for masks that do not fit the frames.
        """
        expected = (len(batch.frames), 1, *batch.frames.shape[2:])
        if masks.shape != expected or masks.dtype != torch.bool:
            raise ValueError(f"Invalid masks, we expect boolean {expected}. Got: {masks.dtype} {tuple(masks.shape)}.")
        return torch.where(masks, self.fill(batch, masks).to(batch.frames).clamp(0, 1), batch.frames)
