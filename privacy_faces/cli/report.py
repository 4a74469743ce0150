"""`privacy-faces report`: the page for people, from results.json."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="report")
@click.argument("results", metavar="RESULTS_JSON", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="file to write  [default: report.html beside the results]",
)
def command(*, results: Path, output: Path | None) -> None:
    """Make report.html from results.json; the same results give the same report."""
    from privacy_faces.config.files import write_atomic
    from privacy_faces.evaluation.report.page import render
    from privacy_faces.evaluation.results import read_results

    target = output or results.with_name("report.html")
    try:
        if target.is_dir():
            raise click.UsageError(
                f"Expected a file to write, found the folder {target}. Name the file: --output {target / 'report.html'}"
            )
        page = render(read_results(results))
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, page.encode())
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"written to {target}")
