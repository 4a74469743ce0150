"""`privacy-faces finetune`: commands that plugins bring, found through the entry points of the group
`privacy_faces.finetune`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.options import flags_of, values_of
from privacy_faces.config.options import OptionError, Options
from privacy_faces.config.plan import ConfigFile, load_config
from privacy_faces.pipeline.sharing import launched

_GROUP = "privacy_faces.finetune"
# Known commands whose plugin may not be installed.
_PLUGINS = dict.fromkeys(
    ("makeup-removal", "makeup-transfer"),
    "pip install privacy-faces-makeup  (from a source checkout: pip install ./plugins/makeup)",
)


class Finetune(click.Command):
    """A fine-tuning command made of an option model; a config file's `finetune: {NAME: {...}}` lies below the flags.

    Args:
        name: as typed.
        summary: for the help.
        model: the option model.
        run: does it, and returns the path of what was trained.
    """

    def __init__(self, name: str, summary: str, model: type[Options], run: Callable[[Any], Path]) -> None:
        config = click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help=f"YAML file with options below finetune: {name}:",
        )
        super().__init__(name, params=[config, *flags_of(model)], help=summary, callback=self._do)
        self.model, self.run = model, run

    def _do(self, config: Path | None, **flags: Any) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        try:
            file = load_config(config) if config else ConfigFile()
            if strangers := sorted(file.finetune.keys() - _known()):
                raise OptionError(
                    f"Unknown name {strangers[0]!r} under finetune: in {config}. Expected "
                    f"{', '.join(sorted(_known()))}."
                )
            options = self.model.validated(
                file.finetune.get(str(self.name), {}) | values_of(self.model, flags), f"finetune {self.name}"
            )
            path = self.run(options)
        except ValueError as error:  # options that do not fit, a folder without faces, a missing weight
            raise click.UsageError(str(error)) from None
        if launched.leads():
            click.echo(f"written to {path}")


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
