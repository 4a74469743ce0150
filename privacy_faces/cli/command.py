"""A command that is made of an option model: one flag per field, one default, one way to report what is wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from privacy_faces.cli.options import flags_of, values_of
from privacy_faces.config.options import Options


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
        extra: Sequence[click.Parameter] = (),
        below: Callable[..., dict[str, Any]] | None = None,
    ) -> None:
        flags = {str(flag.name): flag for flag in flags_of(model)}
        arguments = [click.Argument([field], type=flags.pop(field).type) for field in positional]
        super().__init__(name, params=[*arguments, *flags.values(), *extra], help=summary, callback=self._do)
        self.model, self.run, self.below = model, run, below
        self._extra = [str(parameter.name) for parameter in extra]

    def _do(self, **typed: Any) -> None:
        extra = {name: typed.pop(name) for name in self._extra}
        with wrong_usage():
            below = self.below(**extra) if self.below else {}
            options = self.model.validated(below | values_of(self.model, typed), f"{self.name}")
            self.run(options, **extra)


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Log to stderr; end with exit status 2 and the message of a ValueError: options that do not fit, a folder without
    faces, a missing weight."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None
