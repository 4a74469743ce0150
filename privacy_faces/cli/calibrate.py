"""`privacy-faces calibrate`: thresholds at given false accept rates, with their provenance."""

from __future__ import annotations

from pathlib import Path

import click

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.progress import Steps
from privacy_faces.cli.table import table
from privacy_faces.evaluation.options import CalibrateOptions
from privacy_faces.evaluation.verbs import calibrate


def _run(options: CalibrateOptions) -> None:
    with Steps("photo") as steps:
        file = calibrate(**given(options), progress=steps.report)
    measured = {name: file.calibrated[name] for name in options.recognizers}
    rows = [
        [
            name,
            f"{point.far:g}",
            f"{point.threshold:.4f}",
            f"{point.interval[0]:.4f} to {point.interval[1]:.4f}" if point.interval else "",
            f"{point.tar}",
        ]
        for name, found in measured.items()
        for point in found.points
    ]
    click.echo(table(["recognizer", "FAR", "threshold", "95 % interval", "TAR"], rows))
    rates = ", ".join(f"{name} {found.eer:.4f}" for name, found in measured.items())
    click.echo(f"\nEER: {rates}; written to {options.output}")


command = ModelCommand(
    "calibrate",
    "Measure the thresholds of recognizers at FAR 0.1, 0.01 and 0.001 on the people of a folder.",
    CalibrateOptions,
    _run,
    defaults={"output": Path("outputs/thresholds.json")},
)
