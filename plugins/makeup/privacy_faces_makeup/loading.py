"""The networks that the options name, read from verified weights, or from a folder or the model hub's cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from privacy_faces.plugin import (
    CorruptWeightError,
    Place,
    WrongTensorsError,
    load_face_diffusion,
    load_face_prior,
    manifest,
    place_of,
    read_state_dict,
    records,
    verified,
    weights_command,
)
from privacy_faces_makeup.clip.folder import read_clip
from privacy_faces_makeup.clip.image_text import ImageText
from privacy_faces_makeup.clip.image_text import load as load_makeup_clip
from privacy_faces_makeup.clip.vit_b_16 import vit_b_16, vit_b_16_tokenizer
from privacy_faces_makeup.diffusion.ddpm_folder import read_ddpm
from privacy_faces_makeup.diffusion.ddpm_layouts import load_ddpm
from privacy_faces_makeup.diffusion.denoiser import Denoiser, GuidedDenoiser, PlainDenoiser, Precision
from privacy_faces_makeup.options import GUIDED

#: [{"id", "sha256"}, ...] of loaded weights.
Records = list[dict[str, str]]


def load_denoiser(name: str, device: torch.device, precision: Precision = "no") -> tuple[Denoiser, Records]:
    """The diffusion model of that name, frozen, and the records of its weights.

    Args:
        name: an id of the manifest, a folder, or a repository in the hub's cache.
        device: where it runs.
        precision: what it computes in.

    Raises:
        MissingWeightError, CorruptWeightError.
        DdpmError: for a folder or repository with another kind of model.
    """
    denoiser, used = _load_denoiser(name, device)
    denoiser.compute_in(precision)
    return denoiser, used


def _load_denoiser(name: str, device: torch.device) -> tuple[Denoiser, Records]:
    if name == GUIDED:
        (model,), (prior,) = verified(name), verified("face-prior")
        return GuidedDenoiser(name, load_face_diffusion(model, device), load_face_prior(prior, device)), [
            *records(name),
            *records("face-prior"),
        ]
    if name in manifest():
        (path,) = verified(name)
        return PlainDenoiser(name, load_ddpm(read_state_dict(path)).to(device)), records(name)
    place = place_of(name)
    with _damage(name, place):
        denoiser, files = read_ddpm(name, place.folder, device)
    return denoiser, place.records(files)


def load_clip(name: str, device: torch.device) -> tuple[ImageText, Records]:
    """The image and text model of that name, frozen, and the records of its weights; names are as for `load_denoiser`.

    Raises:
        MissingWeightError, CorruptWeightError.
        ClipError: for a folder or repository with another kind of model.
    """
    if name == "makeup-clip":
        return load_makeup_clip(verified(name)[0], device), records(name)
    if name in manifest():
        return image_text(vit_b_16, vit_b_16_tokenizer(), name, device), records(name)
    place = place_of(name)
    with _damage(name, place):
        model, path = read_clip(place.folder)
    return model.to(device), place.records([path])


@contextmanager
def _damage(name: str, place: Place) -> Iterator[None]:
    """Say of a model that cannot be read which one it is, and how to get it again."""
    try:
        yield
    except (OSError, SafetensorError, WrongTensorsError, json.JSONDecodeError) as error:
        again = weights_command(name) if place.commit else "save_pretrained, in Python"
        raise CorruptWeightError(
            f"The model {name!r} at {place.folder} is incomplete or damaged; every network needs its .safetensors "
            f"file. Get it again: {again}  ({error})"
        ) from error


def image_text(
    build: Callable[[], torch.nn.Module],
    tokenizer: Callable[[list[str]], torch.Tensor],
    name: str,
    device: torch.device,
) -> ImageText:
    """An open_clip model with the cached weights `name`."""
    network = build()
    network.load_state_dict(read_state_dict(verified(name)[0]))
    return ImageText(network, tokenizer).to(device).eval().requires_grad_(False)
