"""The command line: one file per verb, imported when the verb is typed."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from privacy_faces.config.version import __version__
from privacy_faces.pipeline.sharing import launched

# Read when torch is imported, later: threads that spin while they wait make small networks many times slower where
# another program wants the same core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_VERBS = {
    "anonymize": "Change the faces in photos so that face recognition no longer finds the people.",
    "benchmark": "Judge methods on the same photos, by every recognizer.",
    "calibrate": "Measure the thresholds at which recognizers declare a match.",
    "datasets": "Bring face data sets into the form that the other commands read.",
    "evaluate": "Judge protected photos of any tool.",
    "finetune": "Fine-tune a model on a folder of photos.",
    "models": "Make what ships: models, synthetic faces, makeup references.",
    "methods": "List the methods.",
    "recognizers": "List the recognizers.",
    "references": "List the makeup references.",
    "report": "Make report.html from results.json.",
    "weights": "List, download or add model weights.",
}
# Under `accelerate launch`: verbs whose photos the first process shares out, and commands that train in all processes.
_LED = ("anonymize", "benchmark")
_TRAINING = (("finetune",), ("models", "train", "face-diffusion"), ("models", "train", "makeup-clip"))


class _Verbs(click.Group):
    """Knows the verbs' names and summaries; a verb's module is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"privacy_faces.cli.{cmd_name}").command
        return command

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
                sys.exit(launched.follow())
            ctx.with_resource(_leading())
        elif not any((found[0], *found[2])[: len(words)] == words for words in _TRAINING):
            able = ", ".join([*_LED, *map(" ".join, _TRAINING)])
            raise click.UsageError(
                f"{found[0]} works in one process: start it without a launcher. Work is shared by: {able}."
            )
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


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
    sys.stdout.flush()
    launched.dismiss(status)
    sys.exit(status)


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


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="privacy-faces")
def main() -> None:
    """Change the faces in a photo so that face recognition no longer finds the person, and say honestly how well that
    worked."""
