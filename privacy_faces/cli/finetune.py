"""Commands of `privacy-faces finetune`, which the core and plugins bring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.command import ModelCommand
from privacy_faces.cli.tree import names
from privacy_faces.config.options import OptionError, Options
from privacy_faces.config.profiles import load_config
from privacy_faces.config.registry import COMMANDS
from privacy_faces.pipeline.sharing import launched

_PREFIX = "finetune."


def finetune_command(name: str, summary: str, model: type[Options], run: Callable[[Any], Path]) -> ModelCommand:
    """A fine-tuning command; a config file's `finetune: {NAME: {...}}` lies below the flags.

    Args:
        name: as typed.
        summary: for the help.
        model: the option model.
        run: does it, and returns the path of what was trained.
    """

    def do(options: Options, config: Path | None) -> None:
        path = run(options)
        if launched.leads():
            click.echo(f"written to {path}")

    def below(config: Path | None) -> dict[str, Any]:
        found = load_config(config).finetune if config else {}
        if strangers := sorted(found.keys() - _known()):
            raise OptionError(
                f"Unknown name {strangers[0]!r} under finetune: in {config}. Expected {', '.join(sorted(_known()))}."
            )
        return found.get(name, {})

    file = click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"YAML file with options below finetune: {name}:",
    )
    return ModelCommand(name, summary, model, do, extra=[file], below=below)


def _known() -> set[str]:
    """Of this machine, and of the plugins of a source checkout."""
    return {name.removeprefix(_PREFIX) for name in [*names(), *COMMANDS.missing()] if name.startswith(_PREFIX)}
