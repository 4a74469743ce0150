"""Identification: where somebody ranks when a probe is looked up in a gallery of enrolled photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Embeddings = NDArray[np.float32]
Indices = NDArray[np.int64]

# Similarities held at a time, 64 MiB of float32: larger blocks are no faster.
_BLOCK = 2**24


def ranks(probes: Embeddings, gallery: Embeddings, people: Indices, sought: Indices, leave_out: Indices | None = None) -> Indices:
    """The rank (N,) of person `sought[i]` in the gallery for probe i: 1 + the number of other people with a photo more similar than any of theirs.

    A tie counts as found. A person who is not enrolled ranks behind everybody. Similarities are computed in blocks: a million enrolled photos need no more
    memory than their embeddings.

    Args:
        probes: (N, D), unit length.
        gallery: (M, D), unit length.
        people: (M,), the person of each enrolled photo.
        sought: (N,), the person whose rank is asked for.
        leave_out: (N,), an enrolled photo that does not count for probe i (its own), or -1.

    Raises:
        ValueError: when shapes do not fit.
    """
    if probes.ndim != 2 or gallery.ndim != 2 or probes.shape[1] != gallery.shape[1] or len(people) != len(gallery) or len(sought) != len(probes):
        raise ValueError(
            f"Invalid shapes, we expect probes (N, D), gallery (M, D), people (M,), sought (N,). "
            f"Got: {probes.shape}, {gallery.shape}, {people.shape}, {sought.shape}."
        )
    own = np.full(len(probes), -np.inf, dtype=np.float32)
    for index, (probe, person) in enumerate(zip(probes, sought, strict=True)):
        enrolled = np.flatnonzero(people == person)
        if leave_out is not None:
            enrolled = enrolled[enrolled != leave_out[index]]
        if len(enrolled):
            own[index] = (gallery[enrolled] @ probe).max()
    # One person's photos side by side, and never in two blocks, so that each person is counted once.
    order = np.argsort(people, kind="stable")
    names, first = np.unique(people[order], return_index=True)
    ends = np.append(first[1:], len(order))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    better = np.zeros(len(probes), dtype=np.int64)
    size = max(1, _BLOCK // max(1, len(probes)))
    start = 0
    while start < len(names):
        stop = max(start + 1, int(np.searchsorted(ends, first[start] + size, side="right")))
        rows = order[first[start] : ends[stop - 1]]
        similarity = probes @ gallery[rows].T
        if leave_out is not None:
            column = np.where(leave_out >= 0, place[leave_out], -1) - first[start]
            inside = np.flatnonzero((column >= 0) & (column < len(rows)))
            similarity[inside, column[inside]] = -np.inf
        best = np.maximum.reduceat(similarity, first[start:stop] - first[start], axis=1)
        better += ((best > own[:, None]) & (names[start:stop] != sought[:, None])).sum(1)
        start = stop
    return better + 1
