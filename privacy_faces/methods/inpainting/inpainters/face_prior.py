"""Inpainting with the shipped linear face model: another face that fits the visible rest, moved away from the person.

The fill is the posterior of the hidden pixels given those around the hole (`models.face_prior`), at a point that
descends the recognizers' similarity to the person inside the posterior's ellipsoid. The model's few leading
coefficients, which tell pose, light and smile rather than who it is, are read from the person, so that the fill fits
what stays of the photo. Three bands of the photo are kept apart: its light and skin tone (the lowest frequencies) and
its pores, hair and lashes (the highest) stay the photo's own; what lies between, the shape of the features, is the
model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate, max_pool2d

from privacy_faces.methods.inpainting.inpainters.away import move_away
from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.options import FacePriorOptions
from privacy_faces.models.face_prior import FaceModel, load
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.blur import BlurInside, gaussian_blur
from privacy_faces.photos.luma import luma
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
        broad = BlurInside(holes, self.options.tone * size)
        tone = broad(frames)

        def change(u: Tensor) -> Tensor:
            face = self.model.frames(mean + (factor @ u[:, :, None])[:, :, 0])
            shift = face - broad(face) + tone - photo
            # Shape is light and shade. Color that the model shifts along with it shows as tinted lids and teeth, and
            # moves a recognizer little.
            shade = luma(shift)
            return soft * (shade + self.options.chroma * (shift - shade))

        with torch.no_grad():
            person = self.ensemble.embed(frames, landmarks)
        u = move_away(
            self.ensemble,
            person,
            landmarks,
            lambda u: frames + change(u),
            torch.zeros_like(mean),
            generators,
            steps=self.options.steps,
            longest=self.options.radius * mean.shape[1] ** 0.5,
            goal=self.options.goal,
        )
        return change(u)
