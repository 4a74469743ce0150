"""`privacy-faces finetune`: commands that the core and plugins bring, by entry points of `privacy_faces.finetune`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.command import ModelCommand
from privacy_faces.config.options import OptionError, Options
from privacy_faces.config.plan import load_config
from privacy_faces.pipeline.sharing import launched

_GROUP = "privacy_faces.finetune"
# Known commands whose plugin may not be installed.
_PLUGINS = dict.fromkeys(
    ("makeup-removal", "makeup-transfer"),
    "pip install privacy-faces-makeup  (from a source checkout: pip install ./plugins/makeup)",
)


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


def _installed() -> set[str]:
    return {point.name for point in entry_points(group=_GROUP)}


def _known() -> set[str]:
    return _installed() | _PLUGINS.keys()


class _Commands(click.Group):
    """The installed commands, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_installed())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in entry_points(group=_GROUP, name=cmd_name):
            command: click.Command = point.load()
            return command
        if cmd_name in _PLUGINS:
            raise click.UsageError(
                f"The command {cmd_name!r} is in a plugin that is not installed. Install it: {_PLUGINS[cmd_name]}", ctx
            )
        return None


@click.group(cls=_Commands, name="finetune")
def command() -> None:
    """Fine-tune a model on a folder of photos."""
