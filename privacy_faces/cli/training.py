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


def read_portraits(data: Path, size: int, cache: Path | None = None) -> Portraits:
    """The largest face of every photo of `data`/PERSON/; see `training.portraits.load_portraits`.

    Raises:
        click.UsageError: when there is none.
    """
    from privacy_faces.training.portraits import load_portraits

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        if launched.processes() == 1:
            return load_portraits(data, size, cache, bar)
        # The others find what the first has kept.
        with launched.state("auto").main_process_first():
            return load_portraits(data, size, cache, bar)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
