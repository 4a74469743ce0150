"""Numbers with their 95 % intervals. Photos of one person are not independent: people are what is counted.

Shares keep Wilson's score interval (Wilson, JASA 1927), which does not collapse at 0 and 1 as a bootstrap does. Where
people have several photos it is taken at the *effective* number of photos: as many independent ones as would scatter
like these (Korn and Graubard, Survey Methodology 1998; Franco, Little, Louis and Slud, Journal of Survey Statistics and
Methodology 2019, recommend it with Wilson's interval). Differences of shares of the same photos combine the two
intervals (Newcombe, Statistics in Medicine 1998, method 10). Means have a bootstrap over people.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.rows import Number

CONFIDENCE = 0.95
NO_FACES = "no such faces"
_BOOTSTRAPS = 1000
_DIGITS = 6

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


def share(hits: Flags | Values, people: Sequence[str]) -> Number:
    """The share of `hits` (N,), each in [0, 1], with its interval.

    Args:
        hits: one per face; a flag, or a share itself, such as how many strangers look less alike.
        people: N names.

    Raises:
        ValueError: for one that is no number: nothing was measured there, and that protects nobody.
    """
    values = numbers(hits)
    if not len(values):
        return Number(value=None, n=0, missing=NO_FACES)
    low, high = wilson(float(values.mean()), _effective(values, _numbered(people)))
    return _number(float(values.mean()), len(values), low, high)


def once(photos: Sequence[str], people: Sequence[str], *values: NDArray[Any]) -> tuple[list[str], list[Values]]:
    """Each photo once, with the mean of its `values` (N,): a table of pairs may name an original several times.

    Returns:
        The person of each photo (M,), and the values (M,) each, in the order in which photos are named first.
    """
    _, first, place = np.unique(np.asarray(photos, dtype=str), return_index=True, return_inverse=True)
    order = np.argsort(first)
    counts = np.bincount(place)
    means = [(np.bincount(place, numbers(each)) / counts)[order] for each in values]
    return [people[row] for row in first[order]], means


def lift(clean: Flags | Values, protected: Flags | Values, people: Sequence[str]) -> Number:
    """The share of `protected` (N,) less that of `clean` (N,), of the same faces."""
    return difference(protected, clean, people)


def difference(first: Flags | Values, second: Flags | Values, people: Sequence[str]) -> Number:
    """The share of `first` (N,) less that of `second` (N,), of the same faces, with Newcombe's interval."""
    one, two, person = numbers(first), numbers(second), _numbered(people)
    if not len(one):
        return Number(value=None, n=0, missing=NO_FACES)
    shares = float(one.mean()), float(two.mean())
    residuals = [np.bincount(person, values - values.mean()) for values in (one, two)]
    length = float(np.sqrt((residuals[0] @ residuals[0]) * (residuals[1] @ residuals[1])))
    correlation = float(residuals[0] @ residuals[1]) / length if length else 0.0
    ends = [wilson(value, _effective(values, person)) for value, values in zip(shares, (one, two), strict=True)]
    return _number(shares[0] - shares[1], len(one), *apart(shares, ends, correlation))


def apart(
    shares: tuple[float, float], ends: Sequence[tuple[float, float]], correlation: float = 0.0
) -> tuple[float, float]:
    """The interval of a difference of two shares, from the interval of each (Newcombe 1998): the distances to their
    ends, added as standard errors are."""
    (first, second), ((low, high), (other_low, other_high)) = shares, ends

    def distance(one: float, two: float) -> float:
        return float(np.sqrt(max(0.0, one**2 - 2 * correlation * one * two + two**2)))

    middle = first - second
    return middle - distance(first - low, other_high - second), middle + distance(high - first, second - other_low)


