"""What success means, defined once: functions of similarities and ranks, True where the person in the photo is better
off.

A match is a similarity strictly above the threshold. Names follow the face-recognition literature: the *probe* is the
photo that is looked up, the *gallery* the enrolled photos that it is looked up in. Every measure of a protected probe
has a clean baseline: the same measure of the unprotected photo.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from privacy_faces.judge.candidates import Candidates, Indices, Vectors
from privacy_faces.judge.thresholds import Threshold

#: What can be measured of a protected face; larger is better for the person.
Measure = Literal[
    "dodging",  # no longer matches the same photo before
    "dodging-other-photo",  # no longer matches another, unprotected photo of the person
    "dodging-protected",  # no longer matches another, protected photo of the person
    "impersonation",  # matches the target's test image
    "dodging-and-impersonation",  # both at once
    "rank-1",  # the person, enrolled by another photo, is not the first of the gallery
    "rank-5",  # the person is not among the first five of the gallery
    "rank-1-same-photo",  # the same where the gallery holds the very photo before
    "rank-5-same-photo",
    "targeted-rank-1",  # the target is the first of the gallery
    "targeted-rank-5",  # the target is among the first five of the gallery
    "misclassification",  # a closed-set classifier names somebody else; its accuracy is one less this
    "fooling",  # a closed-set classifier was right before and is wrong after, of those it was right about before
]

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def cosine(first: Vectors, second: Vectors) -> Scores:
    """Similarities (N,) of unit-length embeddings (N, D), row by row; float64, so that neither order nor batch
    shows."""
    return np.asarray((first.astype(np.float64) * second.astype(np.float64)).sum(1))


def similarity(probes: Candidates, references: Vectors) -> Scores:
    """Similarities (N,) of N probes to a reference each (N, D), by the best of a probe's candidates."""
    return probes.best(cosine(probes.embeddings, references[probes.owner]))


def best_of_person(
    probes: Candidates, probe_people: Indices, photos: Candidates, photo_people: Indices, own: Indices
) -> Scores:
    """The largest similarity (N,) of each probe to any of the photos of its person; NaN for a person without any.

    Args:
        probes: N.
        probe_people: (N,).
        photos: M.
        photo_people: (M,).
        own: (N,) or (N, L), photos that show the same moment as the probe, and do not count; -1 is none.
    """
    between = probes.embeddings.astype(np.float64) @ photos.embeddings.astype(np.float64).T
    between = photos.best(probes.best(between), axis=1)
    own = own.reshape(len(probes), -1)
    left_out = np.zeros((len(probes), len(photos) + 1), dtype=bool)
    left_out[np.arange(len(probes))[:, None], own] = True  # -1 is the last column, which is no photo
    counts = (probe_people[:, None] == photo_people[None]) & ~left_out[:, :-1]
    best = np.where(counts, between, -np.inf).max(1)
    return np.where(counts.any(1), best, np.nan)


def dodging(similarity: Scores, threshold: Threshold) -> Flags:
    """Verification fails: the probe does not match a photo of its own person.

    The photo may be the very one that was protected (the harder claim: nothing differs but the protection), another one
    of the person (*other photo*), or another one protected in the same way (*protected against protected*).

    Raises:
        ValueError: for a similarity that is not a number.
    """
    return ~threshold.matched(similarity)


def impersonation(similarity: Scores, threshold: Threshold) -> Flags:
    """The attack success rate of impersonation (ASR, also called protection success rate): the probe matches the
    target's *test* image, which the method never saw. It says nothing about whether the person is still recognized: see
    `both`."""
    return threshold.matched(similarity)


def both(similarity: Scores, similarity_to_target: Scores, threshold: Threshold) -> Flags:
    """Dodging and impersonation at once: the search finds somebody else instead of the person."""
    return dodging(similarity, threshold) & impersonation(similarity_to_target, threshold)


def not_identified(rank: Indices, n: int) -> Flags:
    """Untargeted rank-N: the person is not among the first `n` of the gallery (`evaluation.identification.ranks`)."""
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
