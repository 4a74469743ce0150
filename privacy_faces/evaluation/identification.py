"""Identification: where somebody ranks when a probe is looked up in a gallery of enrolled photos."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.judge.candidates import Candidates

Embeddings = NDArray[np.float32]
Indices = NDArray[np.int64]

# Similarities held at a time, 64 MiB of float32: larger blocks are no faster.
_BLOCK = 2**24


def ranks(
    probes: Embeddings, gallery: Embeddings, people: Indices, sought: Indices, leave_out: Indices | None = None
) -> Indices:
    """The rank (N,) of person `sought[i]` in the gallery for probe i: 1 + the number of other people with a photo more
    similar than any of theirs.

    A tie counts as found. A person who is not enrolled ranks behind everybody. Similarities are computed in blocks: a
    million enrolled photos need no more memory than their embeddings.

    Args:
        probes: (N, D), unit length.
        gallery: (M, D), unit length.
        people: (M,), the person of each enrolled photo.
        sought: (N,), the person whose rank is asked for.
        leave_out: (N,) or (N, L), enrolled photos that do not count for probe i (its own), or -1.

    Raises:
        ValueError: when shapes do not fit, or for an embedding that is no number.
    """
    if (
        probes.ndim != 2
        or gallery.ndim != 2
        or probes.shape[1] != gallery.shape[1]
        or len(people) != len(gallery)
        or len(sought) != len(probes)
    ):
        raise ValueError(
            f"Invalid shapes, we expect probes (N, D), gallery (M, D), people (M,), sought (N,). "
            f"Got: {probes.shape}, {gallery.shape}, {people.shape}, {sought.shape}."
        )
    # What is no number makes the sum none.
    if not np.isfinite(probes.sum() + gallery.sum()):
        raise ValueError(
            "Expected embeddings of finite numbers, found others: nothing ranks there. Check the weights: "
            "privacy-faces weights list"
        )
    if leave_out is not None and leave_out.ndim == 1:
        leave_out = leave_out[:, None]
    # One person's photos side by side, and never in two blocks, so that each person is counted once.
    order = np.argsort(people, kind="stable")
    beside = bool((order[1:] > order[:-1]).all())  # as they are enrolled already: no copies of them are needed
    names, first = np.unique(people[order], return_index=True)
    ends = np.append(first[1:], len(order))
    name = np.searchsorted(names, sought)
    enrolled = np.isin(sought, names)
    own = np.full(len(probes), -np.inf, dtype=np.float32)
    for index in np.flatnonzero(enrolled):
        photos = order[first[name[index]] : ends[name[index]]]
        if leave_out is not None:
            photos = photos[~np.isin(photos, leave_out[index])]
        if len(photos):
            own[index] = (gallery[photos] @ probes[index]).max()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    excluded = np.full((len(probes), 0), -1) if leave_out is None else np.where(leave_out >= 0, place[leave_out], -1)
    better = np.zeros(len(probes), dtype=np.int64)
    least, wanted = torch.from_numpy(own)[:, None], torch.from_numpy(np.ascontiguousarray(probes))
    blocks = _blocks(first, ends, max(1, _BLOCK // max(1, len(probes))))
    widest = max((int(ends[stop - 1] - first[start]) for start, stop in blocks), default=0)
    # In one place for all blocks: fresh memory for each would cost as much as the products.
    similarity = torch.empty(len(probes), widest, dtype=wanted.dtype)
    larger = torch.empty(len(probes), widest, dtype=torch.bool)
    for start, stop in blocks:
        begin, end = first[start], ends[stop - 1]
        block = torch.from_numpy(gallery[begin:end] if beside else gallery[order[begin:end]])
        torch.mm(wanted, block.T, out=similarity[:, : end - begin])
        above = torch.gt(similarity[:, : end - begin], least, out=larger[:, : end - begin])
        inside, which = np.nonzero((excluded >= begin) & (excluded < end))
        above[inside, excluded[inside, which] - begin] = False
        hit = _any_photo(above, first[start:stop] - begin).numpy()
        # Rounding must not let a person outrank themself.
        mine = np.flatnonzero(enrolled & (name >= start) & (name < stop))
        hit[mine, name[mine] - start] = False
        # Row by row, NumPy counts bytes many at a time; a sum along an axis converts each.
        better += [np.count_nonzero(row) for row in hit]
    return better + 1


def best_ranks(
    probes: Candidates, gallery: Embeddings, people: Indices, sought: Indices, leave_out: Indices | None = None
) -> Indices:
    """`ranks` of N probes, each by the best of its candidates."""
    left_out = None if leave_out is None else leave_out[probes.owner]
    return -probes.best(-ranks(probes.embeddings, gallery, people, sought[probes.owner], left_out))


def _blocks(first: Indices, ends: Indices, size: int) -> list[tuple[int, int]]:
    """People (start, stop), as many at a time as have `size` photos together, or one."""
    blocks, start = [], 0
    while start < len(first):
        stop = max(start + 1, int(np.searchsorted(ends, first[start] + size, side="right")))
        blocks.append((start, stop))
        start = stop
    return blocks


def _any_photo(above: Tensor, first: Indices) -> Tensor:
    """Whether any photo of each person is above, (N, P), of photos (N, M) that stand person by person, each beginning
    at `first` (P,)."""
    counts = np.diff(np.append(first, above.shape[1]))
    if counts.max() == 1:
        return above
    hit = above[:, torch.from_numpy(first)]
    for number in range(1, int(counts.max())):
        several = np.flatnonzero(counts > number)
        hit[:, torch.from_numpy(several)] |= above[:, torch.from_numpy(first[several] + number)]
    return hit
