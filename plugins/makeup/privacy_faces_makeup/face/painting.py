"""The shipped makeup references: procedural looks on synthetic faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask
from torch import Tensor

from privacy_faces.plugin import region_masks
from privacy_faces_makeup.face.look import Look, Paint
from privacy_faces_makeup.face.rendering import render

#: Name -> the look. XMY-060 stands in for DiffAM's reference of that name: purple eyeshadow and lipstick.
LOOKS = {
    "XMY-060": Look(
        lipstick=Paint("purple", 0.9, 0.4),
        eyeshadow=Paint("purple", 0.9, 0.3),
        eyeliner=Paint("black", 0.7),
        foundation=0.5,
    ),
    "classic-red": Look(lipstick=Paint("red", 0.95, 0.5), eyeliner=Paint("black", 0.8), foundation=0.6),
    "soft-rose": Look(
        lipstick=Paint("pink", 0.7, 0.6), eyeshadow=Paint("brown", 0.4), blush=Paint("rose", 0.8), foundation=0.6
    ),
    "blue-smoke": Look(
        lipstick=Paint("brown", 0.6), eyeshadow=Paint("blue", 0.95, 0.2), eyeliner=Paint("black", 0.9), foundation=0.5
    ),
    "golden-hour": Look(
        lipstick=Paint("orange", 0.8, 0.7), eyeshadow=Paint("gold", 0.9, 0.8), blush=Paint("peach", 0.8), foundation=0.5
    ),
}

# Landmarks around each region, and its label in the Makeup Transfer dataset; later ones lie on top.
_LABELS = (
    (6, (27, 31, 32, 33, 34, 35)),
    (7, (48, 49, 50, 51, 52, 53, 54, 64, 63, 62, 61, 60)),
    (8, (60, 61, 62, 63, 64, 65, 66, 67)),
    (9, (48, 60, 67, 66, 65, 64, 54, 55, 56, 57, 58, 59)),
    (4, (36, 37, 38, 39, 40, 41)),
    (5, (42, 43, 44, 45, 46, 47)),
)


def make_reference(name: str, picture: Tensor, landmarks: Tensor) -> tuple[Tensor, NDArray[np.uint8]]:
    """The made-up picture (3, S, S), and the regions' labels (S, S) as `face.references.Reference` describes
    them.

    Args:
        name: one of `LOOKS`.
        picture: (3, S, S) in [0, 1], a bare face.
        landmarks: (68, 2) in its pixels.
    """
    made_up = render(picture[None], landmarks[None], [LOOKS[name]], seeds=[0])[0]
    return made_up, region_labels(landmarks.double().numpy(), picture.shape[-1])


def region_labels(landmarks: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Labels (size, size) of the Makeup Transfer dataset from landmarks (68, 2)."""
    regions = region_masks(landmarks, size)
    labels = regions["face"].astype(np.uint8)
    middle = landmarks[27:31, 0].mean()
    left = np.arange(size)[None, :] < middle
    labels[regions["brows"] & left] = 2
    labels[regions["brows"] & ~left] = 3
    for label, outline in _LABELS:
        labels[polygon2mask((size, size), landmarks[list(outline)][:, ::-1])] = label
    return labels
