"""`privacy-faces faces`: every face of some photos, and who they are, to be edited before anything is changed."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Literal

import click
from pydantic import Field

from privacy_faces.cli.command import ModelCommand, given
from privacy_faces.cli.progress import bar
from privacy_faces.cli.table import table
from privacy_faces.config.files import write_atomic
from privacy_faces.config.options import Names, NoneMeans, OptionError, Options, Switch
from privacy_faces.config.printable import printable
from privacy_faces.config.profiles import PROFILES, Profile
from privacy_faces.config.run import RunOptions


def of_run(name: str) -> Any:
    """The field of an option that anonymize has too: one default, one description, one range."""
    return copy(RunOptions.model_fields[name])


class FindOptions(Options):
    """How faces are found, and people told apart."""

    profile: Profile = Field(PROFILES[0], description="names the recognizers")
    recognizers: Annotated[Names | None, NoneMeans("those of the profile")] = Field(
        None, description="recognizers that tell the people apart"
    )
    far: float = Field(
        RunOptions.model_fields["far"].default, gt=0, lt=1, description="false accept rate at which two faces match"
    )
    thresholds: Annotated[Path | None, NoneMeans("the shipped one")] = of_run("thresholds")
    detector: Literal["auto", "mtcnn", "dlib"] = of_run("detector")
    min_face: int = of_run("min_face")
    device: Literal["auto", "cpu", "cuda"] = of_run("device")
    max_memory: float = of_run("max_memory")


class FacesOptions(FindOptions):
    """Options of `faces`."""

    output: Path = Field(Path("faces.json"), description="the list to write")
    overwrite: Annotated[bool, Switch()] = Field(False, description="replace a list, and what was edited in it")
    thumbnails: Annotated[bool, Switch()] = Field(
        False, description="also write a picture of each face, into OUTPUT.thumbnails/, which is not for publication"
    )


def _run(options: FacesOptions, photos: tuple[Path, ...]) -> None:
    from privacy_faces.pipeline.find import find_faces

    output = options.output
    if output.exists() and not options.overwrite:
        raise OptionError(f"{output} is there already. Choose another --output; --overwrite replaces it.")
    run = {name: value for name, value in given(options).items() if name in RunOptions.model_fields}
    with redirect_stdout(sys.stderr):
        listed = find_faces(
            photos,
            thumbnails=output.with_name(f"{output.name}.thumbnails") if options.thumbnails else None,
            profile=options.profile,
            run=run,
            progress=bar,
        )
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(output, listed.faces.dump())
    for name, reason in listed.failed.items():
        click.echo(printable(f"{name}: FAILED: {reason}"), err=True)
    faces = [(photo.photo, face) for photo in listed.faces.photos for face in photo.faces]
    people = {number: [name for name, face in faces if face.person == number] for number in _numbers(faces)}
    rows = [
        [f"person {number}", str(len(names)), ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")]
        for number, names in people.items()
    ]
    click.echo(table(["who", "faces", "in"], rows))
    click.echo(
        f"\n{len(faces)} faces of {len(people)} people in {len(listed.faces.photos)} photos, written to "
        f"{printable(str(output))}. Set a decision to keep, or add boxes, then: privacy-faces anonymize PHOTOS "
        f"--method NAME --faces {printable(str(output))}"
    )
    sys.exit(1 if listed.failed else 0)


def _numbers(faces: list[tuple[str, Any]]) -> list[int]:
    return sorted({face.person for _, face in faces})


command = ModelCommand(
    "faces",
    "Find every face in PHOTOS (files and folders), and tell the people apart: a list that you edit, and that "
    "anonymize --faces applies.",
    FacesOptions,
    _run,
    extra=[click.Argument(["photos"], nargs=-1, required=True, type=click.Path(path_type=Path))],
)
