"""No receipt says protected while a face in the written photo still matches its original."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest

from benchmarks.composites import Portrait, Spot, compose, ground, portraits
from privacy_faces.config.files import resource
from privacy_faces.config.plan import make_plan
from privacy_faces.judge.receipt import FaceReceipt, Receipt
from privacy_faces.judge.views import View, view_of
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.detection.turned import Placed, same_place
from privacy_faces.photos.faces import Face, Image
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.frames import transform
from privacy_faces.pipeline import anonymizer as pipeline
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.destination import Memory

pytestmark = pytest.mark.usefixtures("one_thread")

SIDES = (560, 420)
KINDS = ("nested", "turned", "small", "covered", "overlapping")
SCALES = (0.7, 1.0, 1.5)


@pytest.fixture(scope="module")
def anonymizer() -> Anonymizer:
    return Anonymizer(make_plan("pixelate"))


@pytest.fixture(scope="module")
def known(anonymizer: Anonymizer) -> list[Portrait]:
    return portraits(resource("assets/faces"), anonymizer.finder)


def spots(kind: str, known: list[Portrait], random: np.random.Generator) -> list[Spot]:
    """A few faces of one kind."""
    first, second, third = (known[index] for index in random.choice(len(known), 3, replace=False))
    size, x, y = random.uniform(110, 150), random.uniform(240, 320), random.uniform(180, 240)
    shift = random.uniform(-0.35, 0.35, 2) * size
    if kind == "nested":
        badge = Spot(second, (x + shift[0], y + shift[1]), size * random.uniform(0.25, 0.4), 0, "bare", True)
        return [Spot(first, (x, y), size), badge]
    if kind == "turned":
        return [
            Spot(face, (150 + 260 * index, y), size / 1.5, random.uniform(-180, 180))
            for index, face in enumerate((first, second))
        ]
    if kind == "small":
        places = itertools.product((80, 280, 480), (100, 300))
        return [Spot(known[random.integers(len(known))], place, random.uniform(24, 60)) for place in places]
    if kind == "covered":
        return [Spot(first, (150, y), size, 0, "mask"), Spot(second, (410, y), size, 0, "glasses")]
    return [
        Spot(first, (x - 0.6 * size, y), size),
        Spot(second, (x + 0.5 * size, y + shift[1]), size * 0.9),
        Spot(third, (x, y + 0.7 * size), size * 0.6),
    ]


def copies(rgb: Image, scales: Sequence[float]) -> Iterator[tuple[Image, np.ndarray]]:
    """The photo at several scales and in every eighth turn, with the affine (2, 3) back."""
    height, width = rgb.shape[:2]
    for scale, degrees in itertools.product(scales, range(0, 360, 45)):
        affine = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
        sides = np.ceil(np.abs(affine[:, :2]) @ [width, height]).astype(int)
        affine[:, 2] += sides / 2 - [width / 2, height / 2]
        copy = cv2.warpAffine(rgb, affine, tuple(sides.tolist()), borderValue=(90, 90, 90))
        yield copy, cv2.invertAffineTransform(affine)


def faces_in(rgb: Image, finder: FaceFinder, scales: Sequence[float]) -> list[tuple[Face, View]]:
    """All that the detector finds in any copy, in coordinates of the photo, as seen in the copy."""
    found = []
    for copy, back in copies(rgb, scales):
        for item in finder.upright(copy):
            landmarks = transform(back, item.face.landmarks)
            center, half = landmarks.mean(0), 0.75 * np.ptp(item.face.landmarks, axis=0).max() * np.hypot(*back[:, 0])
            box = np.concatenate([center - half, center + half])
            found.append((Face(box, landmarks, item.face.score), view_of(copy, item.face)))
    return found


def still_matching(
    rgb: Image, written: Image, faces: list[Face], anonymizer: Anonymizer, scales: Sequence[float]
) -> list[Face]:
    """The faces of a photo that some recognizer still matches in the written one, wherever a search finds them."""
    observer = anonymizer.judge.observer()
    before = anonymizer.finder.find(rgb)  # an original is placed by the detector too, where that finds it
    placed = [next((item for item in before if same_place(face, item)), face) for face in faces]
    originals = observer.embed([view_of(rgb, face) for face in placed])
    found = faces_in(written, anonymizer.finder, scales)
    seen = observer.embed([view for _, view in found])
    return [
        face
        for index, face in enumerate(faces)
        if any(
            same_place(face, other) and anonymizer.judge.thresholds[name].matched(float(originals[name][index] @ row))
            for name, rows in seen.items()
            for (other, _), row in zip(found, rows, strict=True)
        )
    ]


def false_promises(
    kind: str, seed: int, known: list[Portrait], anonymizer: Anonymizer, scales: Sequence[float] = SCALES
) -> tuple[int, int]:
    """Of a composite: 1 where its receipt says protected although a face in the written photo still matches its
    original, else 0; and 1 where the receipt says protected."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    rgb, faces = compose(ground(*SIDES, random), spots(kind, known, random))
    memory = Memory("composite")
    receipt = anonymizer.anonymize(photo_from_array(rgb), memory)
    protected = all(face.protected for face in receipt.faces)
    matching = protected and still_matching(rgb, read_photo(memory.data).rgb, faces, anonymizer, scales)
    return int(bool(matching)), int(protected)


