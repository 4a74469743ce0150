"""Makeup transfer towards one reference (DiffAM, CVPR 2024, section 3.3), on a folder of photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from accelerate import PartialState
from torch import Tensor, nn

from privacy_faces.plugin import Ensemble
from privacy_faces_makeup.diffusion.adapter import About
from privacy_faces_makeup.diffusion.latents import cached_latents, latents_of
from privacy_faces_makeup.diffusion.transfer import made_up
from privacy_faces_makeup.face.style import read_style
from privacy_faces_makeup.finetune.adversarial import AdversarialObjective
from privacy_faces_makeup.finetune.memory import give_back_at_once
from privacy_faces_makeup.finetune.training import (
    Progress,
    context_of,
    make_trainable,
    portraits_of,
    rows_of,
    run,
    schedule_of,
)
from privacy_faces_makeup.loading import load_clip, load_denoiser
from privacy_faces_makeup.losses.perceptual import make_perceptual
from privacy_faces_makeup.objective import Objective
from privacy_faces_makeup.options import TransferFinetuneOptions
from privacy_faces_makeup.pull import pull_of


def finetune_transfer(options: TransferFinetuneOptions, progress: Progress = iter) -> Path:
    """Train the diffusion model to paint one reference's makeup; returns the path of what was trained.

    Raises:
        ValueError: (or a named subclass) for a folder without faces, a missing weight, a checkpoint of another run.
    """
    if options.activation_checkpointing:
        give_back_at_once()
    context = context_of(options)
    device = context.device
    denoiser, weights = load_denoiser(options.model, device, options.precision)
    style = read_style(options, context.finder, denoiser.size, device)
    targets = [context.target(options.target)]
    ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
    _, perceptual, _ = make_perceptual(options.perceptual, device)
    objective = Objective(options, style, ensemble, load_clip(options.clip, device)[0], perceptual)
    pull = pull_of(ensemble, options.goal, context, options.margin, options.margin)
    adversarial = AdversarialObjective(objective, pull, options.diversity)
    training, held_out = portraits_of(options, denoiser.size, progress)
    with PartialState().main_process_first():
        latents = cached_latents(
            denoiser, weights, training.unit().to(device), options, options.output / "latents", progress
        )
    subject = objective.subject(training.unit().to(device), training.landmarks.float().to(device), targets)
    shown = objective.subject(held_out.unit().to(device), held_out.landmarks.float().to(device), targets)
    shown_latents = latents_of(denoiser, shown.frames, *schedule_of(options))
    make_trainable(denoiser, options)

    def terms(prepared: nn.Module, rows: Tensor, generators: list[torch.Generator], done: int) -> dict[str, Tensor]:
        part, ours = subject[rows], rows_of(latents, rows)
        edited = made_up(prepared, ours, ours.noisy, part, options)
        late = done >= options.warmup_epochs
        weights = options.adversarial_weights if late else options.weights
        pulls = late and options.adversarial > 0
        found = adversarial.terms(edited, part, generators) if pulls else objective.terms(edited, part)
        return objective.weighted(found, weights)

    def picture() -> Tensor:
        return torch.cat([shown.frames, made_up(denoiser, shown_latents, shown_latents.noisy, shown, options)])

    epochs = options.warmup_epochs + options.adversarial_epochs
    about = About(options.model, style.name, options.rank, "", "", [], *schedule_of(options))
    if options.adversarial and options.adversarial_epochs:
        about = replace(about, goal=options.goal, target=options.target, surrogates=options.surrogates)
    return run(denoiser, terms, picture, len(training), epochs, options, about, progress)
