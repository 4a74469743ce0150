"""Sex, age group and glasses of a face, read from a recognizer's embedding by a linear map: so that nobody is given the
face of another sex or age. Rough, and asked for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Array = NDArray[np.float32]

#: The columns of a map.
COLUMNS = ("sex", "child", "adult", "old", "glasses")

# A sex that is told this many times less clearly than by a face of the bank is still told.
_SURE = 3.0
# Glasses that a face is given by mistake show more than glasses that it loses; a score that is not clear is believed
# where a line crosses the bridge of the nose: seven of ten such faces wear some.
_CLEAR, _PERHAPS, _LINE = 0.6, 0.3, 0.3


class Scores(NamedTuple):
    """Of N faces: sex (N,) from -1, a woman, to 1, a man; ages (N, 3) for child, adult and old, of which the largest is
    meant; glasses (N,) from 0, none, to 1."""

    sex: Array
    ages: Array
    glasses: Array

    def decided(self, bridge: float) -> Scores:
        """Sex and glasses at one end, but for a sex that is hardly told, such as a child's.

        Args:
            bridge: `face_looks.bridge_step` of the face.
        """
        sex = np.where(self.age_group == 0, 0, (_SURE * self.sex).clip(-1, 1)).astype(np.float32)
        wears = (self.glasses > _CLEAR) | ((self.glasses > _PERHAPS) & (bridge > _LINE))
        return Scores(sex, self.ages, wears.astype(np.float32))

    @property
    def age_group(self) -> NDArray[np.intp]:
        """(N,): 0 child, 1 adult, 2 old."""
        return np.asarray(self.ages.argmax(1))


@dataclass(frozen=True)
class FaceAttributes:
    """Linear maps, one for each recognizer.

    Attributes:
        maps: recognizer -> (D + 1, 5), see `COLUMNS`; the last row is added to every face.
    """

    maps: dict[str, Array]

    def scores(self, recognizer: str, embeddings: Array) -> Scores:
        """Of unit-length embeddings (N, D)."""
        weights = self.maps[recognizer]
        scores = embeddings @ weights[:-1] + weights[-1]
        return Scores(scores[:, 0].clip(-1, 1), scores[:, 1:4].clip(0, 1), scores[:, 4].clip(0, 1))


def save(attributes: FaceAttributes, path: Path) -> None:
    """Write a safetensors file."""
    save_file({name: np.ascontiguousarray(weights) for name, weights in attributes.maps.items()}, path)


def load(path: Path) -> FaceAttributes:
    """Read what `save` wrote."""
    return FaceAttributes(load_file(path))
