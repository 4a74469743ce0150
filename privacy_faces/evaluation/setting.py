"""What all methods of an evaluation are compared on: the probes, what was seen of them unprotected, the recognizers'
thresholds and roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.measure import WRITTEN, Seen
from privacy_faces.evaluation.probes import Probe
from privacy_faces.evaluation.rows import Group
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.observations import Embeddings
from privacy_faces.judge.thresholds import Threshold, ThresholdFile, threshold_for

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

# A column with more values than this names things (photographers, dates), not groups.
_MOST_GROUPS = 12


# Two photos of one person of a larger similarity are the same shot: cut, scaled or saved anew. Similarities of the
# portraits' different shots end below it, by every recognizer that ships.
SAME_SHOT = 0.99


@dataclass(frozen=True)
class Gallery:
    """Enrolled photos of people who are not among the probes: distractors.

    Attributes:
        names: (K,), of the photos.
        people: (K,), the person of each.
        embeddings: recognizer -> (K, D).
    """

    names: Sequence[str] = ()
    people: Sequence[str] = ()
    embeddings: Embeddings = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """The ground on which methods are compared.

    Attributes:
        probes: N faces.
        original: recognizer -> embeddings (N, D) of the faces as they are; the gallery.
        clean: what was seen of unprotected copies, written as protected photos are; of every probe.
        thresholds: of the recognizers.
        far: false accept rates, the main one first.
        gallery: other people whom searches look through too.
    """

    probes: Sequence[Probe]
    original: Embeddings
    clean: Seen
    thresholds: ThresholdFile
    far: Sequence[float]
    gallery: Gallery = field(default_factory=Gallery)

    @cached_property
    def names(self) -> NDArray[np.str_]:
        """The person of each probe (N,)."""
        return np.array([probe.person for probe in self.probes], dtype=str)

    @cached_property
    def people(self) -> Indices:
        """The person of each probe as a number (N,), in order of name."""
        return np.unique(self.names, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def same_shot(self) -> Flags:
        """Which pairs of probes (N, N) show one person in one shot: the file itself, and what is cut or saved of it."""
        alike = np.eye(len(self.probes), dtype=bool)
        for embeddings in self.original.values():
            exact = embeddings.astype(np.float64)
            alike |= exact @ exact.T > SAME_SHOT
        return np.asarray(alike & (self.people[:, None] == self.people[None]))

    @cached_property
    def has_other_photo(self) -> Flags:
        """Whose person (N,) has a photo of another shot."""
        return np.asarray(((self.people[:, None] == self.people[None]) & ~self.same_shot).any(1))

    @cached_property
    def own_shots(self) -> Indices:
        """The photos of each probe's own shot (N, L), padded with -1."""
        counts = self.same_shot.sum(1)
        found = np.full((len(counts), int(counts.max(initial=1))), -1, dtype=np.int64)
        rows, photos = np.nonzero(self.same_shot)
        found[rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)] = photos
        return found

    @cached_property
    def shots(self) -> int:
        """How many distinct shots the probes are."""
        from scipy.sparse.csgraph import connected_components

        return int(connected_components(self.same_shot, directed=False)[0])

    @cached_property
    def labeled(self) -> Indices:
        """The probes (M,) of whom the data says who they are."""
        return np.flatnonzero([probe.labeled for probe in self.probes])

    def threshold(self, recognizer: str, far: float) -> Threshold:
        """The threshold of a recognizer at a false accept rate."""
        return threshold_for(self.thresholds, recognizer, far)

    def copies(self, recognizer: str, rows: Indices, kind: str = WRITTEN) -> Candidates:
        """The unprotected copies of some probes (M,); as they are, for an attacker who leaves alone what was not
        protected."""
        embeddings = self.clean.embeddings
        return (embeddings[kind] if kind in embeddings else embeddings[WRITTEN])[recognizer].take(rows)

    def take(self, rows: Indices) -> Setting:
        """The setting of some of the probes (M,)."""
        return Setting(
            [self.probes[row] for row in rows],
            {name: embeddings[rows] for name, embeddings in self.original.items()},
            self.clean.take(rows, np.arange(len(rows))),
            self.thresholds,
            self.far,
            self.gallery,
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
