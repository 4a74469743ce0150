"""From a frame to a recogniser's own template, by a differentiable similarity warp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from kornia.geometry.transform import warp_affine
from skimage.transform import SimilarityTransform
from torch import Tensor

# An FFHQ-style frame of side S holds the eyes about S / 4 apart (`photos.frames.frame_affine`).
_EYE_DISTANCE_IN_FRAME = 0.25


@dataclass(frozen=True)
class Template:
    """Where a recogniser expects a face in its square input chip.

    Attributes:
        size: side C of the chip in pixels.
        groups: K groups of indices among the 68 iBUG landmarks; the mean of a group is one point.
        points: (K, 2), where those K points lie in the chip, in pixels.
        eye_distance: distance between the eye centres in the chip, in pixels.
    """

    size: int
    groups: tuple[tuple[int, ...], ...]
    points: tuple[tuple[float, float], ...]
    eye_distance: float

    def affines(self, landmarks: Tensor) -> Tensor:
        """Least-squares similarities (N, 2, 3) from frame to chip pixels (Umeyama 1991) for landmarks (N, 68, 2)."""
        places = landmarks.detach().cpu().double().numpy()
        target = np.array(self.points)
        matrices = []
        for face in places:
            source = np.stack([face[list(group)].mean(0) for group in self.groups])
            matrices.append(SimilarityTransform.from_estimate(source, target).params[:2])
        return torch.as_tensor(np.stack(matrices), dtype=landmarks.dtype, device=landmarks.device)

    def chips(self, frames: Tensor, landmarks: Tensor) -> Tensor:
        """Chips (N, 3, C, C) in [0, 1] from frames (N, 3, S, S) in [0, 1] and landmarks (N, 68, 2) in frame pixels.

        A frame much larger than the chip is first reduced with an anti-aliasing filter. The factor depends on the sizes alone, so that
        a face gets the same chip alone and in any batch.
        """
        size = frames.shape[-1]
        nominal = self.eye_distance / (_EYE_DISTANCE_IN_FRAME * size)
        if nominal < 1:
            reduced = round(size * nominal)
            frames = F.interpolate(frames, (reduced, reduced), mode="bilinear", antialias=True, align_corners=False)
            landmarks = (landmarks + 0.5) * (reduced / size) - 0.5
        matrices = self.affines(landmarks).to(frames)
        chips: Tensor = warp_affine(frames, matrices, (self.size, self.size), mode="bilinear", padding_mode="border", align_corners=True)
        return chips

    def to_frame(self, maps: Tensor, landmarks: Tensor, size: int) -> Tensor:
        """Maps (N, 1, C, C) on the chip carried back to frames (N, 1, size, size); zero where the chip does not reach."""
        matrices = self.affines(landmarks).to(maps)
        linear = matrices[:, :, :2].inverse()
        offset = -linear @ matrices[:, :, 2:]
        carried: Tensor = warp_affine(maps, torch.cat([linear, offset], 2), (size, size), mode="bilinear", padding_mode="zeros", align_corners=True)
        return carried
