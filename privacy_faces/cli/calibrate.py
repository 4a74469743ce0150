"""`privacy-faces calibrate`: thresholds at given false accept rates, with their provenance."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from privacy_faces.cli.options import NameList
from privacy_faces.cli.progress import bar
from privacy_faces.cli.table import table
from privacy_faces.config.version import __version__


@click.command(name="calibrate")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="folder with one sub-folder of photos per person"
)
@click.option("--name", "data_name", help="what the data set is called in the file  [default: the folder's name]")
@click.option(
    "--recognizers", type=NameList(), default="dlib-resnet", show_default=True, help="recognizers to calibrate"
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/thresholds.json"),
    show_default=True,
    help="threshold file to write or extend",
)
@click.option("--limit", type=int, default=0, help="use only the first N photos; 0 means all")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def command(
    *, data: Path, data_name: str | None, recognizers: list[str], output: Path, limit: int, device: str
) -> None:
    """Measure the thresholds of recognizers at FAR 0.1, 0.01 and 0.001 on the people of a folder."""
    from privacy_faces.config.files import write_atomic
    from privacy_faces.datasets.folder import content_hash, identity_folders
    from privacy_faces.evaluation.calibration import operating_points
    from privacy_faces.evaluation.embedding import embed_photos
    from privacy_faces.judge.thresholds import Calibration, ThresholdFile, load_thresholds
    from privacy_faces.methods.context import Context
    from privacy_faces.photos.detection.finder import make_finder
    from privacy_faces.recognizers.ensemble import Ensemble

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        photos = identity_folders(data)[: limit or None]
        context = Context(device)
        finder = make_finder(device=context.device)
        ensemble = Ensemble([context.recognizer(name) for name in recognizers])
        identity = {photo.path: photo.identity for photo in photos}
        kept, embeddings = embed_photos(bar(list(identity)), finder, ensemble, context.device)
        names = [identity[path] for path in kept]
        results = {name: operating_points(embeddings[name], names) for name in recognizers}
        file = load_thresholds(output) if output.exists() else ThresholdFile()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    provenance = {
        "name": data_name or data.name,
        "photos": len(kept),
        "people": len(set(names)),
        "sha256": content_hash(photos),
        "date": datetime.now(UTC).date().isoformat(),
        "detector": finder.detector.name,
        "version": __version__,
    }
    calibrated = dict(file.calibrated)
    for name, (points, eer) in results.items():
        calibrated[name] = Calibration(similarity="cosine", points=tuple(points), eer=eer, data=provenance)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, (file.model_copy(update={"calibrated": calibrated}).model_dump_json(indent=2) + "\n").encode())
    rows = [
        [
            name,
            f"{point.far:g}",
            f"{point.threshold:.4f}",
            f"{point.interval[0]:.4f} to {point.interval[1]:.4f}" if point.interval else "",
            f"{point.tar}",
        ]
        for name, (points, _) in results.items()
        for point in points
    ]
    click.echo(table(["recognizer", "FAR", "threshold", "95 % interval", "TAR"], rows))
    click.echo(f"\nEER: {', '.join(f'{name} {eer:.4f}' for name, (_, eer) in results.items())}; written to {output}")
