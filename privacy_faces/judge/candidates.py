"""Several embeddings for one face: where a face is not at its place, every face that might be it counts, and the best
match is what an attacker takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Embeddings of N faces, face by face.

    Attributes:
        embeddings: (M, D), unit length, M >= N.
        counts: (N,), how many of them each face has, at least 1; they sum to M.
    """

    embeddings: Vectors
    counts: Indices

    @classmethod
    def single(cls, embeddings: Vectors) -> Candidates:
        """One for each face: embeddings (N, D)."""
        return cls(embeddings, np.ones(len(embeddings), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def first(self) -> Indices:
        """The first candidate of each face (N,)."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    @cached_property
    def owner(self) -> Indices:
        """The face of each candidate (M,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def members(self) -> Indices:
        """The candidates of each face (N, K), K the most that one has; -1 where it has fewer."""
        across = np.arange(int(self.counts.max(initial=1)))
        return np.where(across < self.counts[:, None], self.first[:, None] + across, -1)

    def best(self, values: NDArray[Any], axis: int = 0) -> NDArray[Any]:
        """The largest of `values` (..., M, ...) over the candidates of each face, (..., N, ...)."""
        return values if not len(self) else np.maximum.reduceat(values, self.first, axis)

    def take(self, faces: Indices) -> Candidates:
        """The candidates of some faces."""
        members = self.members[faces]
        return Candidates(self.embeddings[members[members >= 0]], self.counts[faces])


def joined(parts: list[Candidates]) -> Candidates:
    """The faces of several parts (at least one), one after the other."""
    return Candidates(
        np.concatenate([part.embeddings for part in parts]), np.concatenate([part.counts for part in parts])
    )
