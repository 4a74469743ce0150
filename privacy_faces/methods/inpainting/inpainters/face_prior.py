"""Inpainting with the shipped linear face model: another face that fits the visible rest, moved away from the person.

The fill is the posterior of the hidden pixels given those around the hole (`models.face_prior`), at a point that
descends the recognizers' similarity to the person inside the posterior's ellipsoid. The model's few leading
coefficients, which tell pose, light and smile rather than who it is, are read from the person, so that the fill fits
what stays of the photo. Three bands of the photo are kept apart: its light and skin tone (the lowest frequencies) and
its pores, hair and lashes (the highest) stay the photo's own; what lies between, the shape of the features, is the
model's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate, max_pool2d, normalize

from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.options import FacePriorOptions
from privacy_faces.models.face_prior import FaceModel, load
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.weights.store import records, verified

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context

# Visible pixels farther from the hole than this share of the frame (background, clothes) say little about the face.
_RING = 0.08
# Width over which the fill fades in at the hole's edge, as a share of the frame.
_EDGE = 0.016
# Deviation within which the leading coefficients, those of pose, light, hair and smile, stay the person's own.
_DOUBT = 0.5
# ITU-R BT.601.
_LUMA = (0.299, 0.587, 0.114)
# One step's length as a share of the largest allowed |u|, and how much of the last step's direction the next one keeps.
_STEP = 0.06
_MOMENTUM = 0.8
# Similarity above the goal at which a step has its full length.
_SOFT_HINGE = 0.05
# Each step sees the face shifted by about this share of the frame, and every second step at a lower resolution, so that
# the change carries over to recognizers that align and sample differently.
_SHIFT = 0.012
_LOWEST_RESOLUTION = 0.5


@dataclass(frozen=True)
class Proposal:
    """Another face, at the model's own size s.

    Attributes:
        frames: (N, 3, s, s) in [0, 1], as they are.
        holes: (N, 1, s, s), ones in the hole and zeros elsewhere.
        landmarks: (N, 68, 2) in pixels of these frames.
        change: (N, 3, s, s), what to add to the frames; zero outside the holes.
    """

    frames: Tensor
    holes: Tensor
    landmarks: Tensor
    change: Tensor


class FacePrior(Inpainter):
    """The inpainter `face-prior`."""

    paste = "difference"
    options: FacePriorOptions

    def __init__(self, options: FacePriorOptions, context: Context) -> None:
        super().__init__(options, context)
        self.surrogates = tuple(options.surrogates)
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
        (path,) = verified("face-prior")
        self.model: FaceModel = load(path, context.device)
        self.weight_records = records("face-prior")

    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Frames whose masked middle frequencies are those of another face."""
        proposal = self.propose(batch, masks)
        return batch.frames + interpolate(proposal.change, batch.frames.shape[-2:], mode="bicubic", align_corners=False)

    def propose(self, batch: FrameBatch, masks: Tensor) -> Proposal:
        """Another face, at the model's size."""
        size = self.model.size
        frames = interpolate(batch.frames, (size, size), mode="bilinear", antialias=True)
        holes = adaptive_max_pool2d(masks.to(frames.dtype), size)
        landmarks = (batch.landmarks + 0.5) * (size / batch.frames.shape[-1]) - 0.5
        # A moved mouth over the photo's own teeth shows at once.
        mouth = max_pool2d(
            adaptive_max_pool2d(batch.regions["mouth"].to(frames.dtype), size),
            2 * round(_EDGE * size) + 1,
            1,
            round(_EDGE * size),
        )
        strength = 1 - (1 - self.options.mouth) * gaussian_blur(mouth, _EDGE * size)
        return Proposal(frames, holes, landmarks, self._change(frames, holes, strength, landmarks, batch.generators()))

    def _change(
        self, frames: Tensor, holes: Tensor, strength: Tensor, landmarks: Tensor, generators: list[torch.Generator]
    ) -> Tensor:
        """What to add to frames (N, 3, S, S) of the model's size, inside holes (N, 1, S, S) of zeros and ones, scaled
        by `strength` (N, 1, S, S)."""
        size = self.model.size
        ring = max_pool2d(holes, 2 * round(_RING * size) + 1, 1, round(_RING * size)) - holes
        hints = self.model.coefficients(frames)[:, : self.options.fixed_components]
        posteriors = [
            self.model.posterior(frame, seen[0] > 0, self.options.temperature, hint, _DOUBT)
            for frame, seen, hint in zip(frames, ring, hints, strict=True)
        ]
        mean, factor = (torch.stack(parts) for parts in zip(*posteriors, strict=True))
        soft = (2 * gaussian_blur(holes, _EDGE * size) - 1).clamp(0, 1) * holes * strength
        photo = gaussian_blur(frames, self.options.detail * size)
        tone = _blur_inside(frames, holes, self.options.tone * size)
        luma = frames.new_tensor(_LUMA).view(1, 3, 1, 1)

        def change(u: Tensor) -> Tensor:
            face = self.model.frames(mean + (factor @ u[:, :, None])[:, :, 0])
            shift = face - _blur_inside(face, holes, self.options.tone * size) + tone - photo
            # Shape is light and shade. Color that the model shifts along with it shows as tinted lids and teeth, and
            # moves a recognizer little.
            shade = (shift * luma).sum(1, keepdim=True)
            return soft * (shade + self.options.chroma * (shift - shade))

        u = self._away(frames, landmarks, change, torch.zeros_like(mean), generators)
        return change(u)

    def _away(
        self,
        frames: Tensor,
        landmarks: Tensor,
        change: Callable[[Tensor], Tensor],
        u: Tensor,
        generators: list[torch.Generator],
    ) -> Tensor:
        """Coefficients u (N, K), |u| at most radius * sqrt(K), that descend the surrogates' similarity to the person.

        Each face's gradient is normalized to unit length and accumulated with momentum, the L2 form of MI-FGSM (Dong et
        al., CVPR 2018). Unlike the signs or second moments of single coefficients, a direction does not magnify
        rounding, so that a face comes out alike alone and in any batch.
        """
        size = frames.shape[-1]
        longest = self.options.radius * u.shape[1] ** 0.5
        shifts = (
            torch.stack([torch.randn(self.options.steps, 2, generator=generator) for generator in generators]).to(
                frames
            )
            * _SHIFT
            * size
        )
        shares = torch.stack([torch.rand(self.options.steps, generator=generator) for generator in generators])
        with torch.no_grad():
            person = self.ensemble.embed(frames, landmarks)
        velocity = torch.zeros_like(u)
        for step in range(self.options.steps):
            u.requires_grad_()
            seen = frames + change(u)
            if step % 2:
                seen = torch.cat(
                    [_reduced(face[None], float(share)) for face, share in zip(seen, shares[:, step], strict=True)]
                )
            similarity = self.ensemble.similarity(self.ensemble.embed(seen, landmarks + shifts[:, step, None]), person)
            # A hinge, as in margin losses: a face that is far enough from the person is not distorted further. It
            # closes gradually, so that no step hangs on the last digit of a similarity.
            excess = (torch.stack(list(similarity.values())) - self.options.goal).relu()
            (gradient,) = torch.autograd.grad(excess.sum(), u)
            velocity = (
                _MOMENTUM * velocity
                + normalize(gradient, dim=1) * (excess.detach().amax(0) / _SOFT_HINGE).clamp(max=1)[:, None]
            )
            u = u.detach() - _STEP * longest * velocity
            u = u * (longest / torch.linalg.vector_norm(u, dim=1, keepdim=True).clamp(min=1e-9)).clamp(max=1)
        return u


def _blur_inside(images: Tensor, holes: Tensor, sigma: float) -> Tensor:
    """Gaussian blur that averages only over the hole (normalized convolution), so that no background bleeds into the
    skin."""
    return gaussian_blur(images * holes, sigma) / gaussian_blur(holes, sigma).clamp(min=1e-3)


def _reduced(face: Tensor, share: float) -> Tensor:
    """A face (1, 3, S, S) sampled down to between half and its whole resolution, and up again."""
    size = face.shape[-1]
    smaller = round(size * (_LOWEST_RESOLUTION + (1 - _LOWEST_RESOLUTION) * share))
    return interpolate(
        interpolate(face, (smaller, smaller), mode="bilinear", antialias=True), (size, size), mode="bilinear"
    )
