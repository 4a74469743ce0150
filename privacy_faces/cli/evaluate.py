"""`privacy-faces evaluate`: judge protected photos of any tool."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from privacy_faces.cli.options import NameList
from privacy_faces.cli.progress import bar
from privacy_faces.cli.results import (
    chosen_recognizers,
    chosen_services,
    command_line,
    conclude,
    far_levels,
    percent,
    service_options,
)
from privacy_faces.cli.table import table

# What belongs to our own judgement alone.
_NOT_OF_DIFFAM = ("pairs", "classifier", "far", "robustness", "attackers", "services", "allow_upload")


@click.command(name="evaluate")
@click.argument("originals", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("protected", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--pairs",
    type=click.Path(path_type=Path),
    help="CSV file with the columns original, protected; person, target and groups if wanted",
)
@click.option(
    "--targets",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="folder with a test image of each target, NAME.jpg or the like",
)
@click.option(
    "--recognizers",
    type=NameList(),
    default="all",
    show_default=True,
    help="recognizers that judge; all: those whose weights are here",
)
@click.option(
    "--surrogates",
    type=NameList(),
    help="recognizers that helped to protect the photos  [default: what receipts beside them say]",
)
@click.option(
    "--classifier",
    type=click.Path(path_type=Path),
    help="closed-set classifier (safetensors) whose fooling rate is asked for",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs/evaluate"),
    show_default=True,
    help="output folder",
)
@click.option(
    "--far",
    type=float,
    default=0.001,
    show_default=True,
    help="false accept rate of the leaderboard; 0.1, 0.01 and 0.001 are all in the results",
)
@click.option(
    "--thresholds", type=click.Path(path_type=Path), help="threshold file written by `privacy-faces calibrate`"
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="where the networks run",
)
@click.option(
    "--robustness/--no-robustness",
    default=True,
    show_default=True,
    help="measure again after JPEG, resizing and the like",
)
@click.option("--attackers/--no-attackers", default=True, show_default=True, help="measure against adaptive attackers")
@service_options
@click.option(
    "--protocol",
    type=click.Choice(["calibrated", "diffam"]),
    default="calibrated",
    show_default=True,
    help=(
        "diffam: the evaluation of that paper (whole pictures, its thresholds); PROTECTED holds a folder for each "
        "target, --targets their scored images"
    ),
)
@click.option("as_json", "--json", is_flag=True, help="print results.json")
@click.pass_context
def command(ctx: click.Context, /, *, output: Path, as_json: bool, **given: Any) -> None:
    """Judge the photos in PROTECTED beside those in ORIGINALS: results.json and report.html in the output folder."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        if given["protocol"] == "diffam":
            if unused := [
                name for name in _NOT_OF_DIFFAM if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
            ]:
                raise ValueError(
                    f"DiffAM's protocol has no --{unused[0].replace('_', '-')}: leave it out, or leave out --protocol "
                    "diffam."
                )
            click.echo(_diffam(output, as_json, given))
            return
        results = _results(output, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    conclude(results, output, as_json)


def _results(output: Path, given: dict[str, Any]) -> Any:
    from privacy_faces.config.plan import RunOptions
    from privacy_faces.evaluation.folders import Request, evaluate_pairs
    from privacy_faces.judge.observations import make_observer
    from privacy_faces.judge.store import Store
    from privacy_faces.judge.thresholds import load_thresholds
    from privacy_faces.pipeline.layouts.pairs import find_pairs
    from privacy_faces.recognizers.closed_set import load_classifier

    services = chosen_services(given["services"], given["allow_upload"])
    originals, protected = given["originals"], given["protected"]
    names, notes = chosen_recognizers(given["recognizers"])
    pairs = find_pairs(originals, protected, given["pairs"])
    targets = (
        {path.stem: path for path in sorted(given["targets"].iterdir()) if path.is_file()} if given["targets"] else {}
    )
    classifier = load_classifier(given["classifier"]) if given["classifier"] else None
    far = far_levels(given["far"])
    request = Request(
        protected.resolve().name,
        given["surrogates"],
        targets,
        classifier,
        far,
        given["robustness"],
        given["attackers"],
        services,
    )
    run = RunOptions.validated({"recognizers": names, "device": given["device"]}, "the run")
    observer = make_observer(run, Store(output / "seen.sqlite"))
    thresholds = load_thresholds(given["thresholds"])

    def progress(rows: Sequence[int], what: str) -> Iterable[int]:
        shown = bar(rows)
        shown.set_postfix_str(what)
        return shown  # type: ignore[no-any-return]

    results = evaluate_pairs(
        pairs,
        observer,
        thresholds,
        request,
        data_name=originals.resolve().name,
        command=command_line(),
        progress=progress,
    )
    return results.model_copy(update={"notes": [*notes, *results.notes]})


def _diffam(output: Path, as_json: bool, given: dict[str, Any]) -> str:
    """DiffAM's protocol: diffam.json in the output folder, and the same as text."""
    from privacy_faces.config.files import write_atomic
    from privacy_faces.evaluation.diffam import OPTIONS, RECOGNIZERS, attack_success, find_groups
    from privacy_faces.judge.thresholds import load_thresholds
    from privacy_faces.methods.context import Context

    if not given["targets"]:
        raise ValueError("DiffAM's protocol scores on images of the targets: name their folder with --targets DIR.")
    if given["surrogates"] is None:
        raise ValueError(
            "DiffAM's protocol keeps surrogates and held-out recognizers apart: name those that helped, --surrogates "
            "irse50,mobileface,facenet."
        )
    groups = find_groups(given["originals"], given["protected"], given["targets"])
    names = list(RECOGNIZERS) if given["recognizers"] == ["all"] else given["recognizers"]
    rows = attack_success(
        groups, Context(given["device"], OPTIONS), names, given["surrogates"], load_thresholds(given["thresholds"]), bar
    )
    told = json.dumps(
        {"schema": 1, "protocol": "diffam", "command": command_line(), "rows": [row.described() for row in rows]},
        indent=2,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_atomic(output / "diffam.json", (told + "\n").encode())
    if as_json:
        return told
    lines = [
        [
            f"{row.recognizer} ({row.role})",
            f"{row.far:g}",
            row.target,
            str(row.impersonation.n),
            *(percent(rate) for rate in (row.clean, row.impersonation, row.dodging)),
        ]
        for row in rows
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
    return f"{table(header, lines)}\n\nShares in percent, with 95 % intervals; written to {output / 'diffam.json'}"
