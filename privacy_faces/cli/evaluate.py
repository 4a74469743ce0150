"""`privacy-faces evaluate`: judge protected photos of any tool."""

from __future__ import annotations

from pathlib import Path

import click

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.progress import Steps
from privacy_faces.cli.results import command_line, conclude, percent, results_json
from privacy_faces.cli.table import table
from privacy_faces.evaluation.options import DiffamOptions, EvaluateOptions
from privacy_faces.evaluation.protocols import DiffamResults, evaluate_diffam
from privacy_faces.evaluation.verbs import evaluate

_PROTOCOL = click.Option(
    ["--protocol"],
    type=click.Choice(["calibrated", "diffam"]),
    default="calibrated",
    show_default=True,
    help=(
        "diffam: the evaluation of that paper (whole pictures, its thresholds); PROTECTED holds a folder for each "
        "target, --targets their scored images"
    ),
)


def _run(options: EvaluateOptions, protocol: str, as_json: bool) -> None:
    if protocol == "diffam":
        _diffam(options, as_json)
        return
    values = given(options)
    with Steps("photo") as steps:
        results = evaluate(**values, command=command_line(), progress=steps.report)
    conclude(results, values["output"], as_json)


def _diffam(options: EvaluateOptions, as_json: bool) -> None:
    values = given(options)
    if unused := [name for name in values if name not in DiffamOptions.model_fields]:
        raise ValueError(
            f"DiffAM's protocol has no --{unused[0].replace('_', '-')}: leave it out, or leave out --protocol diffam."
        )
    if options.targets is None:
        raise ValueError("DiffAM's protocol scores on images of the targets: name their folder with --targets DIR.")
    if options.surrogates is None:
        raise ValueError(
            "DiffAM's protocol keeps surrogates and held-out recognizers apart: name those that helped, --surrogates "
            "irse50,mobileface,facenet."
        )
    with Steps("photo") as steps:
        results = evaluate_diffam(**values, command=command_line(), progress=steps.report)
    text = f"{_rows(results)}; written to {values['output'] / 'diffam.json'}"
    click.echo(results.as_json() if as_json else text)


def _rows(results: DiffamResults) -> str:
    lines = [
        [
            f"{row.recognizer} ({row.role})",
            f"{row.far:g}",
            row.target,
            str(row.impersonation.n),
            *(percent(share) for share in (row.clean, row.impersonation, row.dodging)),
        ]
        for row in results.rows
    ]
    header = [
        "recognizer",
        "FAR",
        "target",
        "photos",
        "originals match",
        "ASR (impersonation)",
        "no longer match the original",
    ]
    return f"{table(header, lines)}\n\nShares in percent, with 95 % intervals"


command = ModelCommand(
    "evaluate",
    "Judge the photos in PROTECTED beside those in ORIGINALS, at FAR 0.1, 0.01, 0.001 and that of the leaderboard "
    "(--far): results.json and report.html in the output folder.",
    EvaluateOptions,
    _run,
    positional=["originals", "protected"],
    defaults={"output": Path("outputs/evaluate")},
    extra=[_PROTOCOL, results_json()],
)
