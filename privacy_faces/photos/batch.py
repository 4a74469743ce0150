"""Faces of a photo as tensors: what methods, masks and inpainters work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.photos.faces import Face
from privacy_faces.photos.photo import Photo

# Frames in which faces are compared. Every recognizer's chip is smaller, so more would change nothing.
COMPARED_FRAME = 256


@dataclass(frozen=True)
class FrameBatch:
    """Faces as methods and inpainters see them.

    Attributes:
        frames: (N, 3, S, S) in [0, 1].
        landmarks: (N, 68, 2) in frame pixels, (x, y).
        regions: name -> (N, 1, S, S) boolean masks; names in `photos.regions.REGIONS`.
        seeds: N integers, one per frame; randomness drawn from them does not depend on the batch.
    """

    frames: Tensor
    landmarks: Tensor
    regions: dict[str, Tensor]
    seeds: Sequence[int]

    def generators(self) -> list[torch.Generator]:
        """One CPU generator per frame, freshly seeded."""
        return [torch.Generator().manual_seed(seed) for seed in self.seeds]

    def __getitem__(self, index: int) -> FrameBatch:
        """The batch that holds only frame `index`."""
        return self.take([index])

    def take(self, rows: Sequence[int]) -> FrameBatch:
        """The batch of some of the frames."""
        chosen = list(rows)
        regions = {name: mask[chosen] for name, mask in self.regions.items()}
        return FrameBatch(self.frames[chosen], self.landmarks[chosen], regions, [self.seeds[row] for row in chosen])


def frame_tensors(photo: Photo, faces: Sequence[Face], size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Frames (N, 3, S, S) in [0, 1] and landmarks (N, 68, 2) in frame pixels of some faces of a photo."""
    frames = np.stack([face.frame(photo.rgb, size) for face in faces])
    landmarks = np.stack([face.frame_landmarks(size) for face in faces])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous().to(device), torch.from_numpy(landmarks).float().to(
        device
    )


def to_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """A picture (3, S, S) in [0, 1] as (S, S, 3) integers."""
    return np.asarray((picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).cpu().numpy())
