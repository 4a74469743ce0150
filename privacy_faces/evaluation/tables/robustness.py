"""What is left after everything that happens to photos on their way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.intervals import once, share
from privacy_faces.evaluation.robustness import OPERATIONS
from privacy_faces.evaluation.rows import Number, Robustness
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.strangers import compared
from privacy_faces.judge.verdicts import dodging, impersonation, similarity


def robustness_table(result: Result) -> list[Robustness]:
    """Dodging of the same photo, and impersonation, after each operation, at the main rate."""
    far = result.setting.far[0]
    rows = []

    def of_photos(flags: NDArray[np.bool_]) -> Number:
        people, (values,) = once(result.files(), result.names, flags)
        return share(values, people)

    labeled = np.flatnonzero(np.isin(result.seen.rows, result.setting.labeled))
    names = result.setting.names
    probes = names[result.seen.rows[labeled]]
    for operation in OPERATIONS if set(OPERATIONS) <= set(result.seen.embeddings) else ():
        for recognizer, role in result.roles.items():
            threshold = result.setting.threshold(recognizer, far)
            original = result.original[recognizer]
            copy, protected = result.versions(recognizer, operation)
            aim = None if result.target is None else np.broadcast_to(result.target[recognizer], original.shape)
            own = similarity(protected, original)
            enrolled = result.labeled.setting.original[recognizer]
            condition = compared(protected.take(labeled), enrolled, probes, names[result.setting.labeled])
            rows.append(
                Robustness(
                    operation=operation,
                    summary=OPERATIONS[operation].summary,
                    recognizer=recognizer,
                    role=role,
                    far=far,
                    clean=of_photos(dodging(similarity(copy, original), threshold)),
                    dodging=of_photos(dodging(own, threshold)),
                    impersonation=None
                    if aim is None
                    else of_photos(impersonation(similarity(protected, aim), threshold)),
                    detected=of_photos(result.seen.detected(operation)),
                    separation=condition.separation(own[labeled], probes, threshold),
                )
            )
    return rows
