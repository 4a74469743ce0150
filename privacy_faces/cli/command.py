"""A command that is made of an option model: one flag per field, one default, one way to report what is wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from privacy_faces.cli.options import flags_of, values_of
from privacy_faces.config.options import Options
from privacy_faces.config.printable import printable


class ModelCommand(click.Command):
    """A command whose flags are the fields of an option model.

    Args:
        name: as typed.
        summary: for the help.
        model: the option model.
        run: does it, with validated options, and prints what is to stand on stdout. A ValueError that it raises is
            shown as wrong usage (exit status 2).
        positional: required fields that are arguments instead of flags, in their order.
        extra: parameters that are no options of the thing itself, such as --json; `run` gets them by name.
        defaults: what holds where nothing is given, and is shown so: an output folder, of which a function has none.
        below: the values that lie below the flags, of these extra parameters, for instance of a config file.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        model: type[Options],
        run: Callable[..., None],
        *,
        positional: Sequence[str] = (),
        defaults: Mapping[str, Any] | None = None,
        extra: Sequence[click.Parameter] = (),
        below: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        # The verb's own options come first in the help, those that it shares with others last.
        own = model.__annotations__
        flags = {
            str(flag.name): flag
            for flag in sorted(flags_of(model, defaults), key=lambda flag: str(flag.name).partition("__")[0] not in own)
        }
        arguments = [click.Argument([field], type=flags.pop(field).type) for field in positional]
        super().__init__(name, params=[*arguments, *flags.values(), *extra], help=summary, callback=self._do)
        self.model, self.run, self.defaults, self.below = model, run, dict(defaults or {}), below
        self._extra = [str(parameter.name) for parameter in extra]

    def _do(self, **typed: Any) -> None:
        extra = {name: typed.pop(name) for name in self._extra}
        with wrong_usage():
            below = self.below(**extra) if self.below else {}
            options = self.model.validated(self.defaults | below | values_of(self.model, typed), f"{self.name}")
            self.run(options, **extra)


def given(options: Options) -> dict[str, Any]:
    """The options that were typed, or stand in a config file: the keyword arguments of a verb's function, which knows
    the defaults itself."""
    return {name: value for name, value in options if name in options.model_fields_set}


class _Line(logging.Formatter):
    """A line of the log, whatever the name of a file in it holds; the trace of an unexpected error keeps its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message, as it may be printed."""
        return printable(super().formatMessage(record))


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Log to stderr; end with exit status 2 and the message of a ValueError: options that do not fit, a folder without
    faces, a missing weight."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        yield
    except ValueError as error:
        raise click.UsageError(printable(str(error), keep="\n")) from None
