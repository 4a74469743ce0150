"""Makeup transfer onto single photos: the photo's own latents descend the objective, all faces of a batch at once.

DiffAM fine-tunes the network; that needs hundreds of photos, or an adapter that somebody made with them. Moving the
latent x_{t_0} instead needs the photo alone, and each face has its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privacy_faces_makeup.diffusion.denoiser import Denoiser
from privacy_faces_makeup.diffusion.latents import Latents
from privacy_faces_makeup.objective import Objective, Subject
from privacy_faces_makeup.options import DiffusionOptions, MakeupOptions


def made_up(
    denoiser: torch.nn.Module, latents: Latents, noisy: Tensor, subject: Subject, options: DiffusionOptions
) -> Tensor:
    """The faces (N, 3, S, S) in [0, 1], wearing what the denoiser (fine-tuned, or given other latents) generates beyond
    `latents.plain`; differentiable."""
    generated = denoiser(
        noisy,
        latents.condition,
        options.t_0,
        options.generation_steps,
        activation_checkpointing=options.activation_checkpointing,
    )
    # In full precision even where the network runs in bfloat16, whose steps near white are coarser than a photo's.
    with torch.autocast(generated.device.type, enabled=False):
        return subject.canvas.wear(subject.frames, generated.float() - latents.plain).clamp(0, 1)


def transfer(
    denoiser: Denoiser,
    objective: Objective,
    options: MakeupOptions,
    subject: Subject,
    latents: Latents,
    start: Tensor,
    generators: Sequence[torch.Generator],
) -> tuple[Tensor, list[int]]:
    """Make up the faces.

    Args:
        denoiser: with original or fine-tuned weights.
        objective: what to minimize.
        options: how many steps are taken, and how long ones.
        subject: the faces.
        latents: of the original weights.
        start: (N, 3, S, S), the latents from which the steps set out.
        generators: one per face.

    Returns:
        Frames (N, 3, S, S) in [0, 1], and the steps that each took. Where the adversarial goal is not reached after the
        given steps, as many again are allowed.
    """
    noisy = start.clone().requires_grad_()
    taken = [0] * len(noisy)

    def wearing() -> Tensor:
        return made_up(denoiser, latents, noisy, subject, options)

    optimizer = torch.optim.Adam([noisy], lr=options.learning_rate)
    for step in range(2 * options.steps):
        edited = wearing()
        if step >= options.steps:
            going = objective.open(edited.detach(), subject)
            if not going.any():
                break
        else:
            going = torch.ones(len(noisy), dtype=torch.bool, device=noisy.device)
        terms = objective.weighted(objective.terms(edited, subject, generators), options.weights)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        before = noisy.detach().clone()
        optimizer.step()
        with torch.no_grad():
            noisy.copy_(torch.where(going[:, None, None, None], noisy, before))
        taken = [count + int(moved) for count, moved in zip(taken, going.tolist(), strict=True)]
    with torch.no_grad():
        return wearing(), taken
