"""The weakest result of a method: what its verdict rests on, so that the first screen is never kinder than the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from privacy_faces.evaluation.intervals import apart
from privacy_faces.evaluation.results import MethodResults
from privacy_faces.evaluation.rows import Number, Success

# In the summary, a method protects where even the low end of the interval says that so many faces are hidden.
PROTECTS = 0.9
#: What is compared with the same photo or another one, and searched for. Two protected photos are not compared at a
#: threshold, which other photos set, but searched for: the attacker protected-gallery.
_MEASURES = {
    "dodging": "against the same photo",
    "dodging-other-photo": "against another photo",
    "rank-1": "first in a search by another photo",
    "rank-1-same-photo": "first in a search by the same photo",
    "rank-5": "among the first five in a search by another photo",
    "rank-5-same-photo": "among the first five in a search by the same photo",
}


class Verdict(IntEnum):
    """What a number allows to say; interval ends count, not luck."""

    SAME_AS_NOTHING = 0
    TOO_FEW = 1
    SOME = 2
    STRONG = 3


@dataclass(frozen=True)
class Condition:
    """One way to recognize a person.

    Attributes:
        name: in words.
        clean, protected: shares that are not recognized, unprotected and protected.
        gain: the low end of their difference.
    """

    name: str
    clean: Number
    protected: Number
    gain: float

    @property
    def verdict(self) -> Verdict:
        """What this number alone allows to say."""
        low = self.protected.value if self.protected.low is None else self.protected.low
        if low is None or self.gain <= 0:
            return Verdict.TOO_FEW if _too_few(self.clean) else Verdict.SAME_AS_NOTHING
        return Verdict.STRONG if low >= PROTECTS else Verdict.SOME


@dataclass(frozen=True)
class Weakest:
    """The weakest result of a method.

    Attributes:
        condition: the worst verdict, and of these the lowest share, where enough faces were asked.
        undecided: of the conditions with too few faces, the lowest share.
    """

    condition: Condition
    undecided: Condition | None

    @property
    def verdict(self) -> Verdict:
        """What both allow to say: nothing is shown to hide all while something is undecided."""
        found = self.condition.verdict
        return Verdict.SOME if self.undecided and found is Verdict.STRONG else found


def weakest(method: MethodResults, recognizer: str, far: float) -> Weakest | None:
    """The weakest result; None where nothing was measured."""
    conditions = sorted(
        _conditions(method, recognizer, far),
        key=lambda item: (item.verdict, item.protected.value, item.protected.low or 0.0),
    )
    decided = [item for item in conditions if item.verdict is not Verdict.TOO_FEW]
    undecided = next((item for item in conditions if item.verdict is Verdict.TOO_FEW), None)
    if decided:
        return Weakest(decided[0], undecided)
    return Weakest(undecided, None) if undecided else None


def too_few_to_show(shares: Iterable[Number]) -> bool:
    """Whether one of these shares is of all faces, and its interval does not say so: there are too few."""
    return any(share.value == 1 and share.low is not None and share.low < PROTECTS for share in shares)


def _conditions(method: MethodResults, recognizer: str, far: float) -> Iterator[Condition]:
    for row in method.success:
        wanted = row.measure in _MEASURES and row.group is None and row.far in (far, None)
        if wanted and row.recognizer == recognizer and row.protected.value is not None:
            yield Condition(_MEASURES[row.measure], row.clean, row.protected, _gain_of(row))
    for operation in method.robustness:
        if operation.recognizer == recognizer and operation.dodging.value is not None:
            gain = _gain(operation.clean, operation.dodging)
            yield Condition(f"after {operation.operation}", operation.clean, operation.dodging, gain)
    for attack in method.attacks:
        if attack.recognizer == recognizer and attack.protected.value is not None:
            gain = _gain(attack.clean, attack.protected)
            yield Condition(f"attacker {attack.attacker}", attack.clean, attack.protected, gain)


def _too_few(clean: Number) -> bool:
    """Whether not even a method that hides all could be told from no protection: with an interval as wide as that of
    the unprotected faces."""
    if clean.value is None or clean.low is None or clean.high is None:
        return False
    width = max(clean.high - clean.value, clean.value - clean.low)
    return apart((1.0, clean.value), [(1 - width, 1.0), (clean.low, clean.high)])[0] <= 0


def _gain_of(row: Success) -> float:
    value = row.lift.value if row.lift.low is None else row.lift.low
    return 0.0 if value is None else value


def _gain(clean: Number, protected: Number) -> float:
    if clean.value is None or protected.value is None:
        return 0.0
    ends: Sequence[tuple[float, float]] = [
        (number.value or 0.0, number.value or 0.0)
        if number.low is None or number.high is None
        else (number.low, number.high)
        for number in (protected, clean)
    ]
    return apart((protected.value, clean.value), ends)[0]
