"""The training data: the largest face of each photo of a folder, as frames with landmarks, and who of them is left
out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from privacy_faces.datasets.folder import LabeledPhoto, content_hash, identity_folders
from privacy_faces.evaluation.embedding import largest_faces
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.regions import region_masks

# Every twentieth person is kept out of training, so that results can be measured on faces that the models never saw.
_HELD_OUT = 20


@dataclass(frozen=True)
class Portraits:
    """Aligned faces.

    Attributes:
        frames: (N, 3, S, S), uint8.
        landmarks: (N, 68, 2) in frame pixels.
        identities: N names.
    """

    frames: Tensor
    landmarks: Tensor
    identities: Sequence[str]

    def __len__(self) -> int:
        return len(self.frames)

    def unit(self, rows: Tensor | slice = slice(None)) -> Tensor:
        """Frames in [0, 1], float32."""
        return self.frames[rows].float() / 255

    def part(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Frames in [0, 1] and landmarks of some rows in a run."""
        rows = slice(start, start + count)
        return self.unit(rows), self.landmarks[rows]

    def regions(self, row: int) -> dict[str, Tensor]:
        """Name -> boolean (S, S) of each region of one face (`photos.regions`)."""
        masks = region_masks(self.landmarks[row].double().numpy(), self.frames.shape[-1])
        return {name: torch.from_numpy(mask) for name, mask in masks.items()}

    def split(self) -> tuple[Portraits, Portraits]:
        """The portraits to train with, and those of the people left out: every twentieth in order of name."""
        held_out = set(sorted(set(self.identities))[::_HELD_OUT])
        inside = np.array([identity in held_out for identity in self.identities])
        return self.take(torch.from_numpy(np.flatnonzero(~inside))), self.take(torch.from_numpy(np.flatnonzero(inside)))

    def take(self, rows: Tensor) -> Portraits:
        """The portraits of some rows (M,)."""
        return Portraits(self.frames[rows], self.landmarks[rows], [self.identities[int(row)] for row in rows])


def load_portraits(
    data: Path,
    size: int,
    cache: Path | None = None,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
    photos_of: Callable[[Path], list[LabeledPhoto]] = identity_folders,
) -> Portraits:
    """The largest face of every photo of `data`/PERSON/, or of whatever `photos_of` finds in `data`.

    Args:
        data: the folder.
        size: side S of the frames in pixels.
        cache: a safetensors file that remembers the frames, for these photos and this size alone; finding faces takes
            longer than reading them.
        progress: wraps the photos, to show how far the search is.
        photos_of: lists the photos of a folder.

    Raises:
        ValueError: when the folder holds no photos, or no photo holds a face.
    """
    photos = photos_of(data)
    made_from = json.dumps({"photos": content_hash(photos), "size": size})
    if cache is not None and cache.is_file():
        with safe_open(cache, "pt") as file:
            header = json.loads(file.metadata()["portraits"])
            if header["made_from"] == made_from:
                return Portraits(file.get_tensor("frames"), file.get_tensor("landmarks"), header["identities"])
    faces = largest_faces(progress([photo.path for photo in photos]), make_finder(), size)
    frames = torch.stack(
        [(torch.from_numpy(view.frame).permute(2, 0, 1) * 255 + 0.5).to(torch.uint8) for _, view in faces]
    )
    landmarks = torch.stack([torch.from_numpy(view.landmarks).float() for _, view in faces])
    person = {photo.path: photo.identity for photo in photos}
    identities = [person[path] for path, _ in faces]
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        header = json.dumps({"made_from": made_from, "identities": identities})
        save_file({"frames": frames, "landmarks": landmarks}, cache, metadata={"portraits": header})
    return Portraits(frames, landmarks, identities)


def joined(parts: Sequence[Portraits]) -> Portraits:
    """The portraits of all parts, which have frames of one size."""
    return Portraits(
        torch.cat([part.frames for part in parts]),
        torch.cat([part.landmarks for part in parts]),
        [name for part in parts for name in part.identities],
    )
