"""What all methods of an evaluation are compared on: the probes, what was seen of them unprotected, the recognizers'
thresholds and roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.measure import WRITTEN, Seen
from privacy_faces.evaluation.probes import Probe
from privacy_faces.evaluation.results import Group
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Embeddings
from privacy_faces.judge.thresholds import Threshold, ThresholdFile, threshold_for

Indices = NDArray[np.int64]

# A column with more values than this names things (photographers, dates), not groups.
_MOST_GROUPS = 12


@dataclass(frozen=True)
class Setting:
    """The ground on which methods are compared.

    Attributes:
        probes: N faces.
        original: recognizer -> embeddings (N, D) of the faces as they are; the gallery.
        clean: what was seen of unprotected copies, written as protected photos are; of every probe.
        thresholds: of the recognizers.
        far: false accept rates, the main one first.
    """

    probes: Sequence[Probe]
    original: Embeddings
    clean: Seen
    thresholds: ThresholdFile
    far: Sequence[float]

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """The person of each probe (N,)."""
        return np.array([probe.person for probe in self.probes], dtype=str)

    @cached_property
    def people(self) -> Indices:
        """The person of each probe as a number (N,), in order of name."""
        return np.unique(self.names, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def enrolled_itself(self) -> Indices:
        """The gallery's photo that does not count for a probe (N,): its own where the person has another one, otherwise
        none (-1)."""
        counts = np.bincount(self.people, minlength=1)
        return np.where(counts[self.people] > 1, np.arange(len(self.people)), -1)

    @cached_property
    def labeled(self) -> Indices:
        """The probes (M,) of whom the data says who they are."""
        return np.flatnonzero([probe.labeled for probe in self.probes])

    def threshold(self, recognizer: str, far: float) -> Threshold:
        """The threshold of a recognizer at a false accept rate."""
        return threshold_for(self.thresholds, recognizer, far)

    def copies(self, recognizer: str, rows: Indices, kind: str = WRITTEN) -> Candidates:
        """The unprotected copies of some probes (M,)."""
        return self.clean.embeddings[kind][recognizer].take(rows)

    def take(self, rows: Indices) -> Setting:
        """The setting of some of the probes (M,)."""
        return Setting(
            [self.probes[row] for row in rows],
            {name: embeddings[rows] for name, embeddings in self.original.items()},
            self.clean.take(rows, np.arange(len(rows))),
            self.thresholds,
            self.far,
        )

    def groups(self, rows: Indices) -> list[tuple[Group, Indices]]:
        """The subgroups that the metadata names among some probes (M,), each with its places (K,) in `rows`."""
        found = []
        for column in self.columns:
            values = np.array([self.probes[row].groups.get(column, "") for row in rows], dtype=str)
            found += [
                (Group(column=column, value=str(value)), np.flatnonzero(values == value))
                for value in np.unique(values)
                if value
            ]
        return found

    @cached_property
    def columns(self) -> list[str]:
        """The metadata's columns that name groups."""
        columns = sorted({column for probe in self.probes for column in probe.groups})
        values: Mapping[str, set[str]] = {
            column: {probe.groups[column] for probe in self.probes if probe.groups.get(column)} for column in columns
        }
        return [column for column in columns if 1 < len(values[column]) <= _MOST_GROUPS]
