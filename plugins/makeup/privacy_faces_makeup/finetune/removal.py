"""Makeup removal (DiffAM, CVPR 2024, section 3.2), on a folder of photos of faces that wear it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import PartialState
from torch import Tensor, nn

from privacy_faces_makeup.diffusion.adapter import About
from privacy_faces_makeup.diffusion.latents import cached_latents, latents_of
from privacy_faces_makeup.diffusion.removal import bare
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
from privacy_faces_makeup.losses.direction import direction_loss
from privacy_faces_makeup.losses.identity import identity_loss
from privacy_faces_makeup.losses.perceptual import make_perceptual
from privacy_faces_makeup.objective import BARE, MADE_UP
from privacy_faces_makeup.options import RemovalFinetuneOptions


def finetune_removal(options: RemovalFinetuneOptions, progress: Progress = iter) -> Path:
    """Train the diffusion model to take makeup off faces that wear it; arguments as for `finetune_transfer`."""
    context = context_of(options)
    device = context.device
    denoiser, weights = load_denoiser(options.model, device, options.precision)
    recognizer = context.recognizer(options.surrogate)
    clip, _ = load_clip(options.clip, device)
    _, perceptual, _ = make_perceptual(options.perceptual, device)
    training, held_out = portraits_of(options, denoiser.size, progress)
    frames, landmarks = training.unit().to(device), training.landmarks.float().to(device)
    with PartialState().main_process_first():
        latents = cached_latents(denoiser, weights, frames, options, options.output / "latents", progress)
    with torch.no_grad():
        without, with_makeup = clip.embed_texts([BARE, MADE_UP])
        goal = (without - with_makeup)[None]
        person, looks = recognizer.embed(frames, landmarks), clip.embed_images(frames)
    shown = held_out.unit().to(device)
    shown_latents = latents_of(denoiser, shown, *schedule_of(options))
    make_trainable(denoiser, options)

    def terms(prepared: nn.Module, rows: Tensor, _: list[torch.Generator], __: int) -> dict[str, Tensor]:
        ours, before = rows_of(latents, rows), frames[rows]
        edited = bare(prepared, ours, before, options)
        computed: dict[str, Callable[[], Tensor]] = {
            "direction": lambda: direction_loss(clip.embed_images(edited), looks[rows], goal),
            "identity": lambda: identity_loss(recognizer.embed(edited, landmarks[rows]), person[rows]),
            "similarity": lambda: perceptual(edited, before),
            "l1": lambda: (edited - before).abs().mean((1, 2, 3)),
        }
        return {name: weight * term() for name, term in computed.items() if (weight := getattr(options, name))}

    about = About(options.model, "", options.rank, "", "", [options.surrogate], *schedule_of(options))
    return run(
        denoiser,
        terms,
        lambda: torch.cat([shown, bare(denoiser, shown_latents, shown, options)]),
        len(training),
        options.epochs,
        options,
        about,
        progress,
    )
