"""`privacy-faces models`: how the shipped models were made."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from privacy_faces.cli.progress import bar
from privacy_faces.pipeline.sharing import launched

if TYPE_CHECKING:
    from privacy_faces.training.portraits import Portraits


@click.group(name="models")
def command() -> None:
    """Make what ships: models, synthetic faces, makeup references."""


@command.group(name="train")
def train() -> None:
    """Train one of the models; every twentieth person is left out, to measure with."""


_data = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="folder with one sub-folder of photos per person"
)


def _recipe(steps: int, batch: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flags of a training run."""
    flags = [
        click.option(
            "--steps",
            type=click.IntRange(min=1),
            default=steps,
            show_default=True,
            help="steps in all; a run that stopped goes on where it was",
        ),
        click.option("--batch", type=click.IntRange(min=1), default=batch, show_default=True, help="faces per step"),
        click.option(
            "--save-every", type=click.IntRange(min=1), default=500, show_default=True, help="steps between checkpoints"
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of everything random"
        ),
        click.option(
            "--precision",
            type=click.Choice(["no", "bf16"]),
            default="no",
            show_default=True,
            help="bf16 where the processor has it",
        ),
        click.option("--tracker", help="an accelerate tracker, such as tensorboard or wandb"),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for flag in reversed(flags):
            function = flag(function)
        return function

    return decorate


def _portraits(data: Path, size: int, cache: Path | None = None) -> Portraits:
    from privacy_faces.training.portraits import load_portraits

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        if launched.processes() == 1:
            return load_portraits(data, size, cache, bar)
        # The others find what the first has kept.
        with launched.state("auto").main_process_first():
            return load_portraits(data, size, cache, bar)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@train.command(name="face-prior")
@_data
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
def face_prior(data: Path, output: Path, components: int, size: int) -> None:
    """Fit the linear face model of the inpainter face-prior."""
    import torch

    from privacy_faces.models.face_prior import fit, save

    training, held_out = _portraits(data, size).split()
    try:
        model = fit(torch.cat([training.unit(), training.unit().flip(3)]), components)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    save(model, output)
    click.echo(
        f"{len(training)} faces of {len(set(training.identities))} people, each with its mirror image; "
        f"{len(set(held_out.identities))} people left out; "
        f"noise {model.variance**0.5:.4f}; written to {output}"
    )


@train.command(name="face-diffusion")
@_data
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/face-diffusion"),
    show_default=True,
    help="folder of checkpoints and samples",
)
@click.option("--channels", default="32,64,128,192", show_default=True, help="widths of the UNet's levels")
@_recipe(steps=8000, batch=8)
def face_diffusion(data: Path, output: Path, channels: str, batch: int, **recipe: Any) -> None:
    """Train the diffusion model that paints detail over the linear model's coarse faces."""
    import torch

    from privacy_faces.models.face_diffusion import save
    from privacy_faces.models.face_prior import load
    from privacy_faces.training.face_diffusion import train_face_diffusion
    from privacy_faces.training.trainer import Recipe
    from privacy_faces.weights.store import verified

    (path,) = verified("face-prior")
    prior = load(path, torch.device("cpu"))
    portraits = _portraits(data, prior.size, output / "portraits.safetensors")
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


@train.command(name="makeup-clip")
@_data
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/makeup-clip"),
    show_default=True,
    help="folder of checkpoints",
)
@_recipe(steps=5000, batch=32)
def makeup_clip(data: Path, output: Path, batch: int, **recipe: Any) -> None:
    """Train the image and text model that tells makeup on faces."""
    from privacy_faces.models.makeup_clip import save
    from privacy_faces.training.makeup_clip import default_config, measure, train_makeup_clip
    from privacy_faces.training.trainer import Recipe

    portraits = _portraits(data, 128, output / "portraits.safetensors")
    config = default_config()
    try:
        model = train_makeup_clip(
            portraits, config, batch, Recipe(rate=1e-3, **recipe), output, lambda steps: bar(steps, "step")
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not launched.leads():
        return
    target = output / "makeup-clip.safetensors"
    save(model, config, target)
    click.echo(", ".join(f"{name} {value:.3f}" for name, value in measure(model, portraits.split()[1]).items()))
    click.echo(f"{recipe['steps']} steps of {batch} portraits, each without and with makeup; written to {target}")


@command.command(name="faces")
@_data
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
    from privacy_faces.photos.detection.finder import make_finder
    from privacy_faces.synthesis.references import to_pixels
    from privacy_faces.training.faces import PAIR, STRANGER, draw_again, synthesize
    from privacy_faces.weights.store import verified

    prior = load(verified("face-prior")[0], torch.device("cpu"))
    recognizer = Context("cpu").recognizer("dlib-resnet")
    try:
        chosen = [int(number) for number in only.split(",")] if only else None
    except ValueError:
        raise click.UsageError(f"Expected sample numbers separated by commas after --only, got {only!r}.") from None
    portraits = _portraits(data, prior.size)
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


@command.command(name="references")
@click.option(
    "--faces",
    "folder",
    type=click.Path(path_type=Path),
    required=True,
    help="folder of bare faces, as `models faces` writes it",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/references"),
    show_default=True,
    help="folder to write to",
)
@click.option(
    "--canvas",
    default="000.png,001.png,002.png,003.png,004.png",
    show_default=True,
    help="the face of each look, in the order of `references`",
)
def references(folder: Path, output: Path, canvas: str) -> None:
    """Paint the looks of the shipped makeup references onto synthetic faces."""
    import torch
    from PIL import Image

    from privacy_faces.photos.detection.finder import make_finder
    from privacy_faces.photos.formats.read import read_photo
    from privacy_faces.photos.frames import to_unit
    from privacy_faces.photos.photo import PhotoError
    from privacy_faces.synthesis.look import captions
    from privacy_faces.synthesis.references import LOOKS, make_reference, to_pixels

    finder = make_finder()
    output.mkdir(parents=True, exist_ok=True)
    looks = {}
    for name, file in zip(LOOKS, canvas.split(","), strict=False):
        try:
            photo = read_photo(folder / file)
            (face, *_) = finder.find(photo.rgb)
        except (PhotoError, ValueError) as error:
            raise click.UsageError(f"Expected a picture of a face at {folder / file}: {error}") from None
        picture = torch.from_numpy(to_unit(photo.rgb)).permute(2, 0, 1)
        made_up, labels = make_reference(name, picture, torch.from_numpy(face.landmarks).float())
        for part, pixels in (("m", to_pixels(made_up)), ("nm", photo.rgb), ("mask", labels)):
            Image.fromarray(pixels).save(output / f"{name}_{part}.png", optimize=True)
        looks[name] = {"summary": captions(LOOKS[name].claims())[0], "face": file}
    (output / "references.json").write_text(json.dumps({"looks": looks}, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{len(looks)} references written to {output}")
