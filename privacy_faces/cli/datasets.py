"""`privacy-faces datasets prepare`: CelebA and LFW in the form that the other commands read."""

from __future__ import annotations

from pathlib import Path

import click

from privacy_faces.cli.preparing import json_option, output_option, prepare_links, root_option, tell


@click.command(name="celeba")
@root_option
@output_option("outputs/celeba", "folder for train/PERSON/ and test/PERSON/")
@click.option(
    "--train-fraction", type=float, default=0.8, show_default=True, help="share of each person's photos to train with"
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of the shuffle")
@click.option(
    "--min-photos", type=click.IntRange(min=1), default=1, show_default=True, help="leave out people with fewer photos"
)
@json_option
def celeba(*, root: Path, output: Path, train_fraction: float, seed: int, min_photos: int, as_json: bool) -> None:
    """CelebA: its splits merged, and the photos of each person divided anew.

    Whoever has one photo only is trained with and not tested.
    """
    from privacy_faces.datasets.celeba import read_celeba, report_of, split_by_identity

    try:
        data = read_celeba(root)
        split = split_by_identity(data.parts["all"], train_fraction, seed, min_photos)
        report = report_of(data, split)
        sides = {"train": split.train, "test": split.test}
        plan = {
            f"{side}/{photo.identity}/{photo.path.name}": photo.path
            for side, photos in sides.items()
            for photo in photos
        }
        options = {"train_fraction": train_fraction, "seed": seed, "min_photos": min_photos}
        prepare_links(output, "celeba", options, plan, report, as_json)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@click.command(name="lfw")
@root_option
@output_option("outputs/lfw/pairs.csv", "table to write")
@click.option(
    "--pairs",
    default="pairs.txt",
    show_default=True,
    metavar="NAME",
    help="list in the root: pairs.txt, pairsDevTrain.txt, pairsDevTest.txt, ...",
)
@click.option(
    "--folder",
    metavar="NAME",
    help="folder of photos in the root  [default: the only one, lfw or lfw_funneled or the like]",
)
@json_option
def lfw(*, root: Path, output: Path, pairs: str, folder: str | None, as_json: bool) -> None:
    """LFW: a list of pairs as the table that `evaluate --pairs` reads, the group `pair` saying whether they show the
    same person."""
    from privacy_faces.datasets.lfw import SAME, pairs_table, photo_folder, read_pairs
    from privacy_faces.datasets.prepare import write_once

    try:
        photos = photo_folder(root, folder)
        found = read_pairs(root, pairs, folder)
        new = write_once(output, pairs_table(found, photos))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    same = sum(pair.groups["pair"] == SAME for pair in found)
    report = {
        "pairs": len(found),
        "same_person": same,
        "different_people": len(found) - same,
        "sets": len({pair.groups["set"] for pair in found}),
    }
    tell("lfw", output, report, {"written": new}, as_json, "written to" if new else "already in")
    if not as_json:
        click.echo(f"use it: privacy-faces evaluate {photos} {photos} --pairs {output} --no-robustness --no-attackers")
