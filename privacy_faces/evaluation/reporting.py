"""The verb `report` as a function: the page for people, and two evaluations side by side. Light: no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.config.files import write_atomic
from privacy_faces.evaluation.options import ReportOptions

if TYPE_CHECKING:
    from privacy_faces.evaluation.exports.compare import Change


def report(results: str | Path, output: str | Path | None = None) -> Path:
    """Make the page for people from results.json, as `privacy-faces report` does; the same results give the same page.

    Args:
        results: results.json of `benchmark` or `evaluate`.
        output: file to write; by default report.html beside the results.

    Returns:
        The file that was written.

    Raises:
        ResultsError: for a file that holds no results.
        ValueError: for a folder where a file is to be written.
    """
    from privacy_faces.evaluation.report.page import render
    from privacy_faces.evaluation.results import read_results

    chosen = ReportOptions.validated({"results": results, "output": output}, "report")
    target = chosen.output or chosen.results.with_name("report.html")
    if target.is_dir():
        raise ValueError(
            f"Expected a file to write, found the folder {target}. Name the file: --output {target / 'report.html'}"
        )
    page = render(read_results(chosen.results))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, page.encode())
    return target


def compare(first: str | Path, second: str | Path) -> tuple[list[Change], list[str]]:
    """Two evaluations side by side, as `privacy-faces report --compare FIRST SECOND` prints them.

    Args:
        first, second: results.json of `benchmark` or `evaluate`.

    Returns:
        Every share that both hold, and what else than the methods differs.

    Raises:
        ResultsError: for a file that holds no results.
    """
    from privacy_faces.evaluation.exports.compare import changes, unlike
    from privacy_faces.evaluation.results import read_results

    before, after = read_results(Path(first)), read_results(Path(second))
    return changes(before, after), unlike(before, after)
