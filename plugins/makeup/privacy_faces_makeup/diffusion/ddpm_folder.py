"""Unconditional diffusion models as diffusers stores them: what `DDPMPipeline.save_pretrained` writes, or
google/ddpm-celebahq-256 has in the model hub."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DModel

from privacy_faces.plugin import Schedule, whole_network
from privacy_faces_makeup.diffusion.denoiser import PlainDenoiser, Prediction

_STEPS = 1000
_PREDICTIONS: tuple[Prediction, ...] = ("epsilon", "v_prediction")


class DdpmError(ValueError):
    """A folder that holds no diffusion model of this kind; the message names what was expected and what was found."""


def read_ddpm(name: str, folder: Path, device: torch.device) -> tuple[PlainDenoiser, list[Path]]:
    """The model in a folder, frozen, and the files that decide what it computes.

    The scheduler's configuration gives the betas and says what the network predicts. Its `clip_sample` is not obeyed: a
    photo that is inverted with clipping does not come back.

    Raises:
        DdpmError: for a folder without such a model, or with one that does not take RGB frames alone, at `_STEPS`
            steps.
        OSError, SafetensorError, WrongTensorsError: when its tensors are missing, damaged, or those of another network.
    """
    place, plan = _beside(folder, "unet", "config.json"), _beside(folder, "scheduler", "scheduler_config.json")
    if place is None or plan is None:
        raise DdpmError(
            f"Expected a diffusion model of diffusers at {folder}: unet/config.json and "
            "scheduler/scheduler_config.json, or both files in the folder itself. "
            "Write one with DDPMPipeline.save_pretrained."
        )
    config = json.loads(place.read_text(encoding="utf-8"))
    found = {
        "_class_name": config.get("_class_name") == "UNet2DModel",
        "in_channels": config.get("in_channels", 3) == 3,
        "out_channels": config.get("out_channels", 3) in (3, 6),  # six: with a learnt variance
        "sample_size": isinstance(config.get("sample_size"), int),
        "class_embed_type": config.get("class_embed_type") is None,
        "num_class_embeds": config.get("num_class_embeds") is None,
    }
    if wrong := [f"{key} {config.get(key)!r}" for key, fits in found.items() if not fits]:
        raise DdpmError(
            f"Expected an unconditional UNet2DModel of square RGB frames at {place}, found {', '.join(wrong)}."
        )
    scheduler = DDPMScheduler.from_config(json.loads(plan.read_text(encoding="utf-8")))
    prediction, steps = scheduler.config["prediction_type"], len(scheduler.alphas_cumprod)
    if prediction not in _PREDICTIONS or steps != _STEPS:
        raise DdpmError(
            f"Expected a schedule of {_STEPS} steps for a network that predicts {' or '.join(_PREDICTIONS)} at "
            f"{plan}, found {steps} steps and {prediction}."
        )
    unet = whole_network(UNet2DModel, place.parent).to(device).requires_grad_(False)
    # Names such as diffusion_pytorch_model.fp16.safetensors are of variants, which are not loaded.
    files = [*sorted(path for path in place.parent.glob("*.safetensors") if "." not in path.stem), plan]
    return PlainDenoiser(name, unet, Schedule(scheduler.alphas_cumprod), prediction), files


def _beside(folder: Path, inner: str, file: str) -> Path | None:
    """The file in the inner folder, or in the folder itself."""
    return next((path for path in (folder / inner / file, folder / file) if path.is_file()), None)
