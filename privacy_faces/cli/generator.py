"""`privacy-faces models face-bank` and `models train face-attributes`: what the inpainter face-gan chooses by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from privacy_faces.cli.command import wrong_usage
from privacy_faces.cli.progress import bar

_RECOGNIZERS = click.option(
    "--recognizers",
    default="dlib-resnet,mobileface-v2",
    show_default=True,
    help="whose embeddings are read, separated by commas",
)


def _output(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--output",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        help="file to write",
    )


@click.command(name="face-bank")
@_output("outputs/face-bank.safetensors")
@_RECOGNIZERS
@click.option("--count", type=click.IntRange(min=1), default=2400, show_default=True, help="faces to draw")
@click.option(
    "--keep",
    type=click.IntRange(min=2),
    help="faces to keep: half of them the first, the others from all kinds of people alike  [default: all]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of the faces")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def face_bank(output: Path, recognizers: str, count: int, keep: int | None, seed: int, device: str) -> None:
    """Draw the bank of generated faces."""
    from privacy_faces.methods.context import Context
    from privacy_faces.methods.inpainting.inpainters.donors import Donors
    from privacy_faces.models import face_attributes
    from privacy_faces.models.face_bank import save
    from privacy_faces.models.mobile_stylegan_files import load
    from privacy_faces.training.face_bank import draw_bank, evened
    from privacy_faces.training.generated import BATCH
    from privacy_faces.weights.store import verified

    with wrong_usage():
        context = Context(device)
        known = [context.recognizer(name) for name in recognizers.split(",")]
        network = load(context.device)
        place = context.finder.landmark_model
        bank = draw_bank(network, place, known, count, seed, lambda batches: bar(batches, f"{BATCH} faces"))
        if keep is not None:
            if keep > len(bank):
                raise ValueError(f"Expected at least {keep} faces to keep, found {len(bank)}. Draw more: --count.")
            maps = face_attributes.load(verified("face-attributes")[0])
            bank = evened(Donors(bank, maps, known[0].name), keep)
    output.parent.mkdir(parents=True, exist_ok=True)
    save(bank, output)
    click.echo(f"{count} faces drawn, {len(bank)} kept; written to {output}")


@click.command(name="face-attributes")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="folder of photos with a metadata.csv: file_name, label, split",
)
@click.option(
    "--grown",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="folder with one sub-folder of photos per person, none of whom is a child",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="table of labeled faces of the bank  [default: the one that ships]",
)
@_output("outputs/face-attributes.safetensors")
@_RECOGNIZERS
def face_attributes(data: Path, grown: Path, labels: Path | None, output: Path, recognizers: str) -> None:
    """Fit what tells sex, age group and glasses from embeddings."""
    import numpy as np

    from privacy_faces.cli.training import read_portraits
    from privacy_faces.config.files import resource
    from privacy_faces.methods.context import Context
    from privacy_faces.models import face_bank as banks
    from privacy_faces.models.face_attributes import FaceAttributes, save
    from privacy_faces.photos.batch import COMPARED_FRAME
    from privacy_faces.training.face_attributes import accuracy, fit, of_photos, of_the_bank, of_the_grown
    from privacy_faces.weights.store import verified

    with wrong_usage():
        context = Context("cpu")
        known = [context.recognizer(name) for name in recognizers.split(",")]
        bank = of_the_bank(banks.load(verified("face-bank")[0]), labels or resource("training/face_bank_labels.csv"))
        photos = of_photos(data, context.finder, known, lambda rows: bar(rows, "photo"))
        if missing := {"train", "left-out"} - photos.keys():
            raise ValueError(
                "Expected photos of the splits train and left-out with a face and a label that says something in "
                f"{data / 'metadata.csv'}, found none of {', '.join(sorted(missing))}."
            )
        portraits, _ = read_portraits(grown, COMPARED_FRAME).split()
        others = photos["train"].and_of(of_the_grown(portraits, known))
        # Every fifth labeled face of the bank measures a fit to the rest; what is written is fitted to all.
        fifth = slice(None, None, 5)
        rest = np.arange(len(bank.weights)) % 5 > 0
        trial = {name: fit(bank.rows(rest).and_of(others), name) for name in bank.embeddings}
        maps = FaceAttributes({name: fit(bank.and_of(others), name) for name in bank.embeddings})
    output.parent.mkdir(parents=True, exist_ok=True)
    save(maps, output)
    for name in maps.maps:
        for what, faces in (("bank", bank.rows(fifth)), ("photos", photos["left-out"])):
            shares = accuracy(FaceAttributes(trial), name, faces).items()
            told = ", ".join(f"{attribute} of {right} of {count}" for attribute, (right, count) in shares if count)
            click.echo(f"{name}, left-out faces of the {what}: {told}")
    click.echo(f"{len(bank.weights) + len(others.weights)} faces; written to {output}")
