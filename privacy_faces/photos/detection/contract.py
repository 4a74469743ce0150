"""What a detector and a landmark model are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Detection:
    """What a detector reports: box (x0, y0, x1, y1) and five points (5, 2) in photo pixels, and its own score."""

    box: NDArray[np.float64]
    points: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class Sizes:
    """Widths, in pixels, of the smallest faces that are sought in a photo: of upright ones, and of turned ones."""

    upright: float
    turned: float


class Detector(Protocol):
    """Finds faces in an RGB photo (H, W, 3)."""

    @property
    def name(self) -> str:
        """For receipts."""

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in the weight manifest."""

    @property
    def min_face(self) -> int:
        """Smallest face sought, in pixels, as the user set it; 0: the detector's own choice."""

    @property
    def least_turned_score(self) -> float:
        """The score below which a face that is found in a turned copy of the photo is not believed."""

    @property
    def least_inner_score(self) -> float:
        """The score below which a face within the outline of a larger one is not believed: a nose and a mouth may look
        like one."""

    def sizes(self, height: int, width: int) -> Sizes:
        """The smallest faces that are sought in a photo of this size."""

    def detect(self, rgb: NDArray[np.uint8], smallest: float) -> list[Detection]:
        """The upright faces, each once, in any order; at least those of `smallest` pixels and more."""


class LandmarkModel(Protocol):
    """Places 68 iBUG landmarks (68, 2) on the face in an upright frame (S, S, 3), uint8."""

    @property
    def weights(self) -> tuple[str, ...]:
        """Ids in the weight manifest."""

    def place(self, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks (68, 2) in frame pixels."""
