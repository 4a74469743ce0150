"""Faces that are kept, or changed alone, by the people in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.composites import Portrait, Spot, compose, ground, portraits
from privacy_faces import anonymize
from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.destination import Memory
from privacy_faces.pipeline.judges import settled
from privacy_faces.pipeline.people import PeopleError

pytestmark = pytest.mark.usefixtures("one_thread")

FACES = resource("assets/faces")
#: Three faces that dlib-resnet finds unlike: at most 0.83, where 0.881 is a match at FAR 0.1.
ALIKE = (4, 14, 16)


@pytest.fixture(scope="module")
def known() -> list[Portrait]:
    return portraits(FACES, make_finder(), max(ALIKE) + 1)


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, known: list[Portrait]) -> tuple[Path, list[Face]]:
    """A photo of three people, and their faces from left to right."""
    spots = [Spot(known[who], (110 + 210 * place, 150), 110) for place, who in enumerate(ALIKE)]
    rgb, faces = compose(ground(640, 300, np.random.default_rng(1)), spots)
    path = tmp_path_factory.mktemp("group") / "group.png"
    Image.fromarray(rgb).save(path)
    return path, faces


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A folder with another photo of the first of the three."""
    (tmp_path / "people/ann").mkdir(parents=True)
    shutil.copy(FACES / f"second/{ALIKE[0]:03}.png", tmp_path / "people/ann/2.png")
    return tmp_path / "people"


