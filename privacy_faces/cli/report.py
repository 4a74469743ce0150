"""`privacy-faces report`: the page for people, from results.json."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report")
@click.argument("results", metavar="RESULTS_JSON", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="file to write  [default: report.html beside the results]")
def command(results: Path, output: Path | None) -> None:
    """Make report.html from results.json; the same results give the same report."""
    from privacy_faces.evaluation.report import render
    from privacy_faces.evaluation.results import ResultsError, read_results
    from privacy_faces.photos.write import write_atomic

    try:
        page = render(read_results(results))
    except ResultsError as error:
        raise click.UsageError(str(error)) from None
    target = output or results.with_name("report.html")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, page.encode())
    click.echo(f"written to {target}")
