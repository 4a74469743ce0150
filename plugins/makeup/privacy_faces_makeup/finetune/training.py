"""Fine-tuning on a folder of photos, as in the paper: makeup transfer towards one reference, or makeup removal.

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

from privacy_faces.config.plan import weights_of
from privacy_faces.datasets.folder import photos_below
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.pipeline.sharing import launched
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.training.portraits import Portraits, load_portraits
from privacy_faces.training.trainer import Recipe, Turn, train
from privacy_faces.weights.places import require
from privacy_faces_makeup import adapter
from privacy_faces_makeup.adapter import About
from privacy_faces_makeup.denoiser import Denoiser
from privacy_faces_makeup.faces import read_style
from privacy_faces_makeup.latents import Latents, cached_latents, latents_of
from privacy_faces_makeup.loading import load_clip, load_denoiser
from privacy_faces_makeup.losses.direction import direction_loss
from privacy_faces_makeup.losses.identity import identity_loss
from privacy_faces_makeup.memory import give_back_at_once, round_frozen
from privacy_faces_makeup.objective import BARE, MADE_UP, Objective
from privacy_faces_makeup.options import (
    DiffusionOptions,
    FinetuneOptions,
    RemovalFinetuneOptions,
    TransferFinetuneOptions,
)
from privacy_faces_makeup.perceptual import make_perceptual
from privacy_faces_makeup.removal import bare
from privacy_faces_makeup.transfer import made_up

# The false accept rate whose threshold the margin is measured from.
_FAR = 0.001
# Photos of people left out that each sample grid shows.
_SHOWN = 8

Progress = Callable[[Any], Any]
#: (prepared network, rows, one generator per row, pass) -> named weighted terms (N,) each.
Terms = Callable[[nn.Module, Tensor, list[torch.Generator], int], dict[str, Tensor]]


@dataclass(frozen=True)
class PassRecipe(Recipe):
    """DiffAM's schedule: the rate grows by a factor with each pass over the photos."""

    per_pass: int = 1
    growth: float = 1.0

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.rate * self.growth ** (step // self.per_pass)


def finetune_transfer(options: TransferFinetuneOptions, progress: Progress = iter) -> Path:
    """Train the diffusion model to paint one reference's makeup; returns the path of what was trained.

    Raises:
        ValueError: (or a named subclass) for a folder without faces, a missing weight, a checkpoint of another run.
    """
    if options.frugal:
        give_back_at_once()
    context = _context(options)
    device = context.device
    denoiser, weights = load_denoiser(options.model, device)
    style = read_style(options, context.finder, denoiser.size, device)
    target = context.target(options.target)
    ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
    with torch.no_grad():
        aim = ensemble.embed(target.frame[None], target.landmarks[None])
    _, perceptual, _ = make_perceptual(options.perceptual, device)
    objective = Objective(options, style, aim, ensemble, load_clip(options.clip, device)[0], perceptual, context)
    training, held_out = _portraits(options, denoiser.size, progress)
    with PartialState().main_process_first():
        latents = cached_latents(
            denoiser, weights, training.unit().to(device), options, options.output / "latents", progress
        )
    subject = objective.subject(training.unit().to(device), training.landmarks.float().to(device))
    shown = objective.subject(held_out.unit().to(device), held_out.landmarks.float().to(device))
    shown_latents = latents_of(denoiser, shown.frames, *_schedule(options))
    _prepare(denoiser, options)

    late_weights = {
        name: weight
        for name, weight in (("histogram", options.late_histogram), ("direction", options.late_direction))
        if weight is not None
    }

    def terms(prepared: nn.Module, rows: Tensor, generators: list[torch.Generator], done: int) -> dict[str, Tensor]:
        part, ours = subject[rows], _rows(latents, rows)
        edited = made_up(prepared, ours, ours.noisy, part, options)
        late = done >= options.quiet_passes
        return objective.weighted(
            objective.terms(edited, part, generators, adversarial=late), late_weights if late else {}
        )

    def picture() -> Tensor:
        return torch.cat([shown.frames, made_up(denoiser, shown_latents, shown_latents.noisy, shown, options)])

    passes = options.quiet_passes + options.adversarial_passes
    about = About(options.model, style.name, options.rank, "", "", [], *_schedule(options))
    if options.adversarial and options.adversarial_passes:
        about = replace(about, goal=options.goal, target=options.target, surrogates=options.surrogates)
    return _run(denoiser, terms, picture, len(training), passes, options, about, progress)


def finetune_removal(options: RemovalFinetuneOptions, progress: Progress = iter) -> Path:
    """Train the diffusion model to take makeup off faces that wear it; arguments as for `finetune_transfer`."""
    context = _context(options)
    device = context.device
    denoiser, weights = load_denoiser(options.model, device)
    recognizer = context.recognizer(options.surrogate)
    clip, _ = load_clip(options.clip, device)
    _, perceptual, _ = make_perceptual(options.perceptual, device)
    training, held_out = _portraits(options, denoiser.size, progress)
    frames, landmarks = training.unit().to(device), training.landmarks.float().to(device)
    with PartialState().main_process_first():
        latents = cached_latents(denoiser, weights, frames, options, options.output / "latents", progress)
    with torch.no_grad():
        without, with_makeup = clip.embed_texts([BARE, MADE_UP])
        goal = (without - with_makeup)[None]
        person, looks = recognizer.embed(frames, landmarks), clip.embed_images(frames)
    shown = held_out.unit().to(device)
    shown_latents = latents_of(denoiser, shown, *_schedule(options))
    _prepare(denoiser, options)

    def terms(prepared: nn.Module, rows: Tensor, _: list[torch.Generator], __: int) -> dict[str, Tensor]:
        ours, before = _rows(latents, rows), frames[rows]
        edited = bare(prepared, ours, before, options)
        computed: dict[str, Callable[[], Tensor]] = {
            "direction": lambda: direction_loss(clip.embed_images(edited), looks[rows], goal),
            "identity": lambda: identity_loss(recognizer.embed(edited, landmarks[rows]), person[rows]),
            "similarity": lambda: perceptual(edited, before),
            "l1": lambda: (edited - before).abs().mean((1, 2, 3)),
        }
        # The generator alone is rounded: the losses compare pictures that hardly differ.
        with torch.autocast(device.type, enabled=False):
            return {name: weight * term() for name, term in computed.items() if (weight := getattr(options, name))}

    about = About(options.model, "", options.rank, "", "", [options.surrogate], *_schedule(options))
    return _run(
        denoiser,
        terms,
        lambda: torch.cat([shown, bare(denoiser, shown_latents, shown, options)]),
        len(training),
        options.passes,
        options,
        about,
        progress,
    )


def _schedule(options: DiffusionOptions) -> tuple[int, int, int]:
    return options.t_0, options.inversion_steps, options.generation_steps


def _context(options: FinetuneOptions) -> Context:
    # First of all: accelerate chooses the device, also of several processes.
    launched.state(options.device)
    require(weights_of(options, (), options.recognizer_options))
    return Context(options.device, options.recognizer_options, above_threshold(load_thresholds(), _FAR))


def _portraits(options: FinetuneOptions, size: int, progress: Progress) -> tuple[Portraits, Portraits]:
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


def _prepare(denoiser: Denoiser, options: FinetuneOptions) -> None:
    """Make trainable what is to be trained: everything, or a low-rank adapter."""
    if not options.rank:
        denoiser.unet.requires_grad_(True)
        return
    torch.manual_seed(options.seed)
    adapter.attach(denoiser.unet, options.rank, adapter.adaptable(denoiser.unet, options.frozen_levels))
    if options.precision == "bf16":
        round_frozen(denoiser.unet)


def _device_of(denoiser: Denoiser) -> torch.device:
    return next(denoiser.unet.parameters()).device


def _rows(latents: Latents, rows: Tensor) -> Latents:
    return Latents(latents.noisy[rows], latents.condition[rows], latents.plain[rows])


def _run(
    denoiser: Denoiser,
    terms: Terms,
    picture: Callable[[], Tensor],
    count: int,
    passes: int,
    options: FinetuneOptions,
    about: About,
    progress: Progress,
) -> Path:
    """Pass over `count` photos in an order drawn anew for each pass; which process does which photo changes nothing."""
    folder = options.output
    folder.mkdir(parents=True, exist_ok=True)
    # Known before accelerate starts: one step takes `batch` photos of each process.
    processes = PartialState().num_processes
    per_pass = max(1, math.ceil(count / (options.batch * processes)))
    recipe = PassRecipe(
        steps=passes * per_pass,
        rate=options.rate,
        warmup=0,
        ema=0.0,
        seed=options.seed,
        save_every=options.save_every,
        precision=options.precision,
        tracker=options.tracker,
        per_pass=per_pass,
        growth=options.growth,
        purpose=json.dumps(asdict(about) | {"frozen_levels": options.frozen_levels}),
    )

    lines: list[str] = []

    def step(prepared: nn.Module, turn: Turn) -> dict[str, Tensor]:
        done, place = divmod(turn.step, per_pass)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(options.seed * 1_000_003 + done))
        first = (place * turn.processes + turn.process) * options.batch
        rows = order[(first + torch.arange(options.batch)) % count]
        generators = [torch.Generator().manual_seed((options.seed * passes + done) * count + int(row)) for row in rows]
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
        with torch.autocast(_device_of(denoiser).type, torch.bfloat16, enabled=options.precision == "bf16"):
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
