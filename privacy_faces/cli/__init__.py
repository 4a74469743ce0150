"""The command line: one file per verb, imported when the verb is typed (`cli.tree`)."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import click

from privacy_faces.cli.tree import CommandGroup, names, spec, spec_of
from privacy_faces.config.printable import printable
from privacy_faces.config.version import __version__
from privacy_faces.pipeline.sharing import launched

# Read when torch is imported, later: threads that spin while they wait make small networks many times slower where
# another program wants the same core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Under `accelerate launch`: verbs whose photos the first process shares out. Commands that train in all processes say
# so in their cards.
_LED = ("anonymize", "benchmark")


class _Main(CommandGroup):
    """All commands; of several processes, each does its part."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """What a console cannot show, such as a name in another alphabet, is escaped: no reason to lose a result."""
        # A start makes a million objects that stay to the end: to look through them for garbage again and again takes
        # longer than the memory that it finds is worth.
        gc.set_threshold(100_000)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            with _ended_like_ctrl_c():
                return super().main(*args, **settings)
        except OSError as error:  # such as a full disk that stdout leads to; what was written before stays
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- what it holds back fails again
            click.echo(f"Error: {printable(str(error))}", err=True)
            sys.exit(1)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Before the verb reads its arguments: of several processes, the first goes on, the others wait for its
        orders."""
        found = super().resolve_command(ctx, args)
        if ctx.resilient_parsing or launched.processes() == 1:
            _warn_of_one_process()
        elif found[0] in _LED:
            if not launched.leads():
                launched.follow()
            ctx.with_resource(_leading())
        else:
            name, card = spec_of([str(found[0]), *found[2]])
            if card is None or not card.launched:
                able = [*_LED, *(other.replace(".", " ") for other in names() if spec(other).launched)]
                raise click.UsageError(
                    f"{name.replace('.', ' ')} works in one process: start it without a launcher. Work is shared by: "
                    f"{', '.join(able)}."
                )
        return found


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A SIGTERM, of a batch system or a shutdown, ends a run as Ctrl-C does: with nothing half done, and a true
    run.json. Processes of a launcher leave it as it is: they wait for each other outside of Python, where nothing would
    be heard of it."""
    usual = signal.getsignal(signal.SIGTERM)
    heard = launched.processes() == 1 and threading.current_thread() is threading.main_thread()
    if not heard or usual is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


@contextmanager
def _leading() -> Iterator[None]:
    """End the other processes with the status of what is done inside."""
    # Anything else that is raised is a defect, or Ctrl-C: this process dies of it, and the launcher ends the others.
    status = 0
    try:
        yield
    except SystemExit as end:
        status = int(end.code or 0)
    except click.exceptions.Exit as end:  # --help
        status = end.exit_code
    except click.ClickException as error:
        # Said now: the launcher ends this process as soon as another has ended with an error.
        error.show()
        status = error.exit_code
    launched.dismiss(status)


def _warn_of_one_process() -> None:
    """accelerate starts one process with --cpu, whatever --num_processes says, and leaves the address of the first
    behind."""
    if {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= os.environ.keys() and "WORLD_SIZE" not in os.environ:
        click.echo(
            "accelerate launch starts one process where it is told --cpu. For more: accelerate launch --multi_gpu "
            "--num_processes N -m privacy_faces ...; "
            "without a GPU they run on the CPU.",
            err=True,
        )


main = click.version_option(__version__, prog_name="privacy-faces")(
    _Main(
        "Change the faces in a photo so that face recognition no longer finds the person, and say honestly how well "
        "that worked.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
)
