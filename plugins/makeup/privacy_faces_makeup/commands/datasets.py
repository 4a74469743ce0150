"""`privacy-faces datasets prepare celebamask-hq`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from privacy_faces.plugin import LabeledPhoto, json_option, output_option, prepare_links, root_option


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


@click.command(name="celebamask-hq")
@root_option
@output_option("outputs/celebamask-hq", "folder for train/ and test/")
@click.option(
    "--train", type=Places(), default="4000:5000", show_default=True, help="places in the shuffled photos to train with"
)
@click.option(
    "--test", type=Places(), default="15000:16000", show_default=True, help="places in the shuffled photos to test with"
)
@click.option("--seed", type=click.IntRange(min=0), default=1234, show_default=True, help="seed of the shuffle")
@json_option
def celebamask_hq(*, root: Path, output: Path, train: range, test: range, seed: int, as_json: bool) -> None:
    """CelebAMask-HQ: DiffAM's photos to train and to test with.

    Photos without masks of skin, eyes and lips are left out, and named.
    """
    from privacy_faces_makeup.datasets.celebamask_hq import diffam_split, read_celebamask_hq

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
        prepare_links(output, "celebamask-hq", options, plan, report, as_json)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _without(photos: Sequence[LabeledPhoto], without_masks: Mapping[Path, str]) -> dict[str, str]:
    """Name -> what is missing."""
    return {photo.path.name: without_masks[photo.path] for photo in photos if photo.path in without_masks}
