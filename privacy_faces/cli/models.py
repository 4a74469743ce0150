"""`privacy-faces models`: how the shipped models and faces were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.progress import bar
from privacy_faces.cli.training import data_option, faces_options, read_portraits, recipe_options
from privacy_faces.pipeline.sharing import launched


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
@data_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/faces"),
    show_default=True,
    help="folder to write to",
)
@click.option("--count", type=click.IntRange(min=1), default=24, show_default=True, help="faces to keep")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of the samples")
@click.option(
    "--only",
    help="sample numbers to choose from, separated by commas, for someone who looked at the samples; all by default",
)
def faces(data: Path, output: Path, count: int, seed: int, only: str | None) -> None:
    """Draw faces of nobody from the shipped models; --data are the portraits that they were trained on, of whom none
    may be found again."""
    import torch
    from PIL import Image

    from privacy_faces.methods.context import Context
    from privacy_faces.models.face_prior import load
    from privacy_faces.photos.batch import to_pixels
    from privacy_faces.photos.detection.finder import make_finder
    from privacy_faces.training.faces import PAIR, STRANGER, draw_again, synthesize
    from privacy_faces.weights.store import verified

    prior = load(verified("face-prior")[0], torch.device("cpu"))
    recognizer = Context("cpu").recognizer("dlib-resnet")
    try:
        chosen = [int(number) for number in only.split(",")] if only else None
    except ValueError:
        raise click.UsageError(f"Expected sample numbers separated by commas after --only, got {only!r}.") from None
    portraits = read_portraits(data, prior.size)
    (output / "second").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    try:
        with torch.no_grad():
            training = torch.cat(
                [
                    recognizer.features(recognizer.template.chips(*portraits.part(start, 32)))
                    for start in range(0, len(portraits), 32)
                ]
            )
        for face in synthesize(prior, make_finder(), recognizer, training, count, seed, chosen, bar):
            name = f"{len(rows):03d}.png"
            for place, picture in ((output, face.picture), (output / "second", draw_again(prior, seed, face.index))):
                Image.fromarray(to_pixels(picture)).save(place / name, optimize=True)
            rows.append(
                {
                    "file": name,
                    "sample": face.index,
                    "detection_score": round(face.score, 4),
                    "nearest_training": round(face.nearest_training, 3),
                }
            )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    about = {
        "seed": seed,
        "recognizer": recognizer.name,
        "pairs_farther_than": PAIR,
        "training_farther_than": STRANGER,
        "faces": rows,
    }
    (output / "faces.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(rows)} faces, two photos each, written to {output}")
