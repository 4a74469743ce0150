"""What the commands of `privacy-faces datasets prepare` share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

root_option = click.option(
    "--root",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="folder of the data set, as it unpacks",
)
json_option = click.option("as_json", "--json", is_flag=True, help="print one JSON object")


def output_option(default: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flag --output."""
    return click.option(
        "--output", type=click.Path(path_type=Path), default=Path(default), show_default=True, help=what
    )


def prepare_links(
    output: Path,
    name: str,
    options: Mapping[str, Any],
    plan: Mapping[str, Path],
    report: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Fill a folder with links as `datasets.prepare.prepare` does, and print what came of it.

    Args:
        output: the folder.
        name: of the data set.
        options, plan, report: see `datasets.prepare.prepare`.
        as_json: print one JSON object.
    """
    from privacy_faces.cli.progress import bar
    from privacy_faces.datasets.prepare import prepare as fill

    done = fill(output, name, options, plan, report, bar)
    new = sum(done.made.values())
    links = ", ".join(f"{count} {kind}" for kind, count in done.made.items() if count)
    tell(
        name,
        output,
        report,
        {"links": done.files, "new": dict(done.made)},
        as_json,
        f"{links} links made in" if new else "nothing to do, all links are in",
    )


def tell(name: str, output: Path, report: Mapping[str, Any], done: Mapping[str, Any], as_json: bool, what: str) -> None:
    """Print a report, and `what` was done where."""
    if as_json:
        click.echo(json.dumps({"schema": 1, "dataset": name, "output": str(output), **done, **report}, indent=2))
        return
    for key, value in report.items():
        click.echo(f"{key.replace('_', ' ')}: {_shown(value)}")
    click.echo(f"{what} {output}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_shown(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
