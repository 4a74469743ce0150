"""Pairs of different people in one condition: what a threshold, a ROC curve or an attacker makes of them there.

Thresholds are calibrated on photos as they are. Where both sides of a pair are covered, or an attacker takes the better
of two comparisons, strangers are more alike, and the same threshold accepts more of them than it says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.calibration import equal_error_rate
from privacy_faces.evaluation.intervals import Values, numbers, pair_share, share
from privacy_faces.evaluation.rows import Number, Separation
from privacy_faces.judge.candidates import Candidates, Vectors
from privacy_faces.judge.thresholds import Threshold


@dataclass(frozen=True)
class Comparison:
    """Every probe against every enrolled photo, in one condition.

    Attributes:
        similarity: (N, M).
        probes, enrolled: the person of each, (N,) and (M,).
    """

    similarity: Values
    probes: NDArray[np.str_]
    enrolled: NDArray[np.str_]

    @property
    def strangers(self) -> NDArray[np.bool_]:
        """Which pairs (N, M) show different people."""
        return np.asarray(self.probes[:, None] != self.enrolled[None])

    def separation(self, genuine: Values, people: NDArray[np.str_], threshold: Threshold | None) -> Separation | None:
        """How far pairs of one person stand apart from those of different people; None without either.

        Args:
            genuine: (K,), similarities of pairs of one person.
            people: (K,), who that is; the area's interval is over them (the placements of DeLong et al., Biometrics
                1988, each of which is a share, as a person's cluster of them is in Obuchowski, Biometrics 1997).
            threshold: whose rate is asked for, if any.
        """
        impostor = np.sort(numbers(self.similarity[self.strangers]))
        genuine = numbers(genuine)
        if not len(impostor) or not len(genuine):
            return None
        below = [np.searchsorted(impostor, genuine, side) for side in ("left", "right")]
        return Separation(
            false_accepts=self.false_accepts(threshold) if threshold else None,
            auc=share((below[0] + below[1]) / (2 * len(impostor)), people.tolist()),
            eer=Number(value=equal_error_rate(impostor, genuine), n=len(genuine) + len(impostor)),
        )

    def false_accepts(self, threshold: Threshold, pairs: NDArray[np.bool_] | None = None) -> Number:
        """The share of pairs of different people that match; of some of them, where `pairs` (N, M) are given."""
        counted = self.strangers if pairs is None else pairs
        return pair_share(threshold.matched(self.similarity), counted, self.probes, self.enrolled)


def compared(
    probes: Candidates, enrolled: Candidates | Vectors, people: NDArray[np.str_], others: NDArray[np.str_]
) -> Comparison:
    """Probes against enrolled photos, each by the best of its candidates."""
    gallery = enrolled if isinstance(enrolled, Candidates) else Candidates.single(enrolled)
    between = probes.embeddings.astype(np.float64) @ gallery.embeddings.astype(np.float64).T
    return Comparison(gallery.best(probes.best(between), axis=1), people, others)
