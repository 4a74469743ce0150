"""A bank of generated faces: how to draw each again, and what it looks like, so that one that fits can be found without
drawing any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from privacy_faces.models.face_looks import Looks

Array = NDArray[np.float32]

_EMBEDDINGS = "embeddings."


@dataclass(frozen=True)
class FaceBank:
    """N faces.

    Attributes:
        styles: (N, 512), w of `models.mobile_stylegan`.
        looks: of the N pictures.
        embeddings: recognizer -> (N, D), of unit length.
    """

    styles: Array
    looks: Looks
    embeddings: dict[str, Array]

    def __len__(self) -> int:
        return len(self.styles)

    def rows(self, rows: NDArray[np.int64]) -> FaceBank:
        """The faces of some rows (M,)."""
        looks = Looks(self.looks.landmarks[rows], self.looks.tone[rows], self.looks.coarse[rows])
        return FaceBank(self.styles[rows], looks, {name: values[rows] for name, values in self.embeddings.items()})


def save(bank: FaceBank, path: Path) -> None:
    """Write a safetensors file, at half precision: some 2 KB a face."""
    tensors = {"styles": bank.styles, "landmarks": bank.looks.landmarks, "tone": bank.looks.tone}
    tensors |= {_EMBEDDINGS + name: values for name, values in bank.embeddings.items()}
    halves = {name: np.ascontiguousarray(values, np.float16) for name, values in tensors.items()}
    save_file(halves | {"coarse": bank.looks.coarse.round().clip(-128, 127).astype(np.int8)}, path)


def load(path: Path) -> FaceBank:
    """Read what `save` wrote."""
    tensors = {name: values.astype(np.float32) for name, values in load_file(path).items()}
    embeddings = {
        name.removeprefix(_EMBEDDINGS): values for name, values in tensors.items() if name.startswith(_EMBEDDINGS)
    }
    return FaceBank(tensors["styles"], Looks(tensors["landmarks"], tensors["tone"], tensors["coarse"]), embeddings)
