"""`privacy-faces evaluate`: judge protected photos of any tool."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.options import NameList
from privacy_faces.cli.progress import bar
from privacy_faces.cli.results import chosen_recognizers, chosen_services, command_line, conclude, far_levels, service_options


@click.command(name="evaluate")
@click.argument("originals", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("protected", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--pairs", type=click.Path(path_type=Path), help="CSV file with the columns original, protected; person, target and groups if wanted")
@click.option("--targets", type=click.Path(path_type=Path, file_okay=False, exists=True), help="folder with a test image of each target, NAME.jpg or the like")
@click.option("--recognizers", type=NameList(), default="all", show_default=True, help="recognizers that judge; all: those whose weights are here")
@click.option("--surrogates", type=NameList(), help="recognizers that helped to protect the photos  [default: what receipts beside them say]")
@click.option("--classifier", type=click.Path(path_type=Path), help="closed-set classifier (safetensors) whose fooling rate is asked for")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path("outputs/evaluate"), show_default=True, help="output folder")
@click.option("--far", type=float, default=0.001, show_default=True, help="false accept rate of the leaderboard; 0.1, 0.01 and 0.001 are all in the results")
@click.option("--thresholds", type=click.Path(path_type=Path), help="threshold file written by `privacy-faces calibrate`")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="where the networks run")
@click.option("--robustness/--no-robustness", default=True, show_default=True, help="measure again after JPEG, resizing and the like")
@click.option("--attackers/--no-attackers", default=True, show_default=True, help="measure against adaptive attackers")
@service_options
@click.option("as_json", "--json", is_flag=True, help="print results.json")
def command(*, output: Path, as_json: bool, **given: Any) -> None:
    """Judge the photos in PROTECTED beside those in ORIGINALS: results.json and report.html in the output folder."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        results = _results(output, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    conclude(results, output, as_json)


def _results(output: Path, given: dict[str, Any]) -> Any:
    from privacy_faces.evaluation.folders import Request, evaluate_pairs
    from privacy_faces.evaluation.observe import make_observer
    from privacy_faces.evaluation.pairs import find_pairs
    from privacy_faces.evaluation.store import Store
    from privacy_faces.evaluation.thresholds import load_thresholds
    from privacy_faces.plan import RunOptions
    from privacy_faces.recognizers.closed_set import load_classifier

    services = chosen_services(given["services"], given["allow_upload"])
    originals, protected = given["originals"], given["protected"]
    names, notes = chosen_recognizers(given["recognizers"])
    pairs = find_pairs(originals, protected, given["pairs"])
    targets = {path.stem: path for path in sorted(given["targets"].iterdir()) if path.is_file()} if given["targets"] else {}
    classifier = load_classifier(given["classifier"]) if given["classifier"] else None
    far = far_levels(given["far"])
    request = Request(protected.resolve().name, given["surrogates"], targets, classifier, far, given["robustness"], given["attackers"], services)
    run = RunOptions.validated({"recognizers": names, "device": given["device"]}, "the run")
    observer = make_observer(run, Store(output / "seen.sqlite"))
    thresholds = load_thresholds(given["thresholds"])

    def progress(rows: Sequence[int], what: str) -> Iterable[int]:
        shown = bar(rows)
        shown.set_postfix_str(what)
        return shown  # type: ignore[no-any-return]

    results = evaluate_pairs(pairs, observer, thresholds, request, data_name=originals.resolve().name, command=command_line(), progress=progress)
    return results.model_copy(update={"notes": [*notes, *results.notes]})
