"""Two results.json side by side: what a change of a method, a weight or a version did to every share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from privacy_faces.evaluation.intervals import apart
from privacy_faces.evaluation.results import Results
from privacy_faces.evaluation.rows import Number, Success


@dataclass(frozen=True)
class Change:
    """One share in both.

    Attributes:
        method, recognizer, role, measure, far: what was measured.
        before, after: the protected share in the first and in the second.
        low, high: 95 % interval of the difference, as of different photos (Newcombe 1998): too wide where both judged
            the same ones, never too narrow.
    """

    method: str
    recognizer: str
    role: str
    measure: str
    far: float | None
    before: Number
    after: Number
    low: float | None
    high: float | None


def changes(first: Results, second: Results) -> list[Change]:
    """Every share of all faces that both hold, at the main rate of the second and without a threshold."""
    known = dict(_rows(first))
    found = []
    for key, row in _rows(second):
        if key in known and row.far in (second.far[0], None):
            before, after = known[key].protected, row.protected
            low, high = _interval(before, after)
            found.append(Change(*key[:4], row.far, before, after, low, high))
    return found


def unlike(first: Results, second: Results) -> list[str]:
    """What else than the methods differs, so that a difference may come from that."""
    found = []
    if first.data.sha256 != second.data.sha256:
        found.append(f"other photos: {first.data.name}, and {second.data.name}")
    for one in first.recognizers:
        for other in second.recognizers:
            if one.name == other.name and one.weights != other.weights:
                found.append(f"other weights of {one.name}")
            if one.name == other.name and one.model_dump()["thresholds"] != other.model_dump()["thresholds"]:
                found.append(f"other thresholds of {one.name}")
    if first.version != second.version:
        found.append(f"privacy-faces {first.version}, and {second.version}")
    labels = [[method.label for method in results.methods] for results in (first, second)]
    for place, mine, theirs in (("first", *labels), ("second", *reversed(labels))):
        if only := [label for label in mine if label not in theirs]:
            found.append(f"only in the {place}: {', '.join(only)}")
    return found


def _rows(results: Results) -> Iterator[tuple[tuple[str, str, str, str, float | None], Success]]:
    for method in results.methods:
        for row in method.success:
            if row.group is None:
                yield (method.label, row.recognizer, row.role, row.measure, row.far), row


def _interval(before: Number, after: Number) -> tuple[float, float] | tuple[None, None]:
    ends = before.low, before.high, after.low, after.high
    if before.value is None or after.value is None or None in ends:
        return None, None
    low, high, later_low, later_high = (float(end) for end in ends if end is not None)
    return apart((after.value, before.value), ((later_low, later_high), (low, high)))
