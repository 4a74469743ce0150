"""Makeup transfer onto single photos: the photo's own latents descend the objective, all faces of a batch at once.

DiffAM fine-tunes the network; that needs hundreds of photos, or an adapter that somebody made with them. Moving the
latent x_{t_0} instead needs the photo alone, and each face has its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from privacy_faces_makeup.diffusion.denoiser import Denoiser
from privacy_faces_makeup.diffusion.latents import Latents
from privacy_faces_makeup.objective import Objective, Subject
from privacy_faces_makeup.options import DiffusionOptions, MakeupOptions


def change_of(denoiser: torch.nn.Module, latents: Latents, noisy: Tensor, options: DiffusionOptions) -> Tensor:
    """What the denoiser (fine-tuned, or given other latents) generates beyond `latents.plain`, (N, 3, S, S);
    differentiable."""
    generated = denoiser(
        noisy,
        latents.condition,
        options.t_0,
        options.generation_steps,
        activation_checkpointing=options.activation_checkpointing,
    )
    change: Tensor = generated - latents.plain
    return change


def made_up(
    denoiser: torch.nn.Module, latents: Latents, noisy: Tensor, subject: Subject, options: DiffusionOptions
) -> Tensor:
    """The faces (N, 3, S, S) in [0, 1], wearing that change; differentiable."""
    change = change_of(denoiser, latents, noisy, options)
    return subject.canvas.wear(subject.frames, change).clamp(0, 1)


def transfer(
    denoiser: Denoiser,
    objective: Objective,
    options: MakeupOptions,
    subject: Subject,
    latents: Latents,
    start: Tensor,
) -> Tensor:
    """What makes up the faces: a change (N, 3, S, S) of their frames, of which a canvas shows as much as makeup can.

    Args:
        denoiser: with original or fine-tuned weights.
        objective: what to minimize.
        options: how many steps are taken, and how long ones.
        subject: the faces.
        latents: of the original weights.
        start: (N, 3, S, S), the latents from which the steps set out.
    """
    noisy = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([noisy], lr=options.learning_rate)
    for _ in range(options.steps):
        edited = made_up(denoiser, latents, noisy, subject, options)
        terms = objective.weighted(objective.terms(edited, subject), options.weights)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        return change_of(denoiser, latents, noisy, options)
