"""Which of two methods protects better: both judged by one recognizer, in one role, on the same faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.intervals import difference
from privacy_faces.evaluation.rows import Difference
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.success import Answers, answers_of
from privacy_faces.judge.verdicts import Measure

#: What methods are compared by.
_MEASURES: tuple[Measure, ...] = ("dodging", "dodging-other-photo")


def differences(judged: Sequence[tuple[str, Result]]) -> list[Difference]:
    """Every pair of methods; measures at the main false accept rate."""
    return [
        row
        for (first, one), (second, two) in combinations(judged, 2)
        for recognizer, role in one.roles.items()
        if two.roles.get(recognizer) == role
        for row in _between(first, second, _asked(one, recognizer), _asked(two, recognizer), recognizer)
    ]


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_], people: Sequence[str]) -> float:
    """The two-sided p value that two methods differ, by the exact test of McNemar (Psychometrika 1947).

    It counts those of whom only one of the two is right. Photos of one person are not independent: a person counts
    once, for the method that is right about more of their photos.

    Args:
        first, second: (N,), on the same faces.
        people: N names.
    """
    from scipy.stats import binomtest

    _, person = np.unique(np.asarray(people, dtype=str), return_inverse=True)
    balance = np.bincount(person, first.astype(np.float64) - second.astype(np.float64))
    ahead, behind = int((balance > 0).sum()), int((balance < 0).sum())
    return float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0


def _asked(result: Result, recognizer: str) -> dict[Measure, Answers]:
    main = result.setting.far[0]
    return {found.measure: found for found in answers_of(result, recognizer) if found.far == main}


def _between(
    first: str, second: str, one: dict[Measure, Answers], two: dict[Measure, Answers], recognizer: str
) -> Iterator[Difference]:
    for measure in _MEASURES:
        if measure not in one or measure not in two:
            continue
        mine, theirs = one[measure], two[measure]
        rows, here, there = np.intersect1d(mine.rows, theirs.rows, return_indices=True)
        if not len(rows):
            continue
        people = [mine.result.names[face] for face in mine.faces[here]]
        flags = mine.protected[here], theirs.protected[there]
        yield Difference(
            first=first,
            second=second,
            measure=measure,
            recognizer=recognizer,
            role=mine.result.roles[recognizer],
            far=mine.far,
            difference=difference(*flags, people),
            only_first=int((flags[0] & ~flags[1]).sum()),
            only_second=int((flags[1] & ~flags[0]).sum()),
            p=round(mcnemar(*flags, people), 6),
        )
