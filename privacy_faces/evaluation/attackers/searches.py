"""Attackers who search with embeddings: a linear classifier of protected photos, and a gallery that grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
Indices = NDArray[np.int64]

# Of the classifier: weak, since there are few photos of each person.
_REGULARIZATION = 0.1


def named(training: Embeddings, training_people: Indices, probes: Embeddings) -> Indices:
    """Whom a linear classifier, trained on embeddings (M, D) of known people (M,), names on the probes (N, D); (N,)."""
    from sklearn.linear_model import RidgeClassifier

    classifier = RidgeClassifier(alpha=_REGULARIZATION).fit(training.astype(np.float64), training_people)
    return np.asarray(classifier.predict(probes.astype(np.float64)), dtype=np.int64)


def linked(direct: NDArray[np.float64], between: NDArray[np.float64]) -> NDArray[np.float64]:
    """How readily a gallery that grows reaches each photo: the largest threshold at which it is enrolled, (N, P).

    A photo is enrolled once it is as similar to an enrolled one as the threshold; from there it draws in others. Its
    similarity is therefore the weakest link of the strongest chain that leads to it, which is what single linkage
    merges by (Gower and Ross, Applied Statistics 1969).

    Args:
        direct: (N, P), similarities of N >= 2 photos to the P that are enrolled at first, each in a gallery of its own.
        between: (N, N), of the photos to one another; symmetric.
    """
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import squareform

    # Distances from 1 to 3: rounding must not make one negative.
    chains = 2 - squareform(cophenet(linkage(squareform(2 - between, checks=False), "single")))
    np.fill_diagonal(chains, np.inf)
    return np.stack([np.minimum(column, chains).max(1) for column in direct.T], axis=1)
