"""`privacy-faces models`: how the shipped models were made."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from privacy_faces.cli.progress import bar

# Every twentieth person is kept out of training, so that results can be measured on faces that the model never saw.
_HELD_OUT = 20


@click.group(name="models")
def command() -> None:
    """Train the models that ship."""


@command.group(name="train")
def train() -> None:
    """Train one of the models."""


@train.command(name="face-prior")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="folder with one sub-folder of photos per person")
@click.option("--output", type=click.Path(path_type=Path), default=Path("outputs/face-prior.safetensors"), show_default=True, help="file to write")
@click.option("--components", type=click.IntRange(min=1), default=300, show_default=True, help="coefficients of a face")
@click.option("--size", type=click.IntRange(min=32), default=128, show_default=True, help="side of the frames in pixels")
def face_prior(data: Path, output: Path, components: int, size: int) -> None:
    """Fit the linear face model of the inpainter face-prior; every twentieth person is left out."""
    import torch

    from privacy_faces.datasets.folder import identity_folders
    from privacy_faces.evaluation.embedding import largest_faces
    from privacy_faces.inpainters.face_model import fit, save
    from privacy_faces.photos.finder import make_finder

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        photos = identity_folders(data)
        people = sorted({photo.identity for photo in photos})
        held_out = set(people[::_HELD_OUT])
        paths = [photo.path for photo in photos if photo.identity not in held_out]
        frames = torch.cat([frame for _, frame, _ in largest_faces(bar(paths), make_finder(), size, torch.device("cpu"))])
        model = fit(torch.cat([frames, frames.flip(3)]), components)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    output.parent.mkdir(parents=True, exist_ok=True)
    save(model, output)
    click.echo(
        f"{len(frames)} faces of {len(people) - len(held_out)} people, each with its mirror image; {len(held_out)} people left out; "
        f"noise {model.variance**0.5:.4f}; written to {output}"
    )
