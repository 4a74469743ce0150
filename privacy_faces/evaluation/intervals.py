"""Numbers with their 95 % intervals: Wilson's for shares, a bootstrap over people for means and differences.

Photos of one person are not independent, so whole people are drawn, and in order of name, so that the order of the
photos changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.results import Number

CONFIDENCE = 0.95
_BOOTSTRAPS = 1000
_DIGITS = 6

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]


def share(hits: Flags) -> Number:
    """The share of `hits` (N,), with Wilson's score interval (Wilson, JASA 1927)."""
    from scipy.stats import binomtest

    if not len(hits):
        return Number(value=None, n=0, missing="no such faces")
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(CONFIDENCE, "wilson")
    return _number(float(hits.mean()), len(hits), float(interval.low), float(interval.high))


def lift(clean: Flags, protected: Flags, people: Sequence[str], seed: int = 0) -> Number:
    """The share of `protected` (N,) less that of `clean` (N,), face by face."""
    return mean(protected.astype(np.float64) - clean.astype(np.float64), people, seed)


def mean(values: Values, people: Sequence[str], seed: int = 0) -> Number:
    """The mean of `values` (N,); NaN is left out.

    Args:
        values: one per face.
        people: N names.
        seed: of the bootstrap.
    """
    known = ~np.isnan(values)
    values, names = values[known], np.asarray(people, dtype=str)[known]
    if not len(values):
        return Number(value=None, n=0, missing="no such faces")
    _, person = np.unique(names, return_inverse=True)
    sums, counts = np.bincount(person, values), np.bincount(person)
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_BOOTSTRAPS)
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return _number(float(values.mean()), len(values), float(low), float(high))


def _number(value: float, n: int, low: float, high: float) -> Number:
    # Rounded, since sums in another order differ in the last digits.
    value, low, high = (round(item, _DIGITS) + 0.0 for item in (value, low, high))
    return Number(value=value, n=n, low=low, high=high)
