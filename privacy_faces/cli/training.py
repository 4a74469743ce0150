"""What commands that train a model share: their flags, and the portraits that they read."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.progress import bar
from privacy_faces.pipeline.sharing import launched

if TYPE_CHECKING:
    from privacy_faces.training.portraits import Portraits

data_option = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="folder with one sub-folder of photos per person"
)


def faces_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that say which faces to train with: photos, faces of the generator, or both."""
    photos = click.option(
        "--data", type=click.Path(path_type=Path), help="folder with one sub-folder of photos per person"
    )
    drawn = click.option(
        "--generated",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="faces that the generator draws, beside those of --data or instead of them",
    )
    return photos(drawn(command))


def recipe_options(steps: int, batch: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flags of a training run, with the defaults of `steps` and of the faces per step."""
    flags = [
        click.option(
            "--steps",
            type=click.IntRange(min=1),
            default=steps,
            show_default=True,
            help="steps in all; a run that stopped goes on where it was",
        ),
        click.option("--batch", type=click.IntRange(min=1), default=batch, show_default=True, help="faces per step"),
        click.option(
            "--save-every", type=click.IntRange(min=1), default=500, show_default=True, help="steps between checkpoints"
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of everything random"
        ),
        click.option(
            "--precision",
            type=click.Choice(["no", "bf16"]),
            default="no",
            show_default=True,
            help="bf16 where the processor has it",
        ),
        click.option("--tracker", help="an accelerate tracker, such as tensorboard or wandb"),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for flag in reversed(flags):
            function = flag(function)
        return function

    return decorate


def read_portraits(data: Path | None, size: int, cache: Path | None = None, generated: int = 0) -> Portraits:
    """The largest face of every photo of `data`/PERSON/, see `training.portraits.load_portraits`, and so many faces of
    the generator.

    Raises:
        click.UsageError: when there is none.
    """
    from privacy_faces.training.portraits import joined, load_portraits

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    if data is None and not generated:
        raise click.UsageError("Expected faces to train with, found none. Name a folder, --data DIR, or --generated N.")
    try:
        drawn = [_generated(generated, size)] if generated else []
        if data is None:
            return joined(drawn)
        if launched.processes() == 1:
            return joined([load_portraits(data, size, cache, bar), *drawn])
        # The others find what the first has kept.
        with launched.state("auto").main_process_first():
            return joined([load_portraits(data, size, cache, bar), *drawn])
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _generated(count: int, size: int) -> Portraits:
    from privacy_faces.methods.context import Context
    from privacy_faces.models.mobile_stylegan_files import load
    from privacy_faces.training.generated import BATCH, generated_portraits

    context = Context("auto")
    return generated_portraits(
        load(context.device),
        context.finder.landmark_model,
        count,
        size,
        0,
        lambda batches: bar(batches, f"{BATCH} faces"),
    )
