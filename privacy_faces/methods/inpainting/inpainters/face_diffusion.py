"""Inpainting with the two shipped models: the linear face model proposes another face, a small diffusion model paints
its skin, eyes and hair.

The diffusion starts from the noised proposal, so that it never has to invent a face from noise alone. Unlike
`face-prior`, it keeps nothing of the photo inside the hole that 128 x 128 pixels can show, but its light and tone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.face_prior import FacePrior, Proposal
from privacy_faces.methods.inpainting.inpainters.options import FaceDiffusionOptions, FacePriorOptions
from privacy_faces.models.face_diffusion import FaceDiffusion, load, refine
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.weights.store import records, verified

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context


class FaceDiffusionInpainter(Inpainter):
    """The inpainter `face-diffusion`."""

    paste = "difference"
    options: FaceDiffusionOptions

    def __init__(self, options: FaceDiffusionOptions, context: Context) -> None:
        super().__init__(options, context)
        proposal = FacePriorOptions(**{name: getattr(options, name) for name in FacePriorOptions.model_fields})
        self.prior = FacePrior(proposal, context)
        self.surrogates = self.prior.surrogates
        (path,) = verified("face-diffusion-128")
        self.model: FaceDiffusion = load(path, context.device)
        self.weight_records = [*self.prior.weight_records, *records("face-diffusion-128")]

    @torch.no_grad()
    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Frames whose masked pixels are another face; what is finer than the model's pixels stays the photo's."""
        with torch.enable_grad():  # the proposal descends a similarity
            proposal = self.prior.propose(batch, masks)
        frames, holes = proposal.frames, proposal.holes
        coarse = (gaussian_blur(frames, self.options.detail * frames.shape[-1]) + proposal.change).clamp(0, 1)
        guide = torch.where(holes > 0, coarse, frames)
        count = self.options.candidates
        noise = torch.stack(
            [torch.randn(count, *guide.shape[1:], generator=generator) for generator in batch.generators()], 1
        ).to(guide)
        repeated = (count, 1, 1, 1)
        fills = refine(
            self.model,
            guide.repeat(repeated),
            holes.repeat(repeated),
            noise.flatten(0, 1),
            self.options.start,
            self.options.denoising_steps,
        )
        best = self._least_similar(proposal, fills.view(noise.shape))
        return batch.frames + interpolate(best - frames, batch.frames.shape[-2:], mode="bicubic", align_corners=False)

    def _least_similar(self, proposal: Proposal, fills: Tensor) -> Tensor:
        """Of fills (C, N, 3, s, s) the one of each face that its closest surrogate finds least similar to the person:
        (N, 3, s, s)."""
        ensemble = self.prior.ensemble
        count = len(fills)
        person = ensemble.embed(proposal.frames, proposal.landmarks)
        drawn = ensemble.embed(fills.flatten(0, 1), proposal.landmarks.repeat(count, 1, 1))
        scores = ensemble.similarity(drawn, {name: embedding.repeat(count, 1) for name, embedding in person.items()})
        best = torch.stack(list(scores.values())).amax(0).view(count, -1).argmin(0)
        return fills[best, torch.arange(fills.shape[1], device=best.device)]
