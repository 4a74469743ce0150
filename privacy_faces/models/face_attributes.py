"""Sex and age group of a face, read from a recognizer's embedding by a linear map: so that nobody is given the face of
another sex or age. Rough, and asked for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Array = NDArray[np.float32]

#: Columns of the scores: -1 a woman to 1 a man, then the three age groups, of which the largest is meant.
COLUMNS = ("sex", "child", "adult", "old")


@dataclass(frozen=True)
class FaceAttributes:
    """Linear maps, one for each recognizer.

    Attributes:
        maps: recognizer -> (D + 1, 4), the last row added to every face.
    """

    maps: dict[str, Array]

    def scores(self, recognizer: str, embeddings: Array) -> Array:
        """(N, 4), see `COLUMNS`, of unit-length embeddings (N, D); the sex within [-1, 1]."""
        weights = self.maps[recognizer]
        scores = embeddings @ weights[:-1] + weights[-1]
        return np.concatenate([scores[:, :1].clip(-1, 1), scores[:, 1:]], axis=1)


def save(attributes: FaceAttributes, path: Path) -> None:
    """Write a safetensors file."""
    save_file({name: np.ascontiguousarray(weights) for name, weights in attributes.maps.items()}, path)


def load(path: Path) -> FaceAttributes:
    """Read what `save` wrote."""
    return FaceAttributes(load_file(path))