def pair_share(accepted: Flags, counted: Flags, people: NDArray[np.str_], others: NDArray[np.str_]) -> Number:
    """The share of pairs of different people that are accepted, with its interval.

    Pairs that share a person are not independent: the effective number of pairs is that of the jackknife over people,
    who are left out one by one, as probe and as enrolled (Schuckers, Computational Methods in Biometric Authentication,
    2010, on two-instance error rates). Where no pair or every pair is accepted, it is the number of people.

    Args:
        accepted, counted: (N, M), of N probes and M enrolled photos; which match, and which are pairs to count.
        people, others: names (N,) and (M,).
    """
    total = int(counted.sum())
    if not total:
        return Number(value=None, n=0, missing="no pairs of different people")
    names = np.unique(np.concatenate([people, others]))
    hits = (accepted & counted).astype(np.float64)

    def without(values: Values) -> Values:
        """The sum over all pairs without each person (K,)."""
        found = np.full(len(names), values.sum())
        for labels, axis in ((people, 1), (others, 0)):
            np.subtract.at(found, np.searchsorted(names, labels), values.sum(axis))
        return found

    p = float(hits.sum()) / total
    left, pairs = without(hits), without(counted.astype(np.float64))
    shares = left[pairs > 0] / pairs[pairs > 0]
    spread = float(((shares - shares.mean()) ** 2).sum()) if len(shares) else 0.0
    variance = spread * (len(names) - 1) / len(names)
    effective = min(total, p * (1 - p) / variance) if variance > 0 and 0 < p < 1 else len(names)
    return _number(p, total, *wilson(p, effective))


def mean(values: Values, people: Sequence[str], seed: int = 0) -> Number:
    """The mean of `values` (N,), bootstrapped over people; NaN, a face that has none, is left out.

    People are drawn whole, and in order of name, so that the order of the photos changes nothing. One person has no
    interval.

    Args:
        values: one per face.
        people: N names.
        seed: of the bootstrap.
    """
    known = ~np.isnan(values)
    values = values[known]
    if not len(values):
        return Number(value=None, n=0, missing=NO_FACES)
    person = _numbered(np.asarray(people, dtype=str)[known].tolist())
    sums, counts = np.bincount(person, values), np.bincount(person)
    if len(sums) == 1:
        return Number(value=round(float(values.mean()), _DIGITS), n=len(values))
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_BOOTSTRAPS)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return _number(float(values.mean()), len(values), float(low), float(high))


def wilson(p: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share `p` of `n` independent ones."""
    from scipy.stats import norm

    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    width = 1 + z * z / n
    # Of none and of all it ends there, whatever rounding says.
    return (0.0 if p == 0 else float(middle - half) / width), (1.0 if p == 1 else float(middle + half) / width)


def numbers(values: NDArray[Any]) -> Values:
    """The values as float64.

    Raises:
        ValueError: for one that is no number.
    """
    found = np.asarray(values, dtype=np.float64)
    if np.isnan(found).any():
        raise ValueError(
            f"Expected numbers, found {int(np.isnan(found).sum())} of {len(found)} that are none: an embedding is "
            "broken. Check the weights: privacy-faces weights list"
        )
    return found


def _effective(values: Values, person: NDArray[np.int64]) -> float:
    """How many independent photos the N of K people are worth: p (1 - p) over the variance between people, at most N.

    Few people know that variance badly, for which the quantiles of Student's t make up (Korn and Graubard). Where all
    photos say the same, it is not known at all, and each person counts once.
    """
    n, people, p = len(values), int(person.max()) + 1, float(values.mean())
    if people == n:
        return n
    if p in (0.0, 1.0) or people == 1:
        return people
    residuals = np.bincount(person, values - p)
    variance = people / (people - 1) * float(residuals @ residuals) / n**2
    effective = min(float(n), p * (1 - p) / variance) if variance > 0 else float(n)
    return effective * (_student(n - 1) / _student(people - 1)) ** 2


@cache
def _student(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, degrees))


def _numbered(people: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.asarray(people, dtype=str), return_inverse=True)[1].astype(np.int64)


def _number(value: float, n: int, low: float, high: float) -> Number:
    # Rounded, since sums in another order differ in the last digits.
    value, low, high = (round(item, _DIGITS) + 0.0 for item in (value, low, high))
    return Number(value=value, n=n, low=low, high=high)
