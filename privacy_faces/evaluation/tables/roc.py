"""ROC curves of one method on this data."""

from __future__ import annotations

import numpy as np

from privacy_faces.evaluation.intervals import numbers
from privacy_faces.evaluation.rows import Roc
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.verdicts import Scores

# Points of a ROC curve, evenly spaced in the logarithm of the false accept rate.
_CURVE = 40


def roc_table(result: Result) -> list[Roc]:
    """ROC curves on this data: pairs of one person, the first photo as it is, against pairs of different people, both
    as they are."""
    result = result.labeled
    setting, rows = result.setting, result.seen.rows
    people = setting.people
    curves = []
    for recognizer, role in result.roles.items():
        gallery = setting.original[recognizer].astype(np.float64)
        similarity = numbers(gallery @ gallery.T)
        impostor = similarity[np.triu(people[:, None] != people[None], 1)]
        if not len(impostor) or not len(rows):
            continue
        far = np.logspace(np.log10(1 / len(impostor)), 0, _CURVE)
        threshold = np.quantile(impostor, 1 - far, method="inverted_cdf")
        others = (people[rows][:, None] == people[None]) & ~setting.same_shot[rows]
        copy, protected = (
            numbers(probes.best(probes.embeddings.astype(np.float64) @ gallery.T))
            for probes in result.versions(recognizer)
        )
        itself = np.arange(len(rows)), rows
        for pairs, clean_scores, scores in (
            ("same-photo", copy[itself], protected[itself]),
            ("other-photo", copy[others], protected[others]),
        ):
            if len(scores):
                curves.append(
                    Roc.model_validate(
                        {
                            "recognizer": recognizer,
                            "role": role,
                            "pairs": pairs,
                            "far": _rounded(far),
                            "threshold": _rounded(threshold),
                            "clean": _rounded((clean_scores > threshold[:, None]).mean(1)),
                            "protected": _rounded((scores > threshold[:, None]).mean(1)),
                        }
                    )
                )
    return curves


def _rounded(values: Scores) -> list[float]:
    return [round(float(value), 6) for value in values]
