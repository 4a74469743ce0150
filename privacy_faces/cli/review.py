"""`privacy-faces review`: a page on this machine, to choose faces, look, and write."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import click
from pydantic import Field

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.faces import FindOptions, of_run
from privacy_faces.cli.progress import bar
from privacy_faces.config.extras import need_packages
from privacy_faces.config.options import NoneMeans, OptionError, Switch
from privacy_faces.config.printable import printable
from privacy_faces.config.registry import METHODS
from privacy_faces.config.run import RunOptions


class ReviewOptions(FindOptions):
    """Options of `review`."""

    output: Annotated[Path | None, NoneMeans("outputs/NAME")] = Field(
        None, description="output folder; what you decide goes beside it, into OUTPUT.faces.json"
    )
    method: str = Field("inpaint-gradcam", description="NAME of the method that is chosen when the page opens")
    port: int = Field(0, ge=0, le=65535, description="where the page listens, on this machine alone; 0: a free one")
    open: Annotated[bool, Switch()] = Field(False, description="show the page in the browser")
    seed: int = of_run("seed")
    keep_metadata: bool = of_run("keep_metadata")
    allow_no_face: bool = of_run("allow_no_face")
    receipts: Literal["short", "full", "none"] = of_run("receipts")


def _run(options: ReviewOptions, photos: tuple[Path, ...]) -> None:
    # Before minutes are spent on the photos.
    need_packages("review", "The page", "gradio")
    from privacy_faces.pipeline.inputs import collect
    from privacy_faces.review.album import open_album
    from privacy_faces.review.desk import Desk, usable
    from privacy_faces.review.serve import Server, listening

    run = {name: value for name, value in given(options).items() if name in RunOptions.model_fields}
    METHODS.spec(options.method)
    offered, others = usable(options.profile, run)
    if options.method not in offered:
        raise OptionError(
            f"The page cannot offer {options.method}. It has: {', '.join(offered)}.\n{others[options.method]}"
        )
    if options.output:
        collect(photos, options.output)
    opened = listening(options.port)
    with TemporaryDirectory(prefix="privacy-faces-") as folder:
        pictures, scratch = Path(folder, "pictures"), Path(folder, "scratch")
        pictures.mkdir()
        scratch.mkdir()
        with redirect_stdout(sys.stderr):
            album = open_album(photos, pictures, profile=options.profile, run=run, progress=bar)
            for name, reason in album.failed.items():
                click.echo(printable(f"{name}: FAILED: {reason}"), err=True)
            desk = Desk(album, scratch, output=options.output, profile=options.profile, run=run)
            server = Server(desk, scratch, opened, method=options.method)
        click.echo(
            f"{server.address}\n\nOpen this address in your browser, on this machine. Ctrl-C here ends the page."
        )
        if options.open and click.launch(server.address):
            click.echo("--open: found no browser", err=True)
        # Ctrl-C is how the page ends.
        with redirect_stdout(sys.stderr), suppress(KeyboardInterrupt):
            server.run()


command = ModelCommand(
    "review",
    "Open a page on this machine to choose faces in PHOTOS (files and folders), see what becomes of them, and write "
    "them as anonymize does.",
    ReviewOptions,
    _run,
    extra=[click.Argument(["photos"], nargs=-1, required=True, type=click.Path(path_type=Path))],
)
