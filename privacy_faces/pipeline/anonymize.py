"""The Python API: one photo in, one result out."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from privacy_faces.config.files import sha256_of
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.photo import Photo, PhotoError
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import finished, process
from privacy_faces.pipeline.destination import Memory
from privacy_faces.pipeline.inputs import InputError, collect, refuse_foreign
from privacy_faces.pipeline.judges import settled


@dataclass(frozen=True)
class Result:
    """What `anonymize` returns.

    Attributes:
        image: the protected photo as it reads back from its file.
        receipt: the content of its receipt (the README explains the fields).
        warnings: what a user must be told, for instance that a face is NOT PROTECTED.
        output: where the photo was written, if it was.
    """

    image: PIL.Image.Image = field(repr=False)
    receipt: Receipt = field(repr=False)
    warnings: list[str]
    output: Path | None


def anonymize(
    photo: str | Path | bytes | BinaryIO | PIL.Image.Image | NDArray[np.uint8],
    method: str,
    *,
    output: str | Path | None = None,
    profile: str = "embedded",
    config: str | Path | None = None,
    overwrite: bool = False,
    keep: str | Path | None = None,
    only: str | Path | None = None,
    faces: str | Path | None = None,
    run: Mapping[str, Any] | None = None,
    **options: Any,
) -> Result:
    """Anonymize the faces in one photo, as `privacy-faces anonymize` does.

    Args:
        photo: a path, the bytes of a file, a file opened for bytes, a PIL image, or an array or tensor (H, W, 3),
            uint8.
        method: registered name, see `privacy_faces.methods()`.
        output: folder for the photo and its receipt (the photo must then be a file); None writes nothing, and the
            receipt is measured on the bytes that would have been written.
        profile: "embedded" or "full".
        config: YAML file with further options.
        overwrite: redo a photo that is already in `output` with the same options.
        keep, only: people whose faces stay, or whose faces alone are changed: a photo, or a folder of photos.
        faces: the path of a list of faces, see `find_faces`, that says what is to become of each.
        run: further options of the run (`privacy_faces.config.plan.RunOptions`): seed, device, far, recognizers, ...
        options: options of the method.

    Raises:
        ValueError: always a named subclass: PhotoError (cannot be read), NoFaceError, OptionError, UnknownNameError,
            PeopleError, MissingWeightError, ...

    Example:
        >>> result = anonymize("me.jpg", method="inpaint-gradcam", fraction=0.3)
        >>> result.receipt.faces[0].protected
    """
    given = Path(config) if config else None
    chosen = {
        name: Path(value) for name, value in {"keep": keep, "only": only, "faces": faces}.items() if value is not None
    }
    plan = settled(make_plan(method, profile=profile, config=given, options=options, run={**(run or {}), **chosen}))
    if output is not None:
        if not isinstance(photo, (str, Path)) or Path(photo).is_dir():
            got = photo if isinstance(photo, (str, Path)) else type(photo).__name__
            raise InputError(f"With output=..., photo must be the path of one file. Got: {got}.")
        collection = collect([Path(photo)], Path(output))
        refuse_foreign(collection, Path(output))
        (job,) = collection.jobs
        receipt = None if overwrite else finished(job, plan.fingerprint())
        receipt = receipt or process(_ready(plan), job)
        return Result(_decoded(job.target.read_bytes()), receipt, receipt.warnings, job.target)
    original = _read(photo, plan.run.max_memory)
    name = str(photo) if isinstance(photo, (str, Path)) else "image in memory"
    memory = Memory(name, _digest(photo))
    receipt = _ready(plan).anonymize(original, memory)
    return Result(_decoded(memory.data), receipt, receipt.warnings, None)


def _read(photo: Any, max_memory: float) -> Photo:
    if isinstance(photo, (str, Path)):
        return read_photo(Path(photo), max_memory)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return read_photo(bytes(photo), max_memory)
    if not isinstance(photo, PIL.Image.Image) and callable(read := getattr(photo, "read", None)):
        if not isinstance(content := read(), bytes):
            raise PhotoError(f"expected a file opened for bytes, found one that gives {type(content).__name__}")
        return read_photo(content, max_memory)
    return photo_from_array(photo, max_memory)  # which refuses whatever else it is


def _digest(photo: Any) -> str | None:
    if isinstance(photo, (str, Path)):
        return sha256_of(Path(photo))
    return hashlib.sha256(photo).hexdigest() if isinstance(photo, (bytes, bytearray, memoryview)) else None


# What the networks depend on -> which faces are chosen, and the anonymizer.
_loaded: dict[str, tuple[str, Anonymizer]] = {}


def _ready(plan: Plan) -> Anonymizer:
    """The last anonymizer is kept: a loop over photos loads its networks once, whichever faces it chooses."""
    described = plan.described()
    chosen = {name: described["run"].pop(name) for name in ("keep", "only", "faces")}
    chosen["contents"] = described.pop("contents", None)
    networks, choice = (json.dumps(part, sort_keys=True) for part in (described, chosen))
    known = _loaded.get(networks)
    if known is None or known[0] != choice:
        ready = known[1].choosing(plan) if known else Anonymizer(plan)
        _loaded.clear()
        _loaded[networks] = (choice, ready)
    return _loaded[networks][1]


def _decoded(data: bytes) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    return image
