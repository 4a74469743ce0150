"""What the recognizers of ArcFace's kind share: 112 x 112 chips in [-1, 1], 512-D, weights that were published under
the recognizer's own name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from privacy_faces.recognizers.alignment import ARCFACE, Alignment, aligned
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.weights.published import Published
from privacy_faces.weights.store import records

if TYPE_CHECKING:
    from privacy_faces.recognizers.options import AlignmentOptions


class ArcFaceRecognizer(Recognizer):
    """A published network behind the recognizer contract; a subclass says which, and writes `cam_layer`."""

    embedding_size = 512
    template: Alignment = ARCFACE
    published: ClassVar[Published]

    def __init__(self, options: AlignmentOptions, device: torch.device) -> None:
        super().__init__()
        self.template = aligned(ARCFACE, options.alignment)
        self.network = self.published.load(self.name)
        self.weight_records = records(self.name)
        self.freeze()
        self.to(device)

    def features(self, chips: Tensor) -> Tensor:
        """Embeddings (N, 512), of any length, of chips (N, 3, 112, 112) in [0, 1]."""
        output: Tensor = self.network(chips * 2 - 1)
        return output
