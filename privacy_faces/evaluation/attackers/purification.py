"""Diffusion purification (DiffPure, Nie et al., ICML 2022): noise drowns the protection, and a diffusion model takes
both away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.evaluation.attackers.contract import Treat
from privacy_faces.judge.views import View
from privacy_faces.models import face_diffusion, face_prior
from privacy_faces.models.face_diffusion import FaceDiffusion
from privacy_faces.models.face_prior import FaceModel
from privacy_faces.models.schedule import generate
from privacy_faces.weights.store import verified

# Noise of about ten gray levels, which covers what noise methods add; further up, the grain of the small model is worse
# than what it takes away.
PURIFY_FROM, _PURIFY_STEPS = 20, 2
_BATCH = 16


def purifier() -> Treat:
    """Diffusion purification with the shipped models.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    cpu = torch.device("cpu")
    model, prior = (
        face_diffusion.load(verified("face-diffusion-128")[0], cpu),
        face_prior.load(verified("face-prior")[0], cpu),
    )

    def purify(views: Sequence[View]) -> list[View]:
        found: list[View] = []
        for start in range(0, len(views), _BATCH):
            batch = views[start : start + _BATCH]
            frames = torch.from_numpy(np.stack([view.frame for view in batch])).permute(0, 3, 1, 2)
            cleaned = (
                purified(model, prior, frames, PURIFY_FROM, _PURIFY_STEPS).permute(0, 2, 3, 1).contiguous().numpy()
            )
            found += [View(frame, view.landmarks) for frame, view in zip(cleaned, batch, strict=True)]
        return found

    return purify


@torch.no_grad()
def purified(model: FaceDiffusion, prior: FaceModel, frames: Tensor, start: int, steps: int) -> Tensor:
    """Frames (N, 3, S, S) in [0, 1] at the model's resolution, noised to step `start` and brought back by DDIM in
    `steps` steps, then enlarged again.

    The model is told the linear face model's picture of the frame, which no fine noise survives. The noise is the same
    for every frame, so that a frame gets the same result in any batch.
    """
    small = interpolate(frames, (prior.size, prior.size), mode="bilinear", antialias=True, align_corners=False)
    guide = prior.frames(prior.coefficients(small)).clamp(0, 1) * 2 - 1
    noise = torch.randn(1, *small.shape[1:], generator=torch.Generator().manual_seed(0)).to(small)
    alpha, sigma = model.schedule.at(torch.full((len(small),), start, device=small.device))
    hole = torch.ones_like(small[:, :1])
    clean = generate(
        lambda x, t: model(x, t, guide, hole), model.schedule, alpha * (2 * small - 1) + sigma * noise, start, steps
    )
    return interpolate(((clean + 1) / 2).clamp(0, 1), frames.shape[-2:], mode="bicubic", align_corners=False).clamp(
        0, 1
    )
