"""`privacy-faces benchmark`: methods x photos x recognizers, one judge."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.options import NameList
from privacy_faces.cli.results import (
    Steps,
    chosen_recognizers,
    chosen_services,
    command_line,
    conclude,
    far_levels,
    service_options,
)
from privacy_faces.config.plan import PROFILES
from privacy_faces.config.registry import METHODS
from privacy_faces.pipeline.sharing import launched

if TYPE_CHECKING:
    from privacy_faces.evaluation.probes import Probe
    from privacy_faces.evaluation.results import Results
    from privacy_faces.verifiers.base import Verifier

# Photos of the sample set, two of each face, that every method finishes within a quarter of an hour on two cores.
_SAMPLES = 24


@click.command(name="benchmark")
@click.option("--methods", type=NameList(), help="methods to compare  [default: all that are installed]")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="folder of photos, one sub-folder per person  [default: the synthetic faces that ship]",
)
@click.option(
    "--recognizers",
    type=NameList(),
    default="all",
    show_default=True,
    help="recognizers that judge; all: those whose weights are here",
)
@click.option(
    "--held-out", metavar="NAME", help="recognizer that methods may not use as a surrogate; rotate: each in turn"
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("outputs/benchmark"),
    show_default=True,
    help="output folder",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"only the first N photos; 0 means all  [default: all of --data, {_SAMPLES} of the synthetic ones]",
)
@click.option(
    "--profile", type=click.Choice(PROFILES), default=PROFILES[0], show_default=True, help="the methods' settings"
)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="YAML file with options of methods and of the run"
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
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of everything random")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="where the networks run",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="methods that run at a time  [default: 2 on a CPU with 2 cores or more, otherwise 1]",
)
@click.option("--overwrite", is_flag=True, help="protect the photos again that an earlier run has done")
@click.option(
    "--robustness/--no-robustness",
    default=True,
    show_default=True,
    help="measure again after JPEG, resizing and the like",
)
@click.option("--attackers/--no-attackers", default=True, show_default=True, help="measure against adaptive attackers")
@service_options
@click.option("as_json", "--json", is_flag=True, help="print results.json")
def command(
    *, data: Path | None, output: Path, limit: int | None, far: float, workers: int | None, as_json: bool, **given: Any
) -> None:
    """Judge methods on the same photos: results.json and report.html in the output folder."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        # Before anything is loaded: nothing may be sent unasked, and nobody should wait to be told so.
        services = chosen_services(given["services"], given["allow_upload"])
        names, notes = chosen_recognizers(given["recognizers"])
        limit = limit if limit is not None else _SAMPLES if data is None else 0
        methods = given["methods"] or list(METHODS.entries())
        for name in methods:
            METHODS.spec(name)  # refuses unknown ones before anything is loaded
        results = _results(data, methods, names, notes, services, output, limit, far, workers, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    conclude(results, output, as_json)


def _results(
    data: Path | None,
    methods: list[str],
    names: list[str],
    notes: list[str],
    services: list[Verifier],
    output: Path,
    limit: int,
    far: float,
    workers: int | None,
    given: dict[str, Any],
) -> Results:
    import torch

    from privacy_faces.config.plan import Plan, make_plan
    from privacy_faces.evaluation.benchmark import benchmark
    from privacy_faces.evaluation.entries import held_out_entries

    of_run = {
        "recognizers": names,
        "far": far,
        "seed": given["seed"],
        "device": given["device"],
        "thresholds": given["thresholds"],
    }

    def plan(method: str, options: dict[str, Any]) -> Plan:
        return make_plan(method, profile=given["profile"], config=given["config"], options=options, run=of_run)

    entries = held_out_entries({method: partial(plan, method) for method in methods}, names, given["held_out"])
    if data is None:
        notes.append("The faces are synthetic and soft; measure on photos like yours: --data DIR.")
    if len(names) == 1:
        notes.append(
            f"{names[0]} is the only recognizer here: where a method used it as a surrogate, nothing is known about "
            "other recognizers. Bring another: "
            "privacy-faces weights list."
        )
    cuda = given["device"] == "cuda" or (given["device"] == "auto" and torch.cuda.is_available())
    with Steps() as steps:
        return benchmark(
            entries,
            entries[0].plan.run,
            probes_of(data, limit),
            output,
            data_name="synthetic faces" if data is None else data.resolve().name,
            command=command_line(),
            far=far_levels(far),
            robustness=given["robustness"],
            attackers=given["attackers"],
            engine=launched.run if launched.processes() > 1 else None,
            workers=workers or (1 if cuda else min(2, os.cpu_count() or 1)),
            overwrite=given["overwrite"],
            notes=notes,
            services=services,
            report=steps.report,
        )


def probes_of(data: Path | None, limit: int) -> list[Probe]:
    """The photos to judge on, with the groups that the folder's metadata.csv names.

    Raises:
        DatasetError: for a folder without photos.
    """
    from privacy_faces.datasets.folder import metadata_of, photos_below
    from privacy_faces.datasets.samples import sample_photos
    from privacy_faces.evaluation.probes import Probe

    if data is None:
        photos = sample_photos()[: limit or None]
        return [Probe(f"{photo.path.parent.name}/{photo.path.name}", photo.identity, photo.path) for photo in photos]
    metadata = metadata_of(data)
    probes = []
    for photo in photos_below(data)[: limit or None]:
        groups = dict(metadata.get(photo.path, {}))
        person = groups.pop("identity", photo.identity)
        probes.append(Probe(str(photo.path.relative_to(data)), person, photo.path, groups))
    return probes
