"""Who a face seems to be, moved a little: warp, then shade.

A smooth warp moves features, both sides of the face alike; light and shade in the span of the linear face model change
how they are built, with a little finer light that the model is too smooth for; the photo's own fine detail goes along
with the warp. They descend what the recognizers see, by momentum on gradients of unit length (MI-FGSM in L2, Dong et
al., CVPR 2018), within a mean square difference. Changes of that shape still look like a face, and carry over to
recognizers that nobody asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.plugin import FaceModel, Strength, gaussian_blur, luma, warp
from privacy_faces_makeup.losses.diversity import diverse, with_dropout

#: Side of the frames in which a shift is sought: that of the judge's.
SEEN = 256
#: Views of each face that one step takes the gradient over.
VIEWS = 2

# Cells of the warp along the frame's side; the width over which a cell bends its neighbors, in cells; and cells of what
# is handed on.
_CELLS, _BEND, _FLOW = 24, 1.2, 64
# The face model's leading components, which are pose and light.
_POSE = 10
# Cells of fine light along the frame's side, how wide each is, and the largest: what the face model is too smooth for.
_FINE_CELLS, _FINE_WIDTH, _FINE_DEEPEST = 64, 0.8, 0.07
# The largest shade, and how much of its color stays beside its light.
_DEEPEST, _CHROMA = 0.2, 0.5
# Width over which the shade fades in at the face's edge, and the warp, as shares of the frame's side.
_EDGE, _HOLD = 0.02, 0.05
# The first step: of the shade and of the fine light, as shares of the largest allowed; of the warp, in shares of the
# frame's side.
_SHADE_STEP, _FINE_STEP, _WARP_STEP = 0.9, 0.55, 0.03
_MOMENTUM, _LAST_STEP = 0.8, 0.1
# Loss above which a step has its full length.
_SOFT_HINGE = 0.05
# Of the views, see `losses.diversity`.
_DIVERSITY = 1.0


@dataclass(frozen=True)
class Reach:
    """What a strength stands for.

    Attributes:
        psnr: below which the shift alone must not take a face, in dB.
        beyond: how far below the judge's threshold the similarity to the person, by every surrogate, is far enough.
    """

    psnr: float
    beyond: float


STRENGTHS: dict[Strength, Reach] = {
    "natural": Reach(30.5, 0.14),
    "balanced": Reach(28.5, 0.2),
    "strong": Reach(26.5, 0.3),
}


@dataclass(frozen=True)
class Shift:
    """How N faces change.

    Attributes:
        shade: (N, 3, M, M), added light and color.
        fine: (N, 1, F, F), added light.
        flow: (N, 2, G, G), how far to look from each place of the changed face, in shares of the side.
    """

    shade: Tensor
    fine: Tensor
    flow: Tensor

    def wear(self, frames: Tensor, face: Tensor, paint: Tensor) -> Tensor:
        """The changed frames (N, 3, S, S) in [0, 1]; differentiable in the shift. What lies outside of the face stays.

        Args:
            frames: (N, 3, S, S) in [0, 1].
            face: (N, 1, S, S), ones on the face.
            paint: (N, 1, S, S) in [0, 1], where color lies that the shade must not change.
        """
        size = frames.shape[-1]
        small = interpolate(face, (_FLOW, _FLOW), mode="bilinear", antialias=True)
        moved = warp(frames, self.flow * _inside(small, _HOLD * _FLOW))
        shade = interpolate(self.shade, (size, size), mode="bicubic", align_corners=False)
        light = luma(shade)
        shade = light + _CHROMA * (1 - paint) * (shade - light)
        fine = interpolate(self.fine, (size, size), mode="bicubic", align_corners=False)
        shade = _DEEPEST * torch.tanh(shade / _DEEPEST) + _FINE_DEEPEST * torch.tanh(fine / _FINE_DEEPEST)
        return torch.where(face > 0, (moved + _inside(face, _EDGE * size) * shade).clamp(0, 1), frames)


class Shifting:
    """Seeks shifts.

    Args:
        model: the linear face model.
        network: the recognizers, some of whose channels each view switches off.
        psnr: of the shift alone, at least.
        steps: how many.
    """

    def __init__(
        self,
        model: FaceModel,
        network: torch.nn.Module,
        psnr: float,
        steps: int,
    ) -> None:
        axes = model.components[:, _POSE:]
        self.axes = axes / torch.linalg.vector_norm(axes, dim=0)
        self.size, self.network, self.steps = model.size, network, steps
        self.mean_square = 10 ** (-psnr / 10)
        # A shade of which every pixel differs that much has this length.
        deviation = self.mean_square**0.5
        self.lengths = (
            _SHADE_STEP * deviation * 3**0.5 * model.size,
            _FINE_STEP * deviation * _FINE_CELLS,
            _WARP_STEP,
        )

    def __call__(
        self,
        frames: Tensor,
        landmarks: Tensor,
        face: Tensor,
        paint: Tensor,
        pull: Callable[[Tensor, Tensor, Tensor], Tensor],
        generators: Sequence[torch.Generator],
    ) -> Shift:
        """The shift of each face.

        Args:
            frames: (N, 3, S, S) in [0, 1].
            landmarks: (N, 68, 2) in their pixels.
            face, paint: (N, 1, S, S), see `Shift.wear`.
            pull: views (M, 3, S, S) with landmarks (M, 68, 2), and the rows (M,) of the faces that they show -> what
                descends, (M,); 0 where a face is far enough.
            generators: one per face.
        """
        count = len(frames)
        rows = torch.arange(count, device=frames.device).repeat(VIEWS)
        seeds = [generators[row] for row in rows.tolist()]
        parts = [
            frames.new_zeros(count, self.axes.shape[1]),
            frames.new_zeros(count, 1, _FINE_CELLS, _FINE_CELLS),
            frames.new_zeros(count, 2, _CELLS, _CELLS),
        ]
        speeds = [torch.zeros_like(part) for part in parts]
        for number in range(self.steps):
            leaves = [part.requires_grad_() for part in parts]
            worn = self._shift(*leaves).wear(frames, face, paint)
            seen, places = diverse(worn[rows], landmarks[rows], _DIVERSITY, seeds)
            with with_dropout(self.network, _DIVERSITY, seeds):
                loss = pull(seen, places, rows)
            gradients = torch.autograd.grad(loss.sum(), leaves)
            urge = (loss.detach().view(VIEWS, count).mean(0) / _SOFT_HINGE).clamp(max=1)
            pace = 1 - (1 - _LAST_STEP) * number / self.steps
            speeds = [
                _MOMENTUM * speed + _each(urge / gradient.flatten(1).norm(dim=1).clamp(min=1e-12), gradient) * gradient
                for speed, gradient in zip(speeds, gradients, strict=True)
            ]
            parts = [
                part.detach() - pace * length * speed
                for part, length, speed in zip(parts, self.lengths, speeds, strict=True)
            ]
            parts = self._within(parts, frames, face, paint)
        return self._shift(*parts)

    @torch.no_grad()
    def _within(self, parts: list[Tensor], frames: Tensor, face: Tensor, paint: Tensor) -> list[Tensor]:
        """The parts, shortened until the frames differ by hardly more than is allowed."""
        for _ in range(2):  # the difference does not grow quite as the parts do
            difference = (self._shift(*parts).wear(frames, face, paint) - frames).square().mean((1, 2, 3))
            share = (self.mean_square / difference.clamp(min=1e-12)).sqrt().clamp(max=1)
            parts = [_each(share, part) * part for part in parts]
        return parts

    def _shift(self, coefficients: Tensor, fine: Tensor, cells: Tensor) -> Shift:
        shade = (coefficients @ self.axes.T).view(-1, 3, self.size, self.size)
        # Both sides move alike: left and right are mirrored.
        sideways, upright = cells[:, :1], cells[:, 1:]
        alike = torch.cat([sideways - sideways.flip(3), upright + upright.flip(3)], 1) / 2
        smooth = gaussian_blur(alike, _BEND, border="replicate")
        light = gaussian_blur(fine, _FINE_WIDTH)
        return Shift(shade, light, interpolate(smooth, (_FLOW, _FLOW), mode="bicubic", align_corners=False))


def _each(values: Tensor, like: Tensor) -> Tensor:
    """One value (N,) for each face, to be multiplied with a tensor (N, ...)."""
    return values.view(-1, *[1] * (like.dim() - 1))


def _inside(mask: Tensor, width: float) -> Tensor:
    """Masks (N, 1, S, S) that rise from 0 at their edge to 1 over about `width` pixels inside."""
    return (2 * gaussian_blur(mask, width) - 1).clamp(0, 1) * mask
