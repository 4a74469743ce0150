"""What `benchmark` and `evaluate` share: progress, the table on stdout, and the files they leave."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.options import NameList
from privacy_faces.cli.table import table
from privacy_faces.config.registry import RECOGNIZERS, VERIFIERS
from privacy_faces.weights.store import is_present

if TYPE_CHECKING:
    from privacy_faces.evaluation.results import MethodResults, Number, Results
    from privacy_faces.verifiers.base import Verifier


class Steps:
    """A bar on stderr that is told how far the work is."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=1, unit="step", file=sys.stderr, mininterval=0.1 if sys.stderr.isatty() else 10, miniters=1
        )

    def report(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps; `what` runs now."""
        self._bar.total = total
        self._bar.set_postfix_str(what, refresh=False)
        self._bar.update(done - self._bar.n)

    def __enter__(self) -> Steps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


def chosen_recognizers(names: list[str]) -> tuple[list[str], list[str]]:
    """The recognisers to ask, and notes about those that "all" leaves out.

    Raises:
        UnknownNameError: for a name that is not registered.
    """
    if names != ["all"]:
        for name in names:
            RECOGNIZERS.spec(name)
        return names, []
    # The first weights that a recogniser names are those of its default options.
    missing = {
        name: [item for item in entry.spec().weights[:1] if not is_present(item)]
        for name, entry in RECOGNIZERS.entries().items()
    }
    notes = [
        f"{name} did not judge: the weights {', '.join(items)} are missing (privacy-faces weights list)."
        for name, items in missing.items()
        if items
    ]
    return [name for name, items in missing.items() if not items], notes


def service_options(command: Any) -> Any:
    """The flags about verification services."""
    command = click.option(
        "--allow-upload", is_flag=True, help="let the services receive the photos: of yourself, or of people who agreed"
    )(command)
    return click.option(
        "--services",
        type=NameList(),
        default=[],
        help="verification services to ask too, such as faceplusplus; needs --allow-upload",
    )(command)


def chosen_services(names: Sequence[str], allow_upload: bool) -> list[Verifier]:
    """The services, ready to be asked.

    Raises:
        UnknownNameError, UploadNotAllowedError, MissingKeyError.
    """
    return [VERIFIERS.build(name, {"allow_upload": allow_upload}, None) for name in names]


def far_levels(main: float) -> list[float]:
    """The false accept rates of an evaluation: the leaderboard's, then the calibrated ones."""
    from privacy_faces.evaluation.calibration import FAR_LEVELS

    return [main, *sorted(set(FAR_LEVELS) - {main})]


def command_line() -> str:
    """What was typed."""
    return shlex.join(["privacy-faces", *sys.argv[1:]])


def conclude(results: Results, output: Path, as_json: bool) -> None:
    """Write results.json and report.html into the folder, print the results or their summary, and end: with 1 when a
    photo has no result, otherwise with 0."""
    from privacy_faces.config.files import write_atomic
    from privacy_faces.evaluation.report.page import render
    from privacy_faces.evaluation.results import write_results

    write_results(results, output / "results.json")
    report = output / "report.html"
    write_atomic(report, render(results).encode())
    click.echo(results.model_dump_json(indent=1, by_alias=True) if as_json else _summary(results, report))
    sys.exit(1 if any(item.failures for item in results.methods) else 0)


def _summary(results: Results, report: Path) -> str:
    """The leaderboard as text: the main measures of each method and recogniser, at the main false accept rate."""
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
    lines += [f"{item.label}: {flag}" for item in results.methods for flag in item.flags]
    return "\n".join([*lines, *results.notes, f"written to {report}"])


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