@pytest.mark.parametrize("kind", KINDS)
def test_no_false_promise(kind: str, known: list[Portrait], anonymizer: Anonymizer) -> None:
    assert false_promises(kind, 0, known, anonymizer, (1.2,))[0] == 0


def test_a_smaller_copy_gives_nobody_away(known: list[Portrait], anonymizer: Anonymizer) -> None:
    """In a copy of 7 tenths of the size the blocks of a mosaic are softer; a receipt said protected that was matched
    there."""
    assert false_promises("covered", 22, known, anonymizer, (0.7,))[0] == 0


def test_a_face_that_is_placed_anew_in_a_smaller_copy_is_not_called_protected(
    known: list[Portrait], anonymizer: Anonymizer
) -> None:
    """Where the detector placed it in the smaller copy it matched at .929, of .9269; the receipt said protected."""
    assert false_promises("small", 3, known, anonymizer, (0.7,))[0] == 0


@pytest.mark.slow("120 composites, each searched at three scales in eight turns")
@pytest.mark.parametrize("kind", KINDS)
def test_no_false_promise_in_many(kind: str, known: list[Portrait], anonymizer: Anonymizer) -> None:
    promises = np.array([false_promises(kind, seed, known, anonymizer) for seed in range(24)])
    print(f"{kind}: 24 composites, {promises[:, 1].sum()} receipts say protected, {promises[:, 0].sum()} falsely")  # noqa: T201
    assert promises[:, 0].sum() == 0


class Shortsighted(FaceFinder):
    """Finds the largest face alone."""

    def find(self, rgb: Image) -> list[Face]:
        return super().find(rgb)[:1]


class TestAFaceThatTheFinderMissed:
    def receipt(self, anonymizer: Anonymizer, known: list[Portrait]) -> Receipt:
        rgb, _ = compose(
            ground(*SIDES, np.random.default_rng(0)), [Spot(known[0], (150, 200), 110), Spot(known[1], (420, 200), 70)]
        )
        seeing = anonymizer.finder
        anonymizer.finder = Shortsighted(seeing.detector, seeing.landmark_model)
        try:
            return anonymizer.anonymize(photo_from_array(rgb), Memory("two"))
        finally:
            anonymizer.finder = seeing

    def test_is_changed_in_a_second_pass(self, anonymizer: Anonymizer, known: list[Portrait]) -> None:
        """The old code left it, and the receipt said protected."""
        receipt = self.receipt(anonymizer, known)
        first, second = receipt.faces
        assert (first.changed, second.changed, second.index) == (True, True, 1)
        similarity = second.recognizers["dlib-resnet"].similarity
        assert similarity is not None
        assert similarity < 0.97, "it was 1.0"
        assert receipt.sought is not None
        assert receipt.sought.upright <= receipt.sought.turned <= 24

    def test_is_reported_with_its_place_where_no_pass_is_left(
        self, anonymizer: Anonymizer, known: list[Portrait], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pipeline, "_PASSES", 1)
        receipt = self.receipt(anonymizer, known)
        rows: list[FaceReceipt] = [receipt.faces[1], receipt.short().faces[1]]
        for row in rows:
            assert (row.changed, row.protected) == (False, False)
            assert row.box is not None
            assert abs((row.box[0] + row.box[2]) / 2 - 420) < 15
            (line,) = row.warnings()
            assert line.startswith(f"face 2: NOT PROTECTED at x {row.box[0]:.0f} to {row.box[2]:.0f}, y ")


class Imagines(FaceFinder):
    """Sees a face that fills the photo, upside down, in the tail of what may be one."""

    def around(self, rgb: Image, face: Face) -> list[Placed]:
        height, width = rgb.shape[:2]
        box = np.array([0.0, 0.0, width, height])
        points = (face.landmarks - face.box[:2]) / (face.box[2:] - face.box[:2])
        return [Placed(Face(box, (1 - points) * [width, height], 0.98), 0.044)]


def test_what_may_be_no_face_is_told_of_and_not_painted_over(anonymizer: Anonymizer, known: list[Portrait]) -> None:
    """Such a find covered a child, and the room around it, with a huge face."""
    spot = Spot(known[0], (150, 200), 110)
    rgb, _ = compose(ground(*SIDES, np.random.default_rng(0)), [spot])
    seeing, memory = anonymizer.finder, Memory("one")
    imagining = Imagines(seeing.detector, seeing.landmark_model)
    anonymizer.finder = anonymizer.judge.finder = imagining
    try:
        receipt = anonymizer.anonymize(photo_from_array(rgb), memory)
    finally:
        anonymizer.finder = anonymizer.judge.finder = seeing
    assert [(face.changed, face.protected) for face in receipt.faces] == [(True, True), (False, False)]
    assert any(line.startswith("face 2: NOT PROTECTED at x 0 to") for line in receipt.warnings)
    changed = (read_photo(memory.data).rgb != rgb).any(-1)
    assert not changed[:, 300:].any(), "the face stands on the left"
