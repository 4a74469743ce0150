"""`privacy-faces models`: how the shipped models and faces were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.progress import bar
from privacy_faces.cli.training import faces_options, read_portraits, recipe_options
from privacy_faces.pipeline.sharing import launched

# False accept rate at whose thresholds synthetic faces are told apart.
_SAME = 0.001
# The faces of the bank that the thresholds of generated faces are measured on: as they come, none of those that ship.
_MEASURED = (1600, 2600)


@click.command(name="face-prior")
@faces_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/face-prior.safetensors"),
    show_default=True,
    help="file to write",
)
@click.option("--components", type=click.IntRange(min=1), default=300, show_default=True, help="coefficients of a face")
@click.option(
    "--size", type=click.IntRange(min=32), default=128, show_default=True, help="side of the frames in pixels"
)
def face_prior(data: Path | None, generated: int, output: Path, components: int, size: int) -> None:
    """Fit the linear face model of the inpainter face-prior."""
    import torch

    from privacy_faces.methods.context import Context
    from privacy_faces.models.face_prior import fit, save

    training, held_out = read_portraits(data, size, generated=generated).split()
    frames = training.unit().to(Context("auto").device)
    try:
        model = fit(torch.cat([frames, frames.flip(3)]), components).to(torch.device("cpu"))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    save(model, output)
    click.echo(
        f"{len(training)} faces of {len(set(training.identities))} people, each with its mirror image; "
        f"{len(set(held_out.identities))} people left out; "
        f"noise {model.variance**0.5:.4f}; written to {output}"
    )


@click.command(name="face-diffusion")
@faces_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/face-diffusion"),
    show_default=True,
    help="folder of checkpoints and samples",
)
@click.option("--channels", default="32,64,128,192", show_default=True, help="widths of the UNet's levels")
@recipe_options(steps=8000, batch=8)
def face_diffusion(data: Path | None, generated: int, output: Path, channels: str, batch: int, **recipe: Any) -> None:
    """Train the diffusion model that paints detail over the linear model's coarse faces."""
    import torch

    from privacy_faces.models.face_diffusion import save
    from privacy_faces.models.face_prior import load
    from privacy_faces.training.face_diffusion import train_face_diffusion
    from privacy_faces.training.trainer import Recipe
    from privacy_faces.weights.store import verified

    (path,) = verified("face-prior")
    prior = load(path, torch.device("cpu"))
    portraits = read_portraits(data, prior.size, output / "portraits.safetensors", generated)
    try:
        widths = [int(width) for width in channels.split(",")]
        model = train_face_diffusion(
            portraits, prior, widths, batch, Recipe(**recipe), output, lambda steps: bar(steps, "step")
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not launched.leads():
        return
    target = output / "face-diffusion-128.safetensors"
    save(model, target)
    click.echo(f"{recipe['steps']} steps of {batch} faces; written to {target}")


@click.command(name="faces")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/faces"),
    show_default=True,
    help="folder to write to",
)
@click.option("--count", type=click.IntRange(min=1), default=24, show_default=True, help="faces to keep")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of the second photos")
@click.option(
    "--only",
    help="faces of the bank to choose from, separated by commas, for someone who looked at them; all by default",
)
def faces(output: Path, count: int, seed: int, only: str | None) -> None:
    """Draw faces of nobody, two photos each, with the generator."""
    from PIL import Image

    from privacy_faces.judge.thresholds import SYNTHETIC, load_thresholds, threshold_for
    from privacy_faces.methods.context import Context
    from privacy_faces.methods.inpainting.inpainters.donors import Donors
    from privacy_faces.models import face_attributes, face_bank
    from privacy_faces.models.mobile_stylegan_files import load
    from privacy_faces.photos.batch import to_pixels
    from privacy_faces.photos.detection.finder import make_finder
    from privacy_faces.training.faces import Judge, synthesize
    from privacy_faces.weights.store import verified

    try:
        chosen = [int(number) for number in only.split(",")] if only else None
    except ValueError:
        raise click.UsageError(f"Expected numbers separated by commas after --only, got {only!r}.") from None
    context = Context("auto")
    attributes = face_attributes.load(verified("face-attributes")[0])
    recognizer = context.recognizer("dlib-resnet")
    donors = Donors(face_bank.load(verified("face-bank")[0]), attributes, recognizer.name)
    if chosen and not 0 <= min(chosen) <= max(chosen) < len(donors.bank):
        raise click.UsageError(f"Expected numbers from 0 to {len(donors.bank) - 1} after --only, got {only!r}.")
    # Different people by the thresholds of photographs, one person by those of generated faces, which are higher.
    apart = {name: threshold_for(load_thresholds(), name, _SAME).threshold for name in donors.bank.embeddings}
    together = threshold_for(load_thresholds(SYNTHETIC), recognizer.name, _SAME).threshold
    judge = Judge(make_finder(), recognizer, apart, together)
    try:
        found = list(synthesize(donors, load(context.device), judge, count, seed, chosen, bar))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    (output / "second").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, face in enumerate(found):
        name = f"{number:03d}.png"
        for place, picture in zip((output, output / "second"), face.pictures, strict=True):
            Image.fromarray(to_pixels(picture)).save(place / name, optimize=True)
        scores = [round(score, 4) for score in face.scores]
        row = {"file": name, "bank": face.row, "again": face.again}
        rows.append(row | {"detection_scores": scores, "alike": round(face.alike, 4)})
    about = {"recognizer": recognizer.name, "different_up_to": apart, "one_person_above": together, "faces": rows}
    (output / "faces.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(rows)} faces, two photos each, written to {output}")


@click.command(name="synthetic-thresholds")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/thresholds-synthetic.json"),
    show_default=True,
    help="file to write",
)
def synthetic_thresholds(output: Path) -> None:
    """Measure the thresholds of recognizers on faces of the bank, each of a person of its own."""
    import math
    from datetime import UTC, datetime

    from privacy_faces import __version__
    from privacy_faces.evaluation.calibration import operating_points
    from privacy_faces.judge.thresholds import Calibration, ThresholdFile
    from privacy_faces.models import face_bank
    from privacy_faces.weights.store import records, verified

    bank = face_bank.load(verified("face-bank")[0])
    people = [f"face {row}" for row in range(*_MEASURED)]
    data = {
        "name": f"faces {_MEASURED[0]} to {_MEASURED[1] - 1} of the bank of generated faces, as they are drawn",
        "photos": len(people),
        "people": len(people),
        "sha256": records("face-bank")[0]["sha256"],
        "date": datetime.now(UTC).date().isoformat(),
        "detector": "none: the generator's own frames",
        "version": __version__,
    }
    found = {}
    for name, embeddings in bank.embeddings.items():
        points, eer = operating_points(embeddings[slice(*_MEASURED)].astype("float64"), people)
        found[name] = Calibration(
            similarity="cosine", points=tuple(points), eer=None if math.isnan(eer) else eer, data=data
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(ThresholdFile(calibrated=found).model_dump_json(indent=2) + "\n", encoding="utf-8")
    click.echo(f"{', '.join(found)} on {len(people)} faces; written to {output}")
