"""`privacy-faces models`: how the shipped models were made."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.progress import bar

if TYPE_CHECKING:
    from privacy_faces.training.portraits import Portraits


@click.group(name="models")
def command() -> None:
    """Train the models that ship."""


@command.group(name="train")
def train() -> None:
    """Train one of the models; every twentieth person is left out, to measure with."""


_data = click.option("--data", type=click.Path(path_type=Path), required=True, help="folder with one sub-folder of photos per person")


def _recipe(steps: int, batch: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flags of a training run."""
    flags = [
        click.option("--steps", type=click.IntRange(min=1), default=steps, show_default=True, help="steps in all; a run that stopped goes on where it was"),
        click.option("--batch", type=click.IntRange(min=1), default=batch, show_default=True, help="faces per step"),
        click.option("--save-every", type=click.IntRange(min=1), default=500, show_default=True, help="steps between checkpoints"),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of everything random"),
        click.option("--precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True, help="bf16 where the processor has it"),
        click.option("--tracker", help="an accelerate tracker, such as tensorboard or wandb"),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for flag in reversed(flags):
            function = flag(function)
        return function

    return decorate


def _portraits(data: Path, size: int, cache: Path | None = None) -> Portraits:
    from privacy_faces.training.portraits import load_portraits

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return load_portraits(data, size, cache, bar)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@train.command(name="face-prior")
@_data
@click.option("--output", type=click.Path(path_type=Path), default=Path("outputs/face-prior.safetensors"), show_default=True, help="file to write")
@click.option("--components", type=click.IntRange(min=1), default=300, show_default=True, help="coefficients of a face")
@click.option("--size", type=click.IntRange(min=32), default=128, show_default=True, help="side of the frames in pixels")
def face_prior(data: Path, output: Path, components: int, size: int) -> None:
    """Fit the linear face model of the inpainter face-prior."""
    import torch

    from privacy_faces.models.face_prior import fit, save

    training, held_out = _portraits(data, size).split()
    try:
        model = fit(torch.cat([training.unit(), training.unit().flip(3)]), components)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    save(model, output)
    click.echo(
        f"{len(training)} faces of {len(set(training.identities))} people, each with its mirror image; {len(set(held_out.identities))} people left out; "
        f"noise {model.variance**0.5:.4f}; written to {output}"
    )


@train.command(name="face-diffusion")
@_data
@click.option("--output", type=click.Path(path_type=Path), default=Path("outputs/face-diffusion"), show_default=True, help="folder of checkpoints and samples")
@click.option("--channels", default="32,64,128,192", show_default=True, help="widths of the UNet's levels")
@_recipe(steps=8000, batch=8)
def face_diffusion(data: Path, output: Path, channels: str, batch: int, **recipe: Any) -> None:
    """Train the diffusion model that paints detail over the linear model's coarse faces."""
    import torch

    from privacy_faces.models.face_diffusion import save
    from privacy_faces.models.face_prior import load
    from privacy_faces.training.face_diffusion import train_face_diffusion
    from privacy_faces.training.trainer import Recipe
    from privacy_faces.weights.store import verified

    (path,) = verified("face-prior")
    prior = load(path, torch.device("cpu"))
    portraits = _portraits(data, prior.size, output / "portraits.safetensors")
    try:
        widths = [int(width) for width in channels.split(",")]
        model = train_face_diffusion(portraits, prior, widths, batch, Recipe(**recipe), output, lambda steps: bar(steps, "step"))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    target = output / "face-diffusion-128.safetensors"
    save(model, target)
    click.echo(f"{recipe['steps']} steps of {batch} faces; written to {target}")
