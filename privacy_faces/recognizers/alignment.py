"""From a frame to a recognizer's own chip, differentiably: by a similarity warp onto its template, or as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# An FFHQ-style frame of side S holds the eyes about S / 4 apart (`photos.frames.frame_affine`).
_EYE_DISTANCE_IN_FRAME = 0.25


class Alignment(Protocol):
    """How a frame becomes the square chip of `size` pixels that a recognizer takes."""

    @property
    def size(self) -> int:
        """Side C of the chip in pixels."""

    def chips(self, frames: Tensor, landmarks: Tensor) -> Tensor:
        """Chips (N, 3, C, C) in [0, 1] from frames (N, 3, S, S) in [0, 1] and landmarks (N, 68, 2) in frame pixels."""

    def to_frame(self, maps: Tensor, landmarks: Tensor, size: int) -> Tensor:
        """Maps (N, 1, C, C) on the chip carried back to frames (N, 1, size, size); zero where the chip does not
        reach."""


@dataclass(frozen=True)
class WholeImage:
    """The whole frame, resized: what AMT-GAN, CLIP2Protect and DiffAM feed to recognizers, and what their thresholds
    were measured on.

    Attributes:
        size: side C of the chip in pixels.
    """

    size: int

    def chips(self, frames: Tensor, landmarks: Tensor) -> Tensor:
        """Bilinear, without the anti-aliasing filter, as in the published code; the landmarks are not asked."""
        return F.interpolate(frames, (self.size, self.size), mode="bilinear", align_corners=False)

    def to_frame(self, maps: Tensor, landmarks: Tensor, size: int) -> Tensor:
        """Bilinear."""
        return F.interpolate(maps, (size, size), mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Template:
    """Where a recognizer expects a face in its square input chip.

    Attributes:
        size: side C of the chip in pixels.
        groups: K groups of indices among the 68 iBUG landmarks; the mean of a group is one point.
        points: (K, 2), where those K points lie in the chip, in pixels.
        eye_distance: distance between the eye centers in the chip, in pixels.
    """

    size: int
    groups: tuple[tuple[int, ...], ...]
    points: tuple[tuple[float, float], ...]
    eye_distance: float

    def affines(self, landmarks: Tensor) -> Tensor:
        """Least-squares similarities (N, 2, 3) from frame to chip pixels for landmarks (N, 68, 2).

        In complex numbers a similarity is z -> a z + b, and a = sum(conj(z) w) / sum(|z|^2) over centered points: what
        Umeyama (TPAMI 1991) gives in the plane without mirroring.
        """
        places = landmarks.detach().cpu().double().numpy()
        source = np.stack([places[:, list(group)].mean(1) for group in self.groups], axis=1) @ [1, 1j]
        target = np.array(self.points) @ [1, 1j]
        centered = source - source.mean(1, keepdims=True)
        turn = (centered.conj() * (target - target.mean())).sum(1) / (np.abs(centered) ** 2).sum(1)
        shift = target.mean() - turn * source.mean(1)
        rows = np.stack([turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag], axis=1)
        return torch.as_tensor(rows.reshape(-1, 2, 3), dtype=landmarks.dtype, device=landmarks.device)

    def chips(self, frames: Tensor, landmarks: Tensor) -> Tensor:
        """Chips (N, 3, C, C) in [0, 1] from frames (N, 3, S, S) in [0, 1] and landmarks (N, 68, 2) in frame pixels.

        A frame much larger than the chip is first reduced with an anti-aliasing filter. The factor depends on the sizes
        alone, so that a face gets the same chip alone and in any batch.
        """
        size = frames.shape[-1]
        nominal = self.eye_distance / (_EYE_DISTANCE_IN_FRAME * size)
        if nominal < 1:
            reduced = round(size * nominal)
            frames = F.interpolate(frames, (reduced, reduced), mode="bilinear", antialias=True, align_corners=False)
            landmarks = (landmarks + 0.5) * (reduced / size) - 0.5
        matrices = self.affines(landmarks.double())
        linear = matrices[:, :, :2].inverse()
        back = torch.cat([linear, -linear @ matrices[:, :, 2:]], 2)
        return _read(frames, back.to(frames), self.size, "border")

    def to_frame(self, maps: Tensor, landmarks: Tensor, size: int) -> Tensor:
        """Maps (N, 1, C, C) on the chip carried back to frames (N, 1, size, size); zero where the chip does not
        reach."""
        return _read(maps, self.affines(landmarks).to(maps), size, "zeros")


# Eyes, tip of the nose and corners of the mouth in the 112 x 112 chip of ArcFace (Deng et al., CVPR 2019), with which
# most recognizers since were trained.
ARCFACE = Template(
    size=112,
    groups=(tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,)),
    points=((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)),
    eye_distance=35.24,
)


def _read(pictures: Tensor, places: Tensor, size: int, outside: Literal["border", "zeros"]) -> Tensor:
    """What pictures (N, C, H, W) have at the places to which the affines (N, 2, 3) send the pixels of a picture of that
    size: (N, C, size, size), bilinear, differentiable."""
    along = torch.arange(size, dtype=pictures.dtype, device=pictures.device)
    x_part, y_part, shift = places[..., None, None].unbind(2)
    wanted = (x_part * along + y_part * along[:, None] + shift).permute(0, 2, 3, 1)
    sides = along.new_tensor([pictures.shape[3], pictures.shape[2]])
    # Of all ways to say where: -1 and 1 are the picture's borders, a pixel's center half a pixel inside.
    return F.grid_sample(pictures, (2 * wanted + 1) / sides - 1, padding_mode=outside, align_corners=False)


def aligned(template: Alignment, way: Literal["template", "whole"]) -> Alignment:
    """The alignment that an option names: the recognizer's own template, or the whole frame at that size."""
    return template if way == "template" else WholeImage(template.size)
