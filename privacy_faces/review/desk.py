"""What the page does: keeps the decisions, shows what would come of a photo, and writes all of them, by the very
functions that `anonymize --faces` calls."""

from __future__ import annotations

import shlex
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.files import write_atomic
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.config.registry import METHODS
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.pipeline.anonymize import anonymize
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import collect, refuse_foreign
from privacy_faces.pipeline.judges import settled
from privacy_faces.pipeline.listing import FaceList, FacesError
from privacy_faces.pipeline.sharing.choose import chosen_engine
from privacy_faces.review.album import Album, shrunk
from privacy_faces.review.choices import Decision, decide
from privacy_faces.weights.places import require

# Previews that are remembered: whoever compares two methods goes back and forth.
_REMEMBERED = 12


@dataclass(frozen=True)
class Preview:
    """What would come of a photo: both pictures (H, W, 3), and the receipt; or why nothing would."""

    before: NDArray[np.uint8]
    after: NDArray[np.uint8] | None
    receipt: Receipt | None
    problem: str | None = None


@dataclass(frozen=True)
class Written:
    """What came of all photos, where it lies, and the list of faces that decided."""

    outcomes: list[Outcome]
    output: Path
    faces: Path


class Desk:
    """One review, from the first look to the written photos.

    Args:
        album: what is reviewed.
        scratch: folder for the list of faces that previews are made by.
        output: output folder; None: outputs/METHOD.
        profile, run: as for `anonymize`.

    Attributes:
        faces: the list, with what was decided so far.
    """

    def __init__(
        self,
        album: Album,
        scratch: Path,
        *,
        output: Path | None = None,
        profile: str = "embedded",
        run: Mapping[str, Any] | None = None,
    ) -> None:
        self.album, self.output, self.profile, self.run = album, output, profile, dict(run or {})
        self.faces: FaceList = album.faces
        self._scratch = scratch / "faces.json"
        self._previews: OrderedDict[tuple[Any, ...], Preview] = OrderedDict()

    def decide(self, decision: Decision, **faces: int | None) -> None:
        """Decide about some faces, see `choices.decide`."""
        self.faces = decide(self.faces, decision, **faces)

    def plan(self, method: str, strength: str | None, faces: Path) -> Plan:
        """What `anonymize --faces FACES` would do.

        Raises:
            ValueError: when the method needs what is not given here.
        """
        return settled(
            make_plan(method, profile=self.profile, options=options_of(strength), run={**self.run, "faces": faces})
        )

    def preview(self, photo: int, method: str, strength: str | None) -> Preview:
        """What would come of a photo, in memory.

        Args:
            photo: place in the album.
            method, strength: registered name, and how far it goes; None: as far as the profile says.
        """
        decisions = tuple(face.decision for face in self.faces.photos[photo].faces)
        key = (photo, method, strength, decisions)
        if key in self._previews:
            self._previews.move_to_end(key)
        else:
            self._previews[key] = self._look(photo, method, strength)
            while len(self._previews) > _REMEMBERED:
                self._previews.popitem(last=False)
        return self._previews[key]

    def _look(self, photo: int, method: str, strength: str | None) -> Preview:
        path = self.album.sheets[photo].path
        before = shrunk(read_photo(path, self._max_memory))
        write_atomic(self._scratch, self.faces.dump())
        try:
            result = anonymize(
                path, method, profile=self.profile, faces=self._scratch, run=self.run, **options_of(strength)
            )
        except ValueError as error:  # such as a photo without a face, which fails by name when all are written, too
            return Preview(before, None, None, str(error))
        return Preview(before, shrunk(photo_from_array(result.image, self._max_memory)), result.receipt)

    @property
    def _max_memory(self) -> float:
        return float(make_plan("fill", profile=self.profile, run=self.run).run.max_memory)

    def folder(self, method: str) -> Path:
        """Where the photos go."""
        return self.output or Path("outputs") / method

    def list_of(self, method: str) -> Path:
        """Where the list of faces goes: beside the output folder, so that nobody publishes it with the photos."""
        folder = self.folder(method)
        whole = folder if folder.name not in ("", "..") else folder.resolve()
        return whole.with_name(f"{whole.name}.faces.json")

    def command(self, method: str, strength: str | None) -> str:
        """What does the same in a terminal, once the list of faces is written."""
        words = ["privacy-faces", "anonymize", *map(str, self.album.inputs), "--method", method]
        words += ["--strength", strength] if strength else []
        words += ["--faces", str(self.list_of(method)), "--output", str(self.folder(method))]
        words += ["--profile", self.profile] if self.profile != "embedded" else []
        for name, value in self.run.items():
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                words += [flag] if value else []
            else:
                words += [flag, ",".join(value) if isinstance(value, list) else str(value)]
        return shlex.join(words)

    def write(self, method: str, strength: str | None, watcher: Watcher) -> Written:
        """Write all photos, as `anonymize` does, and the list of faces beside them.

        Raises:
            ValueError: before the first photo, when something stands in the way.
        """
        output, place = self.folder(method), self.list_of(method)
        collection = collect(self.album.inputs, output)
        refuse_foreign(collection, output)
        if place.exists():
            try:
                FaceList.read(place)
            except FacesError:
                raise FacesError(
                    f"{place} is there, and is no list of faces. Move it away, or begin with another --output."
                ) from None
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, self.faces.dump())
        plan = self.plan(method, strength, place)
        return Written(run(plan, collection, output, chosen_engine("local", None, False), watcher), output, place)


def options_of(strength: str | None) -> dict[str, Any]:
    """The options of a method that the page sets."""
    return {} if strength is None else {"strength": strength}


def has_strength(method: str) -> bool:
    """Whether a method knows strengths."""
    return "strength" in METHODS.spec(method).option_model().model_fields


def usable(profile: str, run: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The methods that the page can offer, each with its summary; and those that it cannot, each with the reason."""
    offered, others = dict[str, str](), dict[str, str]()
    for name in METHODS.entries():
        try:
            require(make_plan(name, profile=profile, run=run).weights())
        except ValueError as error:  # a weight, an option without a default, or a plugin that is broken
            others[name] = str(error)
        else:
            offered[name] = METHODS.spec(name).summary
    return offered, others
