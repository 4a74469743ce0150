"""`privacy-faces report`: the page for people, from results.json."""

from __future__ import annotations

import click

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.evaluation.options import ReportOptions
from privacy_faces.evaluation.verbs import report


def _run(options: ReportOptions) -> None:
    try:
        click.echo(f"written to {report(**given(options))}")
    except OSError as error:
        raise click.UsageError(str(error)) from None


command = ModelCommand(
    "report",
    "Make report.html from results.json (RESULTS); the same results give the same report.",
    ReportOptions,
    _run,
    positional=["results"],
)
