"""Faces before faces, in wide photos and in any turn: what the detector used to swallow."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.composites import Portrait, Spot, compose, ground, portraits
from privacy_faces.config.files import resource
from privacy_faces.judge.views import view_of
from privacy_faces.photos.detection import cascade
from privacy_faces.photos.detection.contract import Detection
from privacy_faces.photos.detection.dlib_models import DlibLandmarks
from privacy_faces.photos.detection.finder import FaceFinder, make_finder
from privacy_faces.photos.detection.mtcnn import MtcnnDetector
from privacy_faces.photos.detection.surroundings import Surroundings
from privacy_faces.photos.detection.turned import same_place
from privacy_faces.photos.faces import Face, Image, same_face

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def mtcnn() -> FaceFinder:
    return make_finder("mtcnn")


@pytest.fixture(scope="module")
def known(mtcnn: FaceFinder) -> list[Portrait]:
    return portraits(resource("assets/faces"), mtcnn, 6)


def missing(faces: list[Face], found: list[Face]) -> list[int]:
    return [index for index, face in enumerate(faces) if not any(same_place(face, other) for other in found)]


@pytest.mark.parametrize("place", [(0, 0), (20, -80), (60, 80)], ids=["nose", "forehead", "cheek"])
def test_a_badge_hides_nobody(place: tuple[int, int], known: list[Portrait], mtcnn: FaceFinder) -> None:
    """Of two boxes that shared seven tenths of the smaller one, one was dropped."""
    badge = (300 + place[0], 250 + place[1])
    rgb, faces = compose(
        ground(600, 480, np.random.default_rng(2)),
        [Spot(known[0], (300, 250), 220), Spot(known[1], badge, 56, whole=True)],
    )
    found = mtcnn.find(rgb)
    assert (missing(faces, found), len(found)) == ([], 2)


def test_small_heads_in_a_wide_photo(known: list[Portrait], mtcnn: FaceFinder) -> None:
    """The limit followed the longer side: 94 pixels here; 1 of 16 heads was found in a photo twice as large."""
    rng = np.random.default_rng(5)
    spots = [Spot(known[index % 6], (200 + 500 * index, 300 + 20 * index), 25 + 4 * index) for index in range(8)]
    rgb, faces = compose(ground(4200, 600, rng), spots)
    assert missing(faces, mtcnn.find(rgb)) == []
    assert mtcnn.sizes(np.zeros((1500, 12000, 1), np.uint8)).upright < 50


@pytest.mark.parametrize("turn", [45, 100, -135])
def test_every_turn(turn: float, known: list[Portrait], mtcnn: FaceFinder) -> None:
    rgb, faces = compose(ground(640, 480, np.random.default_rng(1)), [Spot(known[2], (320, 240), 90, turn)])
    (face,) = mtcnn.find(rgb)
    assert np.abs(face.landmarks - faces[0].landmarks).mean() < 0.15 * faces[0].eye_distance


class Watched(MtcnnDetector):
    """A detector that keeps count of the pixels that it is shown."""

    pixels = 0

    def detect(self, rgb: Image, smallest: float) -> list[Detection]:
        self.pixels += rgb.shape[0] * rgb.shape[1]
        return super().detect(rgb, smallest)


def test_a_long_strip_is_turned_in_pieces(known: list[Portrait]) -> None:
    """Turned as a whole by an odd eighth, one of 30000 x 33 pixels is a copy of 450 megapixels."""
    rgb, faces = compose(ground(2400, 150, np.random.default_rng(7)), [Spot(known[2], (1430, 75), 60, 90)])
    for turned in (rgb, np.ascontiguousarray(rgb.transpose(1, 0, 2)[::-1])):
        detector = Watched()
        (face,) = FaceFinder(detector, DlibLandmarks()).find(turned)
        assert detector.pixels < 40 * rgb.shape[0] * rgb.shape[1]
        if turned is rgb:
            assert np.abs(face.landmarks - faces[0].landmarks).mean() < 0.15 * faces[0].eye_distance


def test_strips_see_what_the_whole_shows(
    known: list[Portrait], mtcnn: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb, _ = compose(ground(320, 260, np.random.default_rng(4)), [Spot(known[3], (150, 130), 80)])
    whole = mtcnn.upright(rgb)
    monkeypatch.setattr(cascade, "_STRIP", 1000)
    strips = mtcnn.upright(rgb)
    for one, other in zip(whole, strips, strict=True):
        np.testing.assert_allclose(one.face.box, other.face.box, atol=1e-3)


def scaled(face: Face, scale: float) -> Face:
    middle = face.landmarks.mean(0)
    places = np.tile(middle, 2)
    return Face(places + scale * (face.box - places), middle + scale * (face.landmarks - middle), 1.0)


def test_a_small_face_in_the_middle_of_a_large_one_is_another(known: list[Portrait]) -> None:
    face = known[0].face
    assert same_place(face, scaled(face, 0.9))
    assert not same_place(face, scaled(face, 0.3))
    assert same_face(face, [scaled(face, 0.9)]) is not None
    assert same_face(face, [scaled(face, 0.3)]) is None, "it was taken for the face that it stands before"


class Doubling(MtcnnDetector):
    """A detector that takes the middle of each face for one more."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score

    def detect(self, rgb: Image, smallest: float) -> list[Detection]:
        found = super().detect(rgb, smallest)
        for item in found[:]:
            middle = item.points.mean(0)
            box, points = (middle + 0.4 * (places - middle) for places in (item.box.reshape(2, 2), item.points))
            found.append(Detection(box.ravel(), points, self.score))
        return found


@pytest.mark.parametrize(("score", "faces"), [(0.998, 1), (0.9995, 2)])
def test_a_nose_and_a_mouth_are_no_face(score: float, faces: int, known: list[Portrait]) -> None:
    """Of 250 photos of everybody, another face was painted onto the nose in 9."""
    rgb, _ = compose(ground(640, 480, np.random.default_rng(1)), [Spot(known[2], (320, 240), 150)])
    assert len(FaceFinder(Doubling(score), DlibLandmarks()).find(rgb)) == faces


def test_misplaced_landmarks_are_told(known: list[Portrait], mtcnn: FaceFinder) -> None:
    view = view_of(known[0].rgb, known[0].face)
    frame = (255 * view.frame).astype(np.uint8)
    assert mtcnn.misplaced(frame, view.landmarks) < 0.01
    moved = view.landmarks + np.array([20, 0])
    assert mtcnn.misplaced(frame, moved) == pytest.approx(10 / len(frame), rel=0.2)
    assert mtcnn.misplaced(np.zeros_like(frame), view.landmarks) == 0


def test_surroundings_know_where_they_are(known: list[Portrait], mtcnn: FaceFinder) -> None:
    rgb, (face,) = compose(ground(900, 700, np.random.default_rng(6)), [Spot(known[4], (500, 300), 150)])
    assert any(same_place(item.face, face) for item in mtcnn.around(rgb, face))
    painted = Surroundings(rgb, face, 2.0).without_face()
    assert mtcnn.detector.detect(painted, 20) == []
