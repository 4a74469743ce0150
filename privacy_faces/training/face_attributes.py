"""The linear maps of `models.face_attributes`, fitted to photos of people who do not exist that carry a label.

Age groups are among the labels. Sex is not: words that say it for most (a beard, lipstick) mark the first faces, and the
map then marks those that it is sure of, a few times over (self-training).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MEN = frozenset(
    ("full beard", "stubble", "goatee", "mustache", "sideburns", "long white beard", "fashionable beard", "tie")
)
WOMEN = frozenset(
    ("lipstick", "red lipstick", "heavy makeup", "strong eyeliner", "pearl necklace", "necklace", "earrings")
    + ("long red hair", "long blond hair", "long black hair", "bob-cut hairstyle")
)
AGE_GROUPS = {
    "10 month old baby": 0,
    "2.5 year old toddler": 0,
    "small child": 0,
    "16 year old teenager": 1,
    "30 year old adult": 1,
    "wrinkly 70 year old senior": 2,
}
# Ridge penalties of standardized embeddings.
_SEX_RIDGE, _AGE_RIDGE = 30.0, 100.0
_ROUNDS, _SURE = 6, 0.5


def fit(embeddings: Array, labels: Sequence[str]) -> Array:
    """The map (D + 1, 4) of one recognizer.

    Args:
        embeddings: (N, D), unit length.
        labels: N labels; those that say neither sex nor age are of use as faces alone.

    Raises:
        ValueError: when no face is labeled as a man, as a woman, or as one of the age groups.
    """
    sex = np.array([(label in MEN) - (label in WOMEN) for label in labels], dtype=np.float64)
    group = np.array([AGE_GROUPS.get(label, -1) for label in labels])
    for wanted, found in (("men", sex > 0), ("women", sex < 0), *((f"age group {n}", group == n) for n in range(3))):
        if not found.any():
            raise ValueError(f"Expected photos whose labels say {wanted}, found none among {len(labels)}.")
    mean, deviation = embeddings.mean(0), embeddings.std(0)
    design = np.column_stack([(embeddings - mean) / deviation, np.ones(len(embeddings))]).astype(np.float64)
    known = sex.copy()
    for _ in range(_ROUNDS):
        of_sex = _ridge(design[known != 0], known[known != 0], _SEX_RIDGE)
        scores = design @ of_sex
        known = np.where(sex != 0, sex, np.where(np.abs(scores) > _SURE, np.sign(scores), 0))
    aged = group >= 0
    of_age = _ridge(design[aged], np.eye(3)[group[aged]], _AGE_RIDGE)
    weights = np.column_stack([of_sex, of_age])
    # Back from standardized embeddings.
    weights[:-1] /= deviation[:, None]
    weights[-1] -= mean @ weights[:-1]
    return weights.astype(np.float32)


def _ridge(design: NDArray[np.float64], wanted: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    gram = design.T @ design + penalty * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(gram, design.T @ wanted))
