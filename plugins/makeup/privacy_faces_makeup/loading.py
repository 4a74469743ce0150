"""The networks that the options name, read from verified weights."""

from __future__ import annotations

from collections.abc import Callable

import torch

from privacy_faces.models import clip, face_diffusion, face_prior, makeup_clip
from privacy_faces.models.makeup_clip import ImageText
from privacy_faces.weights.store import read_state_dict, verified
from privacy_faces_makeup.denoiser import Denoiser, GuidedDenoiser, PlainDenoiser


def load_denoiser(name: str, device: torch.device) -> tuple[Denoiser, tuple[str, ...]]:
    """The diffusion model of that name, frozen, and the ids of the weights in it.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    if name == "face-diffusion-128":
        (model,), (prior,) = verified(name), verified("face-prior")
        return GuidedDenoiser(name, face_diffusion.load(model, device), face_prior.load(prior, device)), (name, "face-prior")
    from privacy_faces.models.ddpm_layouts import load_ddpm

    (path,) = verified(name)
    return PlainDenoiser(name, load_ddpm(read_state_dict(path)).to(device)), (name,)


def load_clip(name: str, device: torch.device) -> ImageText:
    """The image and text model of that name, frozen.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    if name == "makeup-clip":
        return makeup_clip.load(verified(name)[0], device)
    return image_text(clip.vit_b_16, clip.vit_b_16_tokenizer(), name, device)


def image_text(build: Callable[[], torch.nn.Module], tokenizer: Callable[[list[str]], torch.Tensor], name: str, device: torch.device) -> ImageText:
    """An open_clip model with the cached weights `name`."""
    network = build()
    network.load_state_dict(read_state_dict(verified(name)[0]))
    return ImageText(network, tokenizer).to(device).eval().requires_grad_(False)
