"""What fine-tuning for transfer and for removal share: the photos, and the epochs.

Both keep the original weights' latents, and train the network (or a low-rank adapter of it) to generate other frames
from them. Photos are inverted once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from PIL import Image
from torch import Tensor, nn

from privacy_faces.plugin import (
    Context,
    Portraits,
    Recipe,
    Turn,
    above_threshold,
    launched_state,
    load_portraits,
    load_thresholds,
    photos_below,
    require,
    train,
    weights_of,
)
from privacy_faces_makeup.diffusion import adapter
from privacy_faces_makeup.diffusion.adapter import About
from privacy_faces_makeup.diffusion.denoiser import Denoiser
from privacy_faces_makeup.diffusion.latents import Latents
from privacy_faces_makeup.finetune.memory import round_frozen
from privacy_faces_makeup.options import (
    DiffusionOptions,
    FinetuneOptions,
)

# The false accept rate whose threshold the margin is measured from.
_FAR = 0.001
# Photos of people left out that each sample grid shows.
_SHOWN = 8

Progress = Callable[[Any], Any]
#: (prepared network, rows, one generator per row, pass) -> named weighted terms (N,) each.
Terms = Callable[[nn.Module, Tensor, list[torch.Generator], int], dict[str, Tensor]]


@dataclass(frozen=True)
class EpochRecipe(Recipe):
    """DiffAM's schedule: the learning rate grows by a factor with each epoch."""

    steps_per_epoch: int = 1
    growth: float = 1.0

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.learning_rate * self.growth ** (step // self.steps_per_epoch)


def schedule_of(options: DiffusionOptions) -> tuple[int, int, int]:
    """t_0, and the steps there and back."""
    return options.t_0, options.inversion_steps, options.generation_steps


def context_of(options: FinetuneOptions) -> Context:
    """The device, recognizers and thresholds.

    Raises:
        MissingWeightError: naming all weights that are not here, before anything is loaded.
    """
    # First of all: accelerate chooses the device, also of several processes.
    launched_state(options.device)
    require(weights_of(options, (), options.recognizer_options))
    return Context(options.device, options.recognizer_options, above_threshold(load_thresholds(), _FAR))


def portraits_of(options: FinetuneOptions, size: int, progress: Progress) -> tuple[Portraits, Portraits]:
    """The photos to train on, drawn at random, and some of people left out."""
    with PartialState().main_process_first():
        everyone = load_portraits(options.data, size, options.output / "portraits.safetensors", progress, photos_below)
    training, held_out = everyone.split()
    if not len(training):
        raise ValueError(
            f"Expected photos of at least two people in {options.data}: every twentieth person, the first of all, is "
            "left out to look at."
        )
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(options.seed))
    return training.take(order[: options.images]), held_out.take(torch.arange(min(_SHOWN, len(held_out))))


def make_trainable(denoiser: Denoiser, options: FinetuneOptions) -> None:
    """Make trainable what is to be trained: everything, or a low-rank adapter."""
    if not options.rank:
        denoiser.unet.requires_grad_(True)
        return
    torch.manual_seed(options.seed)
    adapter.attach(denoiser.unet, options.rank, adapter.adaptable(denoiser.unet, options.frozen_levels))
    if denoiser.precision == "bf16":
        round_frozen(denoiser.unet)


def rows_of(latents: Latents, rows: Tensor) -> Latents:
    """The latents of some of the photos."""
    return Latents(latents.noisy[rows], latents.condition[rows], latents.plain[rows])


def run(
    denoiser: Denoiser,
    terms: Terms,
    picture: Callable[[], Tensor],
    count: int,
    epochs: int,
    options: FinetuneOptions,
    about: About,
    progress: Progress,
) -> Path:
    """Pass over `count` photos in an order drawn anew for each pass; which process does which photo changes nothing."""
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    # Known before accelerate starts: one step takes `batch` photos of each process.
    processes = PartialState().num_processes
    steps_per_epoch = max(1, math.ceil(count / (options.batch * processes)))
    recipe = EpochRecipe(
        steps=epochs * steps_per_epoch,
        learning_rate=options.learning_rate,
        warmup=0,
        ema=0.0,
        seed=options.seed,
        save_every=options.save_every,
        tracker=options.tracker,
        steps_per_epoch=steps_per_epoch,
        growth=options.learning_rate_growth,
        purpose=json.dumps(asdict(about) | {"frozen_levels": options.frozen_levels}),
    )

    lines: list[str] = []

    def step(prepared: nn.Module, turn: Turn) -> dict[str, Tensor]:
        done, place = divmod(turn.step, steps_per_epoch)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(options.seed * 1_000_003 + done))
        first = (place * turn.processes + turn.process) * options.batch
        rows = order[(first + torch.arange(options.batch)) % count]
        generators = [torch.Generator().manual_seed((options.seed * epochs + done) * count + int(row)) for row in rows]
        found = terms(prepared, rows.to(turn.device), generators, done)
        means = {name: value.mean() for name, value in found.items()}
        if turn.process == 0:
            lines.append(
                json.dumps(
                    {"step": turn.step, "pass": done} | {name: round(value.item(), 6) for name, value in means.items()}
                )
                + "\n"
            )
        return means

    @torch.no_grad()
    def look(done: int) -> None:
        # With the checkpoint: the steps after it are taken again when the run is stopped.
        with (folder / "losses.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        lines.clear()
        (folder / "samples").mkdir(exist_ok=True)
        grid = _grid(picture())
        Image.fromarray(grid).save(folder / "samples" / f"{done:06d}.png")

    train(denoiser, step, recipe, folder, look, progress)
    about = replace(about, steps=recipe.steps, frozen_levels=options.frozen_levels if options.rank else 0)
    path = folder / ("adapter.safetensors" if options.rank else "weights.safetensors")
    if PartialState().is_main_process:
        (adapter.save if options.rank else adapter.save_whole)(denoiser.unet, about, path)
    return path


def _grid(pictures: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Pictures (2N, 3, S, S): before above after."""
    above, below = pictures.cpu().chunk(2)
    whole = torch.cat([torch.cat(list(above), 2), torch.cat(list(below), 2)], 1)
    return np.asarray((whole.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy())
