"""`privacy-faces models train makeup-clip` and `models references`: how the shipped model and references were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from privacy_faces.plugin import bar, data_option, leads, read_portraits, recipe_options


@click.command(name="makeup-clip")
@data_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/makeup-clip"),
    show_default=True,
    help="folder of checkpoints",
)
@recipe_options(steps=5000, batch=32)
def makeup_clip(data: Path, output: Path, batch: int, **recipe: Any) -> None:
    """Train the image and text model that tells makeup on faces."""
    from privacy_faces.plugin import Recipe
    from privacy_faces_makeup.clip.image_text import save
    from privacy_faces_makeup.clip.measurement import measure
    from privacy_faces_makeup.clip.training import default_config, train_makeup_clip

    portraits = read_portraits(data, 128, output / "portraits.safetensors")
    config = default_config()
    try:
        model = train_makeup_clip(
            portraits, config, batch, Recipe(learning_rate=1e-3, **recipe), output, lambda steps: bar(steps, "step")
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not leads():
        return
    target = output / "makeup-clip.safetensors"
    save(model, config, target)
    click.echo(", ".join(f"{name} {value:.3f}" for name, value in measure(model, portraits.split()[1]).items()))
    click.echo(f"{recipe['steps']} steps of {batch} portraits, each without and with makeup; written to {target}")


@click.command(name="references")
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

    from privacy_faces.plugin import PhotoError, make_finder, read_photo, to_pixels, to_unit
    from privacy_faces_makeup.face.look import captions
    from privacy_faces_makeup.face.painting import LOOKS, make_reference

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
