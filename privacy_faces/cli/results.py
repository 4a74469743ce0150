"""What `benchmark` and `evaluate` print."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.table import table
from privacy_faces.evaluation.calls import unplaced

if TYPE_CHECKING:
    from privacy_faces.evaluation.results import MethodResults, Results
    from privacy_faces.evaluation.rows import Number


def command_line() -> str:
    """What was typed, for the results."""
    return shlex.join(["privacy-faces", *map(unplaced, sys.argv[1:])])


def results_json() -> click.Option:
    """--json."""
    return click.Option(["as_json", "--json"], is_flag=True, help="print results.json")


def conclude(results: Results, output: Path, as_json: bool) -> None:
    """Print the results or their summary, and end: with 1 when a photo has no result, otherwise with 0."""
    click.echo(results.model_dump_json(indent=1, by_alias=True) if as_json else _summary(results, output))
    sys.exit(1 if any(item.failures for item in results.methods) else 0)


def _summary(results: Results, output: Path) -> str:
    """The leaderboard as text: the main measures of each method and recognizer, at the main false accept rate."""
    header = [
        "method",
        "recognizer",
        "photos",
        "dodged",
        "clean",
        "after JPEG 75",
        "as target",
        "still a face",
        "PSNR",
        "SSIM",
        "s a face",
    ]
    rows = [_row(results, item, info.name) for item in results.methods for info in results.recognizers]
    lines = [
        table(header, rows),
        "",
        f"Dodged: no longer matched with the same photo, at FAR {results.far[0]:g}. Shares in percent.",
    ]
    lines += results.flags
    lines += [f"{item.label}: {flag}" for item in results.methods for flag in item.flags]
    return "\n".join([*lines, *results.notes, f"written to {output / 'report.html'}"])


def _row(results: Results, item: MethodResults, recognizer: str) -> list[str]:
    def found(measure: str) -> Any:
        rows = [
            row
            for row in item.success
            if (row.measure, row.recognizer, row.far, row.group) == (measure, recognizer, results.far[0], None)
        ]
        return rows[0] if rows else None

    dodging, aimed = found("dodging"), found("impersonation")
    compressed = [row.dodging for row in item.robustness if (row.operation, row.recognizer) == ("jpeg-75", recognizer)]
    role = dodging.role if dodging else "unknown"
    return [
        item.label,
        f"{recognizer} ({role})",
        str(item.photos),
        percent(dodging.protected) if dodging else "",
        percent(dodging.clean) if dodging else "",
        percent(compressed[0]) if compressed else "",
        percent(aimed.protected) if aimed else "",
        percent(item.quality.detected),
        _plain(item.quality.psnr, 1),
        _plain(item.quality.ssim, 3),
        _plain(item.cost.seconds, 2) if item.cost else "",
    ]


def percent(number: Number) -> str:
    """A share in percent, with its interval."""
    return (
        "n/a"
        if number.value is None
        else f"{100 * number.value:.0f} ({100 * (number.low or 0):.0f} to {100 * (number.high or 0):.0f})"
    )


def _plain(number: Number, digits: int) -> str:
    return "n/a" if number.value is None else f"{number.value:.{digits}f}"
