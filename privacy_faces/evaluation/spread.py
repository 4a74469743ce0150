"""How much a method's numbers hang on its seed: the same photos, protected with several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from privacy_faces.evaluation.results import MethodResults
from privacy_faces.evaluation.rows import Spread


def spreads(methods: Sequence[MethodResults], repeats: Mapping[str, str]) -> list[Spread]:
    """A row for each method that ran more than once, recognizer, measure and false accept rate.

    Args:
        methods: with their rows; of groups of faces nothing is said.
        repeats: label of a row -> label of the one with the first seed, whose repetition it is.
    """
    shares: dict[tuple[str, str, str, str, float | None], list[float]] = {}
    for method in methods:
        first = repeats.get(method.label, method.label)
        for row in method.success:
            if row.group is None and row.protected.value is not None:
                key = first, row.measure, row.recognizer, row.role, row.far
                shares.setdefault(key, []).append(row.protected.value)
    return [
        Spread.model_validate(
            dict(zip(("method", "measure", "recognizer", "role", "far"), key, strict=True))
            | {"shares": found, "deviation": round(float(np.std(found, ddof=1)), 6)}
        )
        for key, found in shares.items()
        if len(found) > 1
    ]
