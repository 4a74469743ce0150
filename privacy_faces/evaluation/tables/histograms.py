"""How alike pairs are: of strangers, and of each face with itself before, unprotected and protected."""

from __future__ import annotations

import numpy as np

from privacy_faces.evaluation.intervals import numbers
from privacy_faces.evaluation.rows import Histogram
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.verdicts import similarity

_BINS = 40
# Digits of a similarity that count, and parts of one between which the axis ends.
_DIGITS, _GRID = 4, 50


def histogram_table(result: Result) -> list[Histogram]:
    """One for each recognizer; strangers are labeled people."""
    setting = result.labeled.setting
    found = []
    for recognizer, role in result.roles.items():
        gallery = setting.original[recognizer].astype(np.float64)
        strangers = numbers((gallery @ gallery.T)[np.triu(setting.people[:, None] != setting.people[None], 1)])
        original = result.original[recognizer]
        sides = [strangers, *(numbers(similarity(side, original)) for side in result.versions(recognizer))]
        together = np.concatenate(sides)
        if len(together):
            # Networks differ in the last digit from batch to batch: edges and counts must not.
            together = together.round(_DIGITS)
            low, high = np.floor(together.min() * _GRID) / _GRID, np.ceil(together.max() * _GRID) / _GRID
            edges = np.linspace(low, high if high > low else low + 1 / _GRID, _BINS + 1)
            counts = [np.histogram(side.round(_DIGITS), edges)[0].tolist() for side in sides]
            found.append(
                Histogram(
                    recognizer=recognizer,
                    role=role,
                    edges=[round(float(edge), 6) for edge in edges],
                    strangers=counts[0],
                    clean=counts[1],
                    protected=counts[2],
                )
            )
    return found
