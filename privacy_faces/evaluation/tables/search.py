"""Searches of a gallery of unprotected photos: where a person, or the target, ranks."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.identification import best_ranks
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.judge.candidates import Candidates, Indices, Vectors


class Search:
    """The gallery of one recognizer: the probes as they are, the distractors, and the target by its test image.

    Args:
        result: of labeled faces.
        recognizer: who searches.
    """

    def __init__(self, result: Result, recognizer: str) -> None:
        self._result, self._recognizer = result, recognizer

    @cached_property
    def _enrolled(self) -> tuple[Vectors, Indices]:
        """Embeddings (M, D) and the person of each (M,); the target, if there is one, comes last."""
        result, recognizer, setting = self._result, self._recognizer, self._result.setting
        parts, people = [setting.original[recognizer]], [setting.people]
        known = int(setting.people.max(initial=-1)) + 1
        if setting.gallery.people:
            parts.append(setting.gallery.embeddings[recognizer])
            people.append(known + np.unique(np.array(setting.gallery.people), return_inverse=True)[1])
        if result.target is not None:
            parts.append(result.target[recognizer][None])
            people.append(np.array([int(people[-1].max()) + 1]))
        return np.concatenate(parts), np.concatenate(people).astype(np.int64)

    @property
    def people(self) -> int:
        """How many are enrolled."""
        return len(np.unique(self._enrolled[1]))

    def ranks(self, probes: Candidates, own_photo: bool) -> Indices:
        """The rank (N,) of each person, whose photos of the probe's shot count or do not."""
        gallery, people = self._enrolled
        setting, rows = self._result.setting, self._result.seen.rows
        leave_out = None if own_photo else setting.own_shots[rows]
        return best_ranks(probes, gallery, people, setting.people[rows], leave_out)

    def target_ranks(self, probes: Candidates) -> Indices:
        """The rank (N,) of the target, where the person is enrolled by other photos, if there are any."""
        gallery, people = self._enrolled
        setting, rows = self._result.setting, self._result.seen.rows
        others: NDArray[np.bool_] = setting.has_other_photo[rows]
        leave_out = np.where(others[:, None], setting.own_shots[rows], -1)
        return best_ranks(probes, gallery, people, np.full(len(rows), people[-1]), leave_out)
