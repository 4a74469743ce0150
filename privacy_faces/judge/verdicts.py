"""What success means, defined once: functions of similarities and ranks, True where the person in the photo is better
off.

A match is a similarity strictly above the threshold. Names follow the face-recognition literature: the *probe* is the
photo that is looked up, the *gallery* the enrolled photos that it is looked up in. Every measure of a protected probe
has a clean baseline: the same measure of the unprotected photo.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Embeddings = NDArray[np.float32]


def cosine(first: Embeddings, second: Embeddings) -> Scores:
    """Similarities (N,) of unit-length embeddings (N, D), row by row; float64, so that neither order nor batch
    shows."""
    return np.asarray((first.astype(np.float64) * second.astype(np.float64)).sum(1))


def best_of_person(
    probes: Embeddings, probe_people: Indices, photos: Embeddings, photo_people: Indices, *, leave_out_own: bool = True
) -> Scores:
    """The largest similarity (N,) of each probe to any of the photos of its person; NaN for a person without any.

    Args:
        probes: (N, D).
        probe_people: (N,).
        photos: (M, D).
        photo_people: (M,).
        leave_out_own: photo i shows the same moment as probe i and does not count; M is N.
    """
    similarity = probes.astype(np.float64) @ photos.astype(np.float64).T
    counts = probe_people[:, None] == photo_people[None]
    if leave_out_own:
        counts &= ~np.eye(len(probes), dtype=bool)
    best = np.where(counts, similarity, -np.inf).max(1)
    return np.where(counts.any(1), best, np.nan)


def dodging(similarity: Scores, threshold: float) -> Flags:
    """Verification fails: the probe does not match a photo of its own person.

    The photo may be the very one that was protected (the harder claim: nothing differs but the protection), another one
    of the person (*other photo*), or another one protected in the same way (*protected against protected*).
    """
    return ~(similarity > threshold)


def impersonation(similarity: Scores, threshold: float) -> Flags:
    """The attack success rate of impersonation (ASR, also called protection success rate): the probe matches the
    target's *test* image, which the method never saw. It says nothing about whether the person is still recognised: see
    `both`."""
    return similarity > threshold


def both(similarity: Scores, similarity_to_target: Scores, threshold: float) -> Flags:
    """Dodging and impersonation at once: the search finds somebody else instead of the person."""
    return dodging(similarity, threshold) & impersonation(similarity_to_target, threshold)


def not_identified(rank: Indices, n: int) -> Flags:
    """Untargeted rank-N: the person is not among the first `n` of the gallery (`evaluation.search.ranks`)."""
    return rank > n


def identified_as_target(rank: Indices, n: int) -> Flags:
    """Targeted rank-N: the target is among the first `n` of the gallery."""
    return rank <= n


def fooled(truth: Indices, before: Indices, after: Indices) -> Flags:
    """The fooling rate of PrivacyPreservingDiffusion: of the photos that a closed-set classifier names rightly before,
    those that it names wrongly after.

    Args:
        truth, before, after: (N,), class of each photo, and what the classifier says of it before and after.

    Returns:
        (M,), one for each of the M photos that are named rightly before.
    """
    right = before == truth
    return np.asarray(after[right] != truth[right])
