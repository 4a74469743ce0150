"""Which faces of a photo are changed: all of them, or those that the people whom the user names leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.plan import Plan
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.judge import Judge, kept_face
from privacy_faces.judge.observations import Observer, View, view_of
from privacy_faces.judge.people import LENIENT_FAR, Decision, People, Rule
from privacy_faces.judge.receipt import FaceReceipt
from privacy_faces.judge.thresholds import ThresholdFile, threshold_for
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.faces import faces_shown
from privacy_faces.pipeline.people import PeopleError, photos_of_people

# How much wider than every other face of a person's photo the person's own must be.
_CLEARLY = 1.5


class Chooser:
    """Decides for each face.

    Args:
        plan: names the people, or nobody: then every face is changed.
        judge: its recognizers compare, at the false accept rate of the plan.
        thresholds: has a lenient one too.

    Raises:
        PeopleError: when a photo of a person cannot be read, or shows no face, or several of like size.
        ThresholdError: when a recognizer has no threshold at the rate that the rule needs.
    """

    def __init__(self, plan: Plan, judge: Judge, thresholds: ThresholdFile) -> None:
        run = plan.run
        self.rule: Rule = "only" if run.only is not None else "keep"
        self.people: People | None = None
        place = run.keep or run.only
        if place is None:
            return
        far = max(run.far, LENIENT_FAR) if self.rule == "only" else run.far
        photos = photos_of_people(place, self.rule)
        observer = judge.observer()
        rows = observer.embed(self._view(photo.path, judge, run.max_memory) for photo in photos)
        names = tuple(dict.fromkeys(photo.identity for photo in photos))
        counts = np.array([sum(photo.identity == name for photo in photos) for name in names], dtype=np.int64)
        self.people = People(
            names,
            {name: Candidates(found, counts) for name, found in rows.items()},
            {name: threshold_for(thresholds, name, far) for name in rows},
        )

    @property
    def chooses(self) -> bool:
        """Whether the user chose faces at all."""
        return self.people is not None

    def decide(self, photo: Photo, faces: Sequence[Face], observer: Observer) -> list[Decision]:
        """A decision for each face of a photo; they must all be given, since a person has one face in a photo."""
        if self.people is None:
            return [Decision(True) for _ in faces]
        return self.people.decide(self.rule, observer.embed([view_of(photo.rgb, face) for face in faces]))

    def _view(self, path: Path, judge: Judge, max_memory: float) -> View:
        try:
            photo, faces, _ = faces_shown(read_photo(path, max_memory), judge.finder.find)
        except (ValueError, OSError) as error:
            raise PeopleError(f"--{self.rule}: {path}: {error}") from None
        if not faces:
            raise PeopleError(f"--{self.rule}: expected the face of a person in {path}, found none.")
        widths = [float(face.box[2] - face.box[0]) for face in faces]
        if len(faces) > 1 and widths[0] < _CLEARLY * max(widths[1:]):
            raise PeopleError(
                f"--{self.rule}: expected one large face in {path}, found {len(faces)}, and not whose is meant. Cut "
                "the photo to one person."
            )
        return view_of(photo.rgb, faces[0])


class Known:
    """The faces of a photo that are known so far, and what becomes of each, by its number.

    Attributes:
        faces: largest first; those that come to light when others are changed come last.
        changed: number of each face that was changed -> details for the receipt.
    """

    def __init__(self, chooser: Chooser, photo: Photo, observer: Observer) -> None:
        self.faces: list[Face] = []
        self.changed: dict[int, Mapping[str, Any]] = {}
        self._chooser, self._photo, self._observer = chooser, photo, observer
        self._decisions: list[Decision] = []

    def add(self, faces: Sequence[Face]) -> None:
        """More faces. One that is more like a person may end the claim of another face, which is due then."""
        if faces:
            self.faces += faces
            self._decisions = self._chooser.decide(self._photo, self.faces, self._observer)

    @property
    def hidden(self) -> list[int]:
        """Those that are not meant to stay."""
        return [index for index, decision in enumerate(self._decisions) if decision.change]

    @property
    def kept(self) -> list[int]:
        """Those that are meant to stay."""
        return [index for index, decision in enumerate(self._decisions) if not decision.change]

    def due(self) -> list[int]:
        """Those that are still to be changed."""
        return [index for index in self.hidden if index not in self.changed]

    def receipts(self, verdicts: Sequence[FaceReceipt]) -> list[FaceReceipt]:
        """One for each face, of the verdicts on those that are not meant to stay."""
        rows = {
            index: verdict.model_copy(
                update={"index": index}
                | ({"details": dict(self.changed[index])} if index in self.changed else {"changed": False})
            )
            for index, verdict in zip(self.hidden, verdicts, strict=True)
        } | {index: kept_face(index, self.faces[index]) for index in self.kept}
        if not self._chooser.chooses:
            return [rows[index] for index in range(len(self.faces))]
        return [
            rows[index].model_copy(
                update={"decision": "changed" if decision.change else "kept", "likeness": decision.likeness}
            )
            for index, decision in enumerate(self._decisions)
        ]


def painted_over(face: Face, mask: NDArray[np.bool_]) -> float:
    """Which share of a face, from the brows to the chin, lies in a mask (H, W)."""
    outline = cv2.convexHull(face.landmarks.round().astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), outline, 1).astype(bool)
    return float(mask[inside].mean()) if inside.any() else 0.0
