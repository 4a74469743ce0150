"""`privacy-faces report`: the page for people, from results.json, and two evaluations side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.results import percent
from privacy_faces.cli.table import table
from privacy_faces.evaluation.options import ReportOptions
from privacy_faces.evaluation.reporting import compare, report

if TYPE_CHECKING:
    from privacy_faces.evaluation.exports.compare import Change


def _run(options: ReportOptions) -> None:
    if options.compare:
        changes, unlike = compare(options.compare, options.results)
        header = ["method", "recognizer", "measure", "FAR", "first", "second", "difference, points"]
        click.echo(table(header, [_row(change) for change in changes]))
        click.echo("\nShares in percent, with 95 % intervals; differences as of different photos.")
        click.echo("".join(f"Differs too: {item}\n" for item in unlike), nl=False)
        return
    try:
        click.echo(f"written to {report(**given(options))}")
    except OSError as error:
        raise click.UsageError(str(error)) from None


def _row(change: Change) -> list[str]:
    difference = ""
    if change.before.value is not None and change.after.value is not None:
        difference = f"{100 * (change.after.value - change.before.value):+.0f}"
    if change.low is not None and change.high is not None:
        difference += f" ({100 * change.low:+.0f} to {100 * change.high:+.0f})"
    return [
        change.method,
        f"{change.recognizer} ({change.role})",
        change.measure,
        "" if change.far is None else f"{change.far:g}",
        percent(change.before),
        percent(change.after),
        difference,
    ]


command = ModelCommand(
    "report",
    "Make report.html from results.json (RESULTS); the same results give the same report. With --compare FIRST, print "
    "both side by side instead.",
    ReportOptions,
    _run,
    positional=["results"],
)
