"""The recognizer contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from privacy_faces.recognizers.alignment import Alignment


class Recognizer(nn.Module, ABC):
    """A face recognizer that embeds frames through its own alignment.

    A subclass sets the class attributes and writes `features` and `cam_layer`. Gradients flow from the embedding to the
    frame; parameters are frozen.

    Attributes:
        name: the registered name.
        template: how frames become its chips; by default the alignment that the network was trained with.
        embedding_size: D.
        weight_records: [{"id", "sha256"}, ...] of the loaded weights.
    """

    name: ClassVar[str]
    template: Alignment
    embedding_size: ClassVar[int]
    weight_records: list[dict[str, str]]

    @abstractmethod
    def features(self, chips: Tensor) -> Tensor:
        """Raw network output (N, D) for aligned chips (N, 3, C, C) in [0, 1]; not of unit length, which would take the
        gradient from Grad-CAM and saliency."""

    @property
    @abstractmethod
    def cam_layer(self) -> nn.Module:
        """The layer whose activations Grad-CAM reads by default."""

    def embed(self, frames: Tensor, landmarks: Tensor) -> Tensor:
        """Unit-length embeddings (N, D).

        Args:
            frames: (N, 3, S, S) in [0, 1].
            landmarks: (N, 68, 2) in frame pixels.
        """
        return F.normalize(self.features(self.template.chips(frames, landmarks)), dim=1)

    @staticmethod
    def similarity(first: Tensor, second: Tensor) -> Tensor:
        """How alike two faces are: the cosine of their embeddings (..., D), in [-1, 1]; larger is more alike."""
        return (first * second).sum(-1)

    def freeze(self) -> None:
        """Evaluation mode, no parameter gradients."""
        self.eval().requires_grad_(False)
