"""Thresholds at given false accept rates, from impostor pairs: photos of different people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.intervals import pair_share
from privacy_faces.judge.thresholds import Threshold

FAR_LEVELS = (0.1, 0.01, 0.001)
#: Of fewer people, the threshold at a rate of 0.001 rests on a handful of pairs that share them.
ENOUGH_PEOPLE = 200
_BOOTSTRAPS = 200
_CONFIDENCE = 0.95

Scores = NDArray[np.float64]


def operating_points(
    embeddings: Scores, identities: Sequence[str], levels: Sequence[float] = FAR_LEVELS, seed: int = 0
) -> tuple[list[Threshold], float]:
    """Thresholds on the cosine at each false accept rate, and the equal error rate.

    Impostor pairs join the first photos of two people, so that each person counts once; genuine pairs join photos of
    one person. A match is a score strictly above the threshold, so the threshold is the (1 - FAR) quantile of the
    impostor scores, an order statistic. Its interval is a bootstrap over people, since pairs that share a person are
    not independent, and so does the interval of the rate itself (`intervals.pair_share`).

    Args:
        embeddings: (N, D), unit length.
        identities: N names.
        levels: false accept rates in (0, 1).
        seed: of the bootstrap.

    Raises:
        ValueError: with too few people for the smallest rate.
    """
    names = np.array(identities)
    _, first = np.unique(names, return_index=True)
    people = embeddings[np.sort(first)]
    similarity = people @ people.T
    pairs = np.triu(np.ones(similarity.shape, dtype=bool), k=1)
    owners = np.array([f"{number:09}" for number in range(len(people))])
    impostor = np.sort(similarity[pairs])
    if len(impostor) * min(levels) < 1:
        raise ValueError(
            f"Expected enough people for a false accept rate of {min(levels):g}, that is at least {1 / min(levels):g} "
            "pairs of different people. "
            f"Got: {len(people)} people, {len(impostor)} pairs."
        )
    genuine = genuine_scores(embeddings, names)
    random = np.random.default_rng(seed)
    resampled = np.stack([_resampled_thresholds(similarity, random, levels) for _ in range(_BOOTSTRAPS)])
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    points = []
    for index, far in enumerate(levels):
        threshold = threshold_at(impostor, far)
        rate = pair_share(similarity > threshold, pairs, owners, owners)
        points.append(
            Threshold(
                far=far,
                threshold=math.ceil(threshold * 1e6) / 1e6,  # rounded upwards, so that the rate stays at most `far`
                interval=(round(float(low[index]), 6), round(float(high[index]), 6)),
                far_interval=None if rate.low is None or rate.high is None else (rate.low, rate.high),
                tar=round(float((genuine > threshold).mean()), 4) if len(genuine) else None,
            )
        )
    return points, equal_error_rate(impostor, genuine) if len(genuine) else float("nan")


def threshold_at(impostor: Scores, far: float) -> float:
    """The smallest observed score that at most a share `far` of the impostor scores exceeds."""
    return float(np.quantile(impostor, 1 - far, method="inverted_cdf"))


def equal_error_rate(impostor: Scores, genuine: Scores) -> float:
    """The rate at which false accepts and false rejects are equally frequent.

    Where they never are, their mean at the threshold where they are nearest, the stricter of two that are as near.
    """
    from sklearn.metrics import roc_curve

    labels = np.concatenate([np.zeros(len(impostor)), np.ones(len(genuine))])
    accepts, hits, _ = roc_curve(labels, np.concatenate([impostor, genuine]), drop_intermediate=False)
    nearest = int(np.argmin(np.abs(accepts - (1 - hits)).round(9)))  # a tie is not for the last digit to decide
    return round(float((accepts[nearest] + 1 - hits[nearest]) / 2), 6)


def genuine_scores(embeddings: Scores, names: NDArray[np.str_]) -> Scores:
    """Cosines of all pairs of photos of one person."""
    similarity = embeddings @ embeddings.T
    same = np.triu(names[:, None] == names[None, :], k=1)
    return np.asarray(similarity[same], dtype=np.float64)


def _resampled_thresholds(similarity: Scores, random: np.random.Generator, levels: Sequence[float]) -> Scores:
    """Thresholds of one bootstrap sample of people; pairs of a person with a copy of themself are left out."""
    drawn = random.integers(0, len(similarity), len(similarity))
    pairs = np.triu_indices(len(drawn), k=1)
    left, right = drawn[pairs[0]], drawn[pairs[1]]
    scores = similarity[left, right][left != right]
    return np.asarray(np.quantile(scores, [1 - far for far in levels], method="inverted_cdf"), dtype=np.float64)
