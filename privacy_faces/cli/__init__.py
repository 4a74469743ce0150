"""The command line: one file per verb, imported when the verb is typed."""

from __future__ import annotations

import importlib
import os

import click

from privacy_faces import __version__

# Read when torch is imported, later: threads that spin while they wait make small networks many times slower where another program wants the same core.
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


class _Verbs(click.Group):
    """Knows the verbs' names and summaries; a verb's module is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"privacy_faces.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="privacy-faces")
def main() -> None:
    """Change the faces in a photo so that face recognition no longer finds the person, and say honestly how well that worked."""
