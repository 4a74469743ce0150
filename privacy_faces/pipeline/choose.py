"""Which faces of a photo are changed: all of them, or those that the user's people or list of faces leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from privacy_faces.config.plan import Plan
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.judge import Judge, kept_face
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.people import LENIENT_FAR, Decision, People, Rule
from privacy_faces.judge.receipt import FaceReceipt
from privacy_faces.judge.thresholds import ThresholdFile, threshold_for
from privacy_faces.judge.views import View, view_of
from privacy_faces.photos.detection.given import face_in
from privacy_faces.photos.detection.turned import same_place
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.destination import Destination
from privacy_faces.pipeline.faces import faces_shown
from privacy_faces.pipeline.listing import FaceList, FacesError, ListedFace
from privacy_faces.pipeline.people import PeopleError, photos_of_people

# How much wider than every other face of a person's photo the person's own must be.
_CLEARLY = 1.5
# Pixels by which a listed box may differ from the detector's, for both to be the same.
_SAME_BOX = 0.5


class Chooser:
    """Decides for each face.

    Args:
        plan: names the people or a list of faces; without either every face is changed.
        judge: its recognizers compare, at the false accept rate of the plan.
        thresholds: has a lenient one too.

    Raises:
        PeopleError: when a photo of a person cannot be read, or shows no face, or several of like size.
        FacesError: when there is no list of faces.
        ThresholdError: when a recognizer has no threshold at the rate that the rule needs.
    """

    def __init__(self, plan: Plan, judge: Judge, thresholds: ThresholdFile) -> None:
        run = plan.run
        self.rule: Rule = "only" if run.only is not None else "keep"
        self.people: People | None = None
        self.listed = None if run.faces is None else FaceList.read(run.faces)
        self._landmark_model = judge.finder.landmark_model
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

    def known(self, photo: Photo, found: Sequence[Face], destination: Destination, observer: Observer) -> Known:
        """What is known of the faces of a photo before any of them is changed.

        Args:
            photo: the original.
            found: its faces, largest first.
            destination: knows the name of the photo, and the digest of its file.
            observer: looks.

        Raises:
            FacesError: when a list of faces does not fit the photo.
        """
        if self.people is not None:
            return Known(found, partial(self._by_people, self.people, self.rule, photo, observer), chosen=True)
        if self.listed is None:
            return Known(found, lambda faces: [Decision(True) for _ in faces])
        name, digest = destination.source, destination.digest
        if digest is None:
            raise FacesError("--faces: expected a photo in a file, by whose content it is found, found one in memory")
        listed = self.listed.faces_of(name, digest)
        if listed is None:
            line = "not in the list of faces: all its faces are changed"
            return Known(found, lambda faces: [Decision(True) for _ in faces], chosen=True, told=[line])
        faces, told = self._placed(photo, found, listed)
        kept = {index for index, item in enumerate(listed) if item.decision == "keep"}
        return Known(
            faces, lambda faces: [Decision(index not in kept) for index in range(len(faces))], chosen=True, told=told
        )

    def _placed(
        self, photo: Photo, found: Sequence[Face], listed: Sequence[ListedFace]
    ) -> tuple[list[Face], list[str]]:
        """The listed faces, in their order, then those that were found and are not listed; and what is to be told."""
        faces = []
        for number, item in enumerate(listed, 1):
            box = np.array(item.box)
            # As the detector finds it again: with nothing rounded.
            face = next((other for other in found if np.abs(other.box - box).max() < _SAME_BOX), None)
            if face is None:
                points = None if item.landmarks is None else box[:2] + np.array(item.landmarks) * (box[2:] - box[:2])
                try:
                    face = face_in(photo.rgb, box, points, self._landmark_model)
                except ValueError as error:
                    raise FacesError(f"face {number} of the list: {error}") from None
            faces.append(face)
        others = [
            face
            for face in found
            if same_face(face, faces) is None and not any(same_place(face, other) for other in faces)
        ]
        told = [
            f"face {number} is not in the list of faces, and is changed"
            for number in range(len(faces) + 1, len(faces) + len(others) + 1)
        ]
        return faces + others, told

    @staticmethod
    def _by_people(
        people: People, rule: Rule, photo: Photo, observer: Observer, faces: Sequence[Face]
    ) -> list[Decision]:
        return people.decide(rule, observer.embed([view_of(photo.rgb, face) for face in faces]))

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

    Args:
        faces: largest first.
        decide: of all faces that are known, in their order.
        chosen: whether the user chose faces at all.

    Attributes:
        faces: those that come to light when others are changed come last.
        changed: number of each face that was changed -> details for the receipt.
        told: what the user must be told.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        decide: Callable[[Sequence[Face]], list[Decision]],
        *,
        chosen: bool = False,
        told: Sequence[str] = (),
    ) -> None:
        self.faces: list[Face] = []
        self.changed: dict[int, Mapping[str, Any]] = {}
        self.told = list(told)
        self._decide, self._chosen = decide, chosen
        self._decisions: list[Decision] = []
        self._left: set[int] = set()
        self.add(faces)

    def add(self, faces: Sequence[Face], *, leave: bool = False) -> None:
        """More faces. One that is more like a person may end the claim of another face, which is due then.

        Args:
            faces: the faces.
            leave: whether they may be none: then they are told of, and nothing is painted over them.
        """
        if faces:
            self._left |= set(range(len(self.faces), len(self.faces) + len(faces))) if leave else set()
            self.faces += faces
            self._decisions = self._decide(self.faces)

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
        return [index for index in self.hidden if index not in self.changed and index not in self._left]

    def receipts(self, verdicts: Sequence[FaceReceipt]) -> list[FaceReceipt]:
        """One for each face, of the verdicts on those that are not meant to stay."""
        rows = {
            index: verdict.model_copy(
                update={"index": index}
                | ({"details": dict(self.changed[index])} if index in self.changed else {"changed": False})
            )
            for index, verdict in zip(self.hidden, verdicts, strict=True)
        } | {index: kept_face(index, self.faces[index]) for index in self.kept}
        if not self._chosen:
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