def changed_pixels(before: np.ndarray, after: np.ndarray, faces: list[Face]) -> list[float]:
    """Which share of each face, from brows to chin, is not as it was."""
    differ = (before != after).any(-1)
    shares = []
    for face in faces:
        hull = cv2.convexHull(face.landmarks.round().astype(np.int32))
        shares.append(float(differ[cv2.fillConvexPoly(np.zeros(differ.shape, np.uint8), hull, 1) > 0].mean()))
    return shares


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def call(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["anonymize", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


class TestKeep:
    def test_the_others_are_changed(self, tmp_path: Path, group: tuple[Path, list[Face]], people: Path) -> None:
        photo, faces = group
        given = (photo, "--method", "pixelate", "--keep", people, "--output", tmp_path / "out")
        result = call(*given)
        shares = changed_pixels(pixels(photo), pixels(tmp_path / "out/group.png"), faces)
        assert shares[0] == 0, "not a pixel"
        assert min(shares[1:]) > 0.9
        assert "kept as it is: ann\n" in result.stdout
        assert "NOT PROTECTED" not in result.output
        content = json.loads((tmp_path / "out/group.receipt.json").read_text())
        assert sorted(face["decision"] for face in content["faces"]) == ["changed", "changed", "kept"]
        (kept,) = (face for face in content["faces"] if face["decision"] == "kept")
        assert (kept["changed"], kept["protected"], kept["recognizers"]) == (False, False, {})
        assert "ann" not in json.dumps(content), "a short receipt names nobody"
        assert "likeness" not in kept
        assert kept.get("box") is None
        # Done: another run skips it, unless the people are others.
        assert json.loads(call(*given, "--json").stdout)["skipped"] == 1
        shutil.copy(FACES / f"second/{ALIKE[1]:03}.png", people / "ann/3.png")
        assert json.loads(call(*given, "--json").stdout)["done"] == 1
        shares = changed_pixels(pixels(photo), pixels(tmp_path / "out/group.png"), faces)
        assert max(shares[:2]) > 0.9, "two faces for one person: at most one of them stays"

    def test_the_receipt_says_how_alike_they_are(self, group: tuple[Path, list[Face]], people: Path) -> None:
        result = anonymize(group[0], "pixelate", keep=people / "ann/2.png")
        rows = {
            face.likeness.recognizers["dlib-resnet"].similarity: face for face in result.receipt.faces if face.likeness
        }
        assert len(rows) == 3
        best = rows[max(rows)]
        assert best.decision == "kept"
        assert best.likeness is not None
        assert best.likeness.person == "2"
        assert best.likeness.recognizers["dlib-resnet"].far == 0.001
        assert best.likeness.recognizers["dlib-resnet"].matched
        assert sorted(rows)[1] < 0.87
        assert result.warnings == []
        again = Receipt.parse(result.receipt.dump(), "dumped")
        assert again.faces[0].likeness == result.receipt.faces[0].likeness

    def test_a_face_under_another_ones_mask_is_named(self, known: list[Portrait]) -> None:
        spots = [Spot(known[ALIKE[1]], (200, 160), 150), Spot(known[ALIKE[0]], (290, 200), 110)]
        rgb, _ = compose(ground(560, 400, np.random.default_rng(2)), spots)
        plan = make_plan("fill", run={"keep": FACES / f"second/{ALIKE[0]:03}.png"})
        receipt = Anonymizer(plan).anonymize(photo_from_array(rgb), Memory("two"))
        assert [face.decision for face in receipt.faces] == ["changed", "kept"]
        (line,) = receipt.warnings
        assert line.startswith("face 2 was to be kept, and ")
        assert line.endswith("% of it lies under other faces that were changed")


class TestOnly:
    def test_these_alone_are_changed(self, group: tuple[Path, list[Face]], people: Path) -> None:
        photo, faces = group
        memory = Memory("group")
        receipt = Anonymizer(make_plan("pixelate", run={"only": people})).anonymize(read_photo(photo), memory)
        shares = changed_pixels(pixels(photo), read_photo(memory.data).rgb, faces)
        assert shares[0] > 0.9
        assert max(shares[1:]) == 0
        (changed,) = (face for face in receipt.faces if face.decision == "changed")
        assert changed.protected
        assert changed.likeness is not None
        assert changed.likeness.recognizers["dlib-resnet"].far == 0.1
        assert receipt.warnings == []

    def test_a_photo_of_others_is_as_it_was(self, group: tuple[Path, list[Face]], tmp_path: Path) -> None:
        photo, _ = group
        result = call(
            photo, "--method", "pixelate", "--only", FACES / "second/006.png", "--output", tmp_path / "out", "--json"
        )
        (row,) = json.loads(result.stdout)["photos"]
        assert [face["decision"] for face in row["receipt"]["faces"]] == ["kept"] * 3
        assert (pixels(photo) == pixels(tmp_path / "out/group.png")).all()


class TestPeople:
    def plan(self, **run: Path) -> Plan:
        return settled(make_plan("pixelate", run=run))

    @pytest.mark.parametrize(
        ("place", "message"),
        [
            ("nowhere", "--keep: expected a photo or a folder of photos at {}, found neither."),
            ("empty", "--keep: expected photos of a person in {}, found none."),
            ("hollow", "--keep: expected photos of a person in {}/bob, found none."),
            ("mixed", "found both me.png and ann/. Put the photos into sub-folders, one for each person."),
        ],
    )
    def test_no_people(self, tmp_path: Path, place: str, message: str) -> None:
        for folder in ("empty", "hollow/ann", "hollow/bob", "mixed/ann"):
            (tmp_path / folder).mkdir(parents=True)
        for name in ("hollow/ann/1.png", "mixed/me.png", "mixed/ann/1.png"):
            shutil.copy(FACES / "000.png", tmp_path / name)
        with pytest.raises(PeopleError) as caught:
            self.plan(keep=tmp_path / place)
        assert message.format(tmp_path / place) in str(caught.value)

    def test_both_options(self, tmp_path: Path) -> None:
        result = call(FACES / "000.png", "--method", "fill", "--keep", FACES, "--only", FACES, code=2)
        assert "Error: Expected one option that says which faces are changed, found --keep and --only." in result.stderr

    def test_a_photo_of_nobody(self, tmp_path: Path) -> None:
        Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "lawn.png")
        result = call(FACES / "000.png", "--method", "fill", "--only", tmp_path, "--output", tmp_path / "out", code=2)
        assert f"--only: expected the face of a person in {tmp_path / 'lawn.png'}, found none." in result.stderr
        assert not (tmp_path / "out").exists()

    def test_a_photo_of_several_people(self, group: tuple[Path, list[Face]]) -> None:
        with pytest.raises(PeopleError, match=r"expected one large face in .*group.png, found 3, and not whose"):
            Anonymizer(self.plan(keep=group[0]))

    def test_a_file_that_is_no_photo(self, tmp_path: Path) -> None:
        (tmp_path / "me.jpg").write_text("not a photo")
        with pytest.raises(PeopleError, match=r"--keep: .*me.jpg: "):
            Anonymizer(self.plan(keep=tmp_path / "me.jpg"))
