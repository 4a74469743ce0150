"""Which faces of many photos show one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from privacy_faces.judge.candidates import Vectors
from privacy_faces.judge.thresholds import Threshold

# Two faces of one photo are two people.
_APART = 1e6


def people_in(faces: Mapping[str, Vectors], photos: Sequence[int], thresholds: Mapping[str, Threshold]) -> list[int]:
    """The number of the person in each of F faces, from 1; whoever is in most photos comes first.

    Agglomerative clustering with complete linkage: each two faces of a person are matched by every recognizer. In doubt
    a person has two numbers, and no number stands for two people.

    Args:
        faces: recognizer -> embeddings (F, D), unit length.
        photos: (F,), which photo each face is from.
        thresholds: recognizer -> from which similarity on two faces are one person.

    Raises:
        ValueError: for an embedding that is not a number.
    """
    from sklearn.cluster import AgglomerativeClustering

    if len(photos) < 2:
        return [1] * len(photos)
    # In shares of the way from an equal face to the threshold, so that recognizers can be compared.
    distances = np.zeros((len(photos), len(photos)))
    for name, rows in faces.items():
        similarity = rows.astype(np.float64) @ rows.astype(np.float64).T
        distances = np.maximum(distances, 1 - thresholds[name].margin(similarity) / (1 - thresholds[name].threshold))
    places = np.array(photos)
    distances[(places[:, None] == places[None]) & ~np.eye(len(places), dtype=bool)] = _APART
    groups = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="complete", distance_threshold=1.0
    ).fit_predict(distances)
    counts = np.bincount(groups)
    first = [int(np.flatnonzero(groups == group)[0]) for group in range(len(counts))]
    order = sorted(range(len(counts)), key=lambda group: (-counts[group], first[group]))
    return [order.index(group) + 1 for group in groups]
