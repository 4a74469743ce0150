"""Makeup removal: what a fine-tuned diffusion model takes off a face (DiffAM, CVPR 2024, section 3.2)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from privacy_faces_makeup.diffusion import adapter
from privacy_faces_makeup.diffusion.latents import Latents, latents_of
from privacy_faces_makeup.loading import load_denoiser
from privacy_faces_makeup.options import DiffusionOptions


def bare(denoiser: nn.Module, latents: Latents, frames: Tensor, options: DiffusionOptions) -> Tensor:
    """Frames (N, 3, S, S) in [0, 1] with what the fine-tuned denoiser changes of what the original one generates;
    differentiable."""
    generated: Tensor = denoiser(
        latents.noisy,
        latents.condition,
        options.t_0,
        options.generation_steps,
        activation_checkpointing=options.activation_checkpointing,
    )
    return (frames + generated - latents.plain).clamp(0, 1)


@torch.no_grad()
def clean_twin(frames: Tensor, path: Path) -> Tensor:
    """Faces (N, 3, S, S) in [0, 1] without their makeup, by weights that `privacy-faces finetune makeup-removal` made.

    Args:
        frames: S is the size of the model that was fine-tuned.
        path: the adapter, or the whole weights.

    Raises:
        AdapterError: when the file is no such thing.
    """
    about = adapter.read_about(path)
    if about.reference:
        raise adapter.AdapterError(
            f"Expected weights made by `privacy-faces finetune makeup-removal` at {path}, found some that paint "
            f"{about.reference}."
        )
    options = DiffusionOptions.validated(
        {
            "model": about.model,
            "t_0": about.t_0,
            "inversion_steps": about.inversion_steps,
            "generation_steps": about.generation_steps,
        },
        f"the adapter {path}",
    )
    original, _ = load_denoiser(options.model, frames.device)
    remover, _ = load_denoiser(options.model, frames.device)
    adapter.load(remover.unet, path)
    return bare(
        remover,
        latents_of(original, frames, options.t_0, options.inversion_steps, options.generation_steps),
        frames,
        options,
    )
