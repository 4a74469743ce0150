"""What is left after everything that happens to photos on their way."""

from __future__ import annotations

import numpy as np

from privacy_faces.evaluation.intervals import share
from privacy_faces.evaluation.robustness import OPERATIONS
from privacy_faces.evaluation.rows import Robustness
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.strangers import compared
from privacy_faces.judge.verdicts import dodging, impersonation, similarity


def robustness_table(result: Result) -> list[Robustness]:
    """Dodging of the same photo, and impersonation, after each operation, at the main rate."""
    far = result.setting.far[0]
    rows = []
    people = result.names
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
                    clean=share(dodging(similarity(copy, original), threshold), people),
                    dodging=share(dodging(own, threshold), people),
                    impersonation=None
                    if aim is None
                    else share(impersonation(similarity(protected, aim), threshold), people),
                    detected=share(result.seen.detected(operation), people),
                    separation=condition.separation(own[labeled], probes, threshold),
                )
            )
    return rows
