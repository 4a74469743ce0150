"""Train `face-diffusion-128`: what to put over the linear model's coarse reconstruction to get the portrait back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from privacy_faces.models.face_diffusion import Architecture, FaceDiffusion, loss, refine
from privacy_faces.models.face_prior import FaceModel
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.training.holes import random_hole
from privacy_faces.training.portraits import Portraits
from privacy_faces.training.trainer import Recipe, Turn, train

# Augmentation: shift in pixels, and gain of each color channel.
_SHIFT = 4
_GAIN = 0.06
# The coarse side is drawn between this many components and all of them: a fill far from its hole's rim is that much
# smoother.
_FEWEST = 60
# t = 1000 u^_POWER with u uniform: two thirds below 300, where the detail that the guide lacks is decided.
_POWER = 3
# Distinct holes of a batch on an accelerator.
_HOLES = 32
# Steps of the samples to look at, and where they start.
_SAMPLE_FROM, _SAMPLE_STEPS = 300, 4


@dataclass(frozen=True)
class Example:
    """A batch: `clean` and `guide` (N, 3, S, S) in [-1, 1], `mask` (N, 1, S, S) of zeros and ones."""

    clean: Tensor
    guide: Tensor
    mask: Tensor


def draw(
    portraits: Portraits, prior: FaceModel, count: int, generator: torch.Generator, device: torch.device
) -> Example:
    """`count` random portraits, each mirrored, shifted and tinted at random, with a random hole and the coarse
    reconstruction in it. Where the device is no CPU, faces share `_HOLES` holes: to draw one takes longer there than
    to learn from it."""
    rows = torch.randint(len(portraits), (count,), generator=generator)
    several = rows if device.type == "cpu" else rows[:_HOLES]
    holes = torch.stack([random_hole(portraits.regions(int(row)), generator) for row in several]).to(device)
    frames = portraits.unit(rows.to(portraits.frames.device)).to(device)
    flip = torch.rand(count, 1, 1, 1, generator=generator).to(device) < 0.5
    shift = torch.randint(-_SHIFT, _SHIFT + 1, (2, count), generator=generator).to(device)
    holes = holes[torch.arange(count, device=device) % len(holes)]
    frames, holes = (_moved(torch.where(flip, images.flip(3), images), *shift) for images in (frames, holes))
    gain = 1 + _GAIN * (2 * torch.rand(count, 3, 1, 1, generator=generator).to(device) - 1)
    frames = (frames * gain).clamp(0, 1)
    total = prior.components.shape[1]
    used = torch.randint(min(_FEWEST, total), total + 1, (count, 1), generator=generator).to(device)
    coefficients = prior.coefficients(frames) * (torch.arange(total, device=device) < used)
    coarse = prior.frames(coefficients).clamp(0, 1)
    return Example(frames * 2 - 1, torch.where(holes, coarse, frames) * 2 - 1, holes.float())


def measure_spread(portraits: Portraits, prior: FaceModel) -> Tensor:
    """The deviation (1, 1, S, S) of each pixel of frames in [-1, 1] from coarse reconstructions, over a fixed draw,
    smoothed."""
    batch = draw(portraits, prior, 256, torch.Generator().manual_seed(0), torch.device("cpu"))
    hole = batch.mask.sum(0, keepdim=True)
    squared = ((batch.clean - batch.guide).square().mean(1, keepdim=True) * batch.mask).sum(0, keepdim=True) / hole
    return gaussian_blur(squared, 4.0).sqrt()


def train_face_diffusion(
    portraits: Portraits,
    prior: FaceModel,
    channels: Sequence[int],
    batch: int,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[range], Any] = iter,
) -> FaceDiffusion:
    """Train, or go on from the checkpoint in `folder`; samples of people left out go to `folder`/grids at every
    checkpoint."""
    training, held_out = portraits.split()
    torch.manual_seed(recipe.seed)
    model = FaceDiffusion(Architecture(prior.size, tuple(channels)), measure_spread(training, prior))
    guides: dict[torch.device, FaceModel] = {}

    def step(prepared: nn.Module, turn: Turn) -> dict[str, Tensor]:
        device = turn.device
        if device not in guides:
            guides[device] = prior.to(device)
        drawn = draw(training, guides[device], batch, turn.generator, device)
        t = (1000 * torch.rand(batch, generator=turn.generator) ** _POWER).long().to(device)
        # Drawn where it is used: on an accelerator, millions of numbers from elsewhere take longer than the step.
        seed = int(torch.randint(2**62, (), generator=turn.generator))
        drawing = torch.Generator(device).manual_seed(seed)
        noise = torch.randn(drawn.clean.shape, generator=drawing, device=device)
        parts = (drawn.clean, drawn.guide, drawn.mask, t, noise)
        return {"loss": loss(prepared, model.schedule, model.spread, *parts).mean()}

    def look(done: int) -> None:
        (folder / "grids").mkdir(parents=True, exist_ok=True)
        grid = sample_grid(model, held_out, prior)
        Image.fromarray(grid).save(folder / "grids" / f"{done:07d}.png")

    train(model, step, recipe, folder, look, progress)
    return model


def sample_grid(
    model: FaceDiffusion, portraits: Portraits, prior: FaceModel, count: int = 8
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture to look at, one column per person: the frame, the guide of a random hole, its fill, the guide of the
    whole frame, its fill."""
    count = min(count, len(portraits))
    rows = torch.linspace(0, len(portraits) - 1, count).long()
    frames = portraits.unit(rows)
    coarse = prior.frames(prior.coefficients(frames)).clamp(0, 1)
    generator = torch.Generator().manual_seed(0)
    holes = torch.stack([random_hole(portraits.regions(int(row)), generator) for row in rows])
    shown = [frames]
    device = next(model.parameters()).device
    for mask in (holes, torch.ones_like(holes)):
        guide = torch.where(mask, coarse, frames)
        noise = torch.randn(frames.shape, generator=generator)
        shown += [
            guide,
            refine(
                model, guide.to(device), mask.float().to(device), noise.to(device), _SAMPLE_FROM, _SAMPLE_STEPS
            ).cpu(),
        ]
    pixels = (
        (torch.cat(shown).clamp(0, 1) * 255 + 0.5).to(torch.uint8).view(len(shown), count, 3, prior.size, prior.size)
    )
    return np.asarray(pixels.permute(0, 3, 1, 4, 2).reshape(len(shown) * prior.size, count * prior.size, 3).numpy())


def _moved(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images (N, C, S, S), each shifted by its own (N,) pixels; the edge rows are repeated."""
    count, channels, size, _ = images.shape
    places = torch.arange(size, device=images.device)
    rows, columns = ((places - step[:, None]).clamp(0, size - 1) for step in (down, right))
    images = images.gather(2, rows[:, None, :, None].expand(count, channels, size, size))
    return images.gather(3, columns[:, None, None, :].expand(count, channels, size, size))
