"""`privacy-faces datasets`: bring face data sets into the form that the other verbs read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from privacy_faces.datasets.folder import LabelledPhoto


class Places(click.ParamType):  # type: ignore[type-arg]  # generic only in recent click
    """START:STOP."""

    name = "start:stop"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """The places as a range."""
        if isinstance(value, range):
            return value
        start, colon, stop = str(value).partition(":")
        if not colon or not start.isdigit() or not stop.isdigit():
            self.fail(f"expected START:STOP, such as 4000:5000, got {value!r}", param, ctx)
        return range(int(start), int(stop))


@click.group(name="datasets")
def command() -> None:
    """Bring face data sets into the form that the other commands read."""


@command.group(name="prepare")
def prepare() -> None:
    """Divide a data set into folders of links (nothing is copied), or write its list of pairs as a table."""


_root = click.option(
    "--root",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="folder of the data set, as it unpacks",
)
_json = click.option("as_json", "--json", is_flag=True, help="print one JSON object")


def _output(default: str, what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--output", type=click.Path(path_type=Path), default=Path(default), show_default=True, help=what
    )


@prepare.command(name="celeba")
@_root
@_output("outputs/celeba", "folder for train/PERSON/ and test/PERSON/")
@click.option(
    "--train-fraction", type=float, default=0.8, show_default=True, help="share of each person's photos to train with"
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="seed of the shuffle")
@click.option(
    "--min-photos", type=click.IntRange(min=1), default=1, show_default=True, help="leave out people with fewer photos"
)
@_json
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
        _prepare(output, "celeba", options, plan, report, as_json)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@prepare.command(name="celebamask-hq")
@_root
@_output("outputs/celebamask-hq", "folder for train/ and test/")
@click.option(
    "--train", type=Places(), default="4000:5000", show_default=True, help="places in the shuffled photos to train with"
)
@click.option(
    "--test", type=Places(), default="15000:16000", show_default=True, help="places in the shuffled photos to test with"
)
@click.option("--seed", type=click.IntRange(min=0), default=1234, show_default=True, help="seed of the shuffle")
@_json
def celebamask_hq(*, root: Path, output: Path, train: range, test: range, seed: int, as_json: bool) -> None:
    """CelebAMask-HQ: DiffAM's photos to train and to test with.

    Photos without masks of skin, eyes and lips are left out, and named.
    """
    from privacy_faces.datasets.celebamask_hq import diffam_split, read_celebamask_hq

    try:
        data = read_celebamask_hq(root)
        sides = dict(zip(("train", "test"), diffam_split(data.parts["all"], train, test, seed), strict=True))
        kept = {
            side: [photo for photo in photos if photo.path not in data.without_masks] for side, photos in sides.items()
        }
        report = {
            "photos": len(data.parts["all"]),
            **{side: len(photos) for side, photos in kept.items()},
            "left_out_without_masks": {side: _without(photos, data.without_masks) for side, photos in sides.items()},
            "notes": list(data.notes),
        }
        plan = {f"{side}/{photo.path.name}": photo.path for side, photos in kept.items() for photo in photos}
        options = {"train": f"{train.start}:{train.stop}", "test": f"{test.start}:{test.stop}", "seed": seed}
        _prepare(output, "celebamask-hq", options, plan, report, as_json)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@prepare.command(name="lfw")
@_root
@_output("outputs/lfw/pairs.csv", "table to write")
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
@_json
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
    _tell("lfw", output, report, {"written": new}, as_json, "written to" if new else "already in")
    if not as_json:
        click.echo(f"use it: privacy-faces evaluate {photos} {photos} --pairs {output} --no-robustness --no-attackers")


def _prepare(
    output: Path,
    name: str,
    options: Mapping[str, Any],
    plan: Mapping[str, Path],
    report: Mapping[str, Any],
    as_json: bool,
) -> None:
    from privacy_faces.cli.progress import bar
    from privacy_faces.datasets.prepare import prepare as fill

    done = fill(output, name, options, plan, report, bar)
    new = sum(done.made.values())
    links = ", ".join(f"{count} {kind}" for kind, count in done.made.items() if count)
    _tell(
        name,
        output,
        report,
        {"links": done.files, "new": dict(done.made)},
        as_json,
        f"{links} links made in" if new else "nothing to do, all links are in",
    )


def _tell(
    name: str, output: Path, report: Mapping[str, Any], done: Mapping[str, Any], as_json: bool, what: str
) -> None:
    if as_json:
        click.echo(json.dumps({"schema": 1, "dataset": name, "output": str(output), **done, **report}, indent=2))
        return
    for key, value in report.items():
        click.echo(f"{key.replace('_', ' ')}: {_shown(value)}")
    click.echo(f"{what} {output}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_shown(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _without(photos: Sequence[LabelledPhoto], without_masks: Mapping[Path, str]) -> dict[str, str]:
    """Name -> what is missing."""
    return {photo.path.name: without_masks[photo.path] for photo in photos if photo.path in without_masks}
