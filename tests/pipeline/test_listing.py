"""faces.json: written, edited, applied; and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.composites import Portrait, Spot, compose, ground, portraits
from privacy_faces import anonymize, find_faces
from privacy_faces.cli import main
from privacy_faces.config.files import resource, sha256_of
from privacy_faces.photos.detection.dlib_models import DlibLandmarks
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.detection.given import BoxError, face_in
from privacy_faces.photos.detection.turned import same_place
from privacy_faces.pipeline import listing
from privacy_faces.pipeline.listing import FaceList, FacesError, ListedFace, ListedPhoto

pytestmark = pytest.mark.usefixtures("one_thread")

FACES = resource("assets/faces")
ALIKE = (4, 16, 14)

Edit = Callable[[list[dict[str, Any]]], None]


def call(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def known() -> list[Portrait]:
    return portraits(FACES, make_finder(), max(ALIKE) + 1)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, known: list[Portrait]) -> Path:
    """A folder with a group photo, another photo of one of them in a sub-folder, and the list of their faces."""
    folder = tmp_path_factory.mktemp("album")
    spots = [Spot(known[who], (110 + 210 * place, 150), 110) for place, who in enumerate(ALIKE)]
    (folder / "in/sub").mkdir(parents=True)
    Image.fromarray(compose(ground(640, 300, np.random.default_rng(1)), spots)[0]).save(folder / "in/group.png")
    shutil.copy(FACES / f"second/{ALIKE[0]:03}.png", folder / "in/sub/ann.png")
    (folder / "in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    result = call("faces", folder / "in", "--output", folder / "faces.json", "--thumbnails", code=1)
    assert f"{folder / 'in/broken.png'}: FAILED: " in result.stderr
    assert "person 1  2      group.png, sub/ann.png\n" in result.stdout
    assert "4 faces of 3 people in 2 photos, written to " in result.stdout
    (folder / "in/broken.png").unlink()
    return folder


@pytest.fixture
def edited(album: Path, tmp_path: Path) -> Callable[[Edit], Path]:
    """Writes the list anew, the faces of the group photo edited, from left to right."""

    def edit(change: Edit) -> Path:
        content = json.loads((album / "faces.json").read_text())
        faces = content["photos"][0]["faces"]
        faces.sort(key=lambda face: face["box"][0])
        change(faces)
        path = tmp_path / "edited.json"
        path.write_text(json.dumps(content))
        return path

    return edit


def changed_in(album: Path, image: Image.Image, place: tuple[float, float], side: int = 40) -> float:
    """Which share of a square around a place in the group photo is not as it was."""
    before, after = np.asarray(Image.open(album / "in/group.png")), np.asarray(image)
    x, y = (round(value) for value in place)
    window = np.s_[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2]
    return float((before[window] != after[window]).any(-1).mean())


def test_what_is_written(album: Path) -> None:
    content = FaceList.read(album / "faces.json")
    assert [photo.photo for photo in content.photos] == ["group.png", "sub/ann.png"]
    assert content.photos[1].sha256 == sha256_of(album / "in/sub/ann.png")
    assert sorted(face.person or 0 for face in content.photos[0].faces) == [1, 2, 3]
    assert content.photos[1].faces[0].person == 1
    assert {face.decision for photo in content.photos for face in photo.faces} == {"change"}
    assert (content.recognizers, content.far) == (["dlib-resnet"], 0.001)
    names = {face.thumbnail for photo in content.photos for face in photo.faces}
    folder = album / "faces.json.thumbnails"
    assert names == {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    assert max(Image.open(folder / "sub/ann.png.1.jpg").size) == 160
    assert FaceList.model_validate_json(content.dump()) == content
    lines = (album / "faces.json").read_text().splitlines()
    assert sum('"decision": "change"' in line for line in lines) == 4, "a line for each face"
    refused = call("faces", album / "in", "--output", album / "faces.json", code=2)
    assert "faces.json is there already. Choose another --output; --overwrite replaces it." in refused.stderr


def test_unedited_it_changes_nothing(album: Path) -> None:
    photo = album / "in/group.png"
    usual, listed = anonymize(photo, "pixelate"), anonymize(photo, "pixelate", faces=album / "faces.json")
    assert (np.asarray(usual.image) == np.asarray(listed.image)).all()
    assert [face.decision for face in listed.receipt.faces] == ["changed"] * 3


def test_a_face_kept_one_moved_and_one_added(album: Path, edited: Callable[[Edit], Path], tmp_path: Path) -> None:
    def change(faces: list[dict[str, Any]]) -> None:
        faces[0]["decision"] = "keep"
        faces[1]["box"] = [value + 12 for value in faces[1]["box"]]  # the landmarks go with it
        faces.append({"box": [180, 230, 240, 295]})

    path = edited(change)
    args = ("anonymize", album / "in", "--method", "fill", "--faces", path, "--output", tmp_path / "out", "--json")
    content = json.loads(call(*args).stdout)
    receipt = content["photos"][0]["receipt"]
    assert [face["decision"] for face in receipt["faces"]] == ["kept", "changed", "changed", "changed"]
    image = Image.open(tmp_path / "out/group.png")
    assert changed_in(album, image, (110, 150)) == 0
    # The chin went down by 12 pixels, the forehead too.
    usual = anonymize(album / "in/group.png", "fill").image
    box = json.loads(path.read_text())["photos"][0]["faces"][1]["box"]
    below = ((box[0] + box[2]) / 2, box[3] - 6)
    assert changed_in(album, image, below, 8) > 0.9
    assert changed_in(album, usual, below, 8) < 0.6
    assert changed_in(album, image, (530, 150)) > 0.9
    assert changed_in(album, image, (210, 262), 20) > 0.9
    assert receipt["faces"][3]["detection_score"] == 0
    assert json.loads(call(*args).stdout)["skipped"] == 2
    edited(lambda faces: faces[2].update(decision="keep"))
    assert json.loads(call(*args).stdout)["done"] == 2, "another list"


def test_a_face_that_is_taken_out_is_changed(album: Path, edited: Callable[[Edit], Path]) -> None:
    result = anonymize(album / "in/group.png", "fill", faces=edited(lambda faces: faces.pop(1)))
    assert changed_in(album, result.image, (320, 150)) > 0.9
    assert "face 3 is not in the list of faces, and is changed" in result.warnings


def test_a_photo_that_is_not_listed_is_done_as_usual(album: Path) -> None:
    result = anonymize(FACES / "005.png", "fill", faces=album / "faces.json")
    assert result.receipt.faces[0].changed
    assert result.warnings == ["not in the list of faces: all its faces are changed"]


def test_a_photo_in_memory(album: Path) -> None:
    photo = album / "in/group.png"
    assert len(anonymize(photo.read_bytes(), "fill", faces=album / "faces.json").warnings) == 0
    with pytest.raises(FacesError, match="expected a photo in a file, by whose content it is found"):
        anonymize(Image.open(photo), "fill", faces=album / "faces.json")


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "found another file: Invalid JSON"),
            ("[" * 100_000, "found another file: Invalid JSON"),
            ('{"schema": 1, "method": "fill", "photos": []}', "found another file: method: Extra inputs"),
            ('{"schema": 2, "photos": []}', "found another file: schema: Input should be 1"),
            (
                '{"schema": 1, "photos": [{"photo": "a", "sha256": "0", "faces": []}]}',
                "photos.0.sha256: String should match pattern",
            ),
        ],
    )
    def test_a_file_that_is_no_list(self, tmp_path: Path, content: str, message: str) -> None:
        path = tmp_path / "mine.json"
        path.write_text(content)
        result = call("anonymize", FACES / "000.png", "--method", "fill", "--faces", path, code=2)
        assert f"--faces: expected a list of faces of version 1 in {path}, found another file" in result.stderr
        assert message in result.stderr

    @pytest.mark.parametrize(
        ("face", "message"),
        [
            ({"decision": "hide"}, "decision: Input should be 'change' or 'keep'"),
            ({"box": [9, 0, 5, 4]}, r"box: expected left, top, right, bottom, found \[9.0, 0.0, 5.0, 4.0\]"),
            ({"box": [0, 0, float("inf"), 4]}, "box.2: Input should be a finite number"),
            ({"landmarks": [[0, 0]] * 6}, "landmarks: expected 68 landmarks, or 5 .*, found 6"),
            ({"person": 0}, "person: Input should be greater than or equal to 1"),
            ({"size": 3}, "size: Extra inputs are not permitted"),
        ],
    )
    def test_a_face_that_is_none(self, tmp_path: Path, face: dict[str, Any], message: str) -> None:
        faces = [{"box": [0, 0, 5, 5]} | face]
        content = {"schema": 1, "photos": [{"photo": "a.png", "sha256": 64 * "0", "faces": faces}]}
        (tmp_path / "mine.json").write_text(json.dumps(content).replace("Infinity", "1e999"))
        with pytest.raises(FacesError, match=message):
            FaceList.read(tmp_path / "mine.json")

    def test_a_file_that_is_too_large_or_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(
            FacesError, match=r"expected a file at .*, found none. Make one: privacy-faces faces PHOTOS"
        ):
            FaceList.read(tmp_path)
        (tmp_path / "large.json").write_bytes(bytes(2000))
        monkeypatch.setattr(listing, "LARGEST", 1000)
        with pytest.raises(FacesError, match=r"expected at most 0 MiB in .*large.json, found 0 MiB"):
            FaceList.read(tmp_path / "large.json")

    def test_another_photo_of_that_name(self, album: Path, tmp_path: Path) -> None:
        shutil.copy(FACES / "005.png", tmp_path / "group.png")
        args = ("--method", "fill", "--faces", album / "faces.json", "--output", tmp_path / "out")
        result = call("anonymize", tmp_path / "group.png", *args, code=1)
        assert "group.png: FAILED: expected the photo whose faces are listed as group.png (sha256 " in result.stderr
        assert not (tmp_path / "out/group.png").exists()

    def test_two_lists_for_one_content(self) -> None:
        photos = [
            ListedPhoto(photo=name, sha256=64 * "0", faces=[ListedFace(box=(0, 0, 9, 9), decision=decision)])
            for name, decision in (("a.png", "keep"), ("b.png", "change"))
        ]
        both = FaceList(schema=1, photos=photos)
        assert (both.faces_of("x/b.png", 64 * "0") or [])[0].decision == "change"
        with pytest.raises(FacesError, match=r"found 2 that differ, as a.png and b.png"):
            both.faces_of("c.png", 64 * "0")

    def test_with_people(self, album: Path) -> None:
        options = ("--faces", album / "faces.json", "--keep", FACES / "000.png")
        result = call("anonymize", FACES / "000.png", "--method", "fill", *options, code=2)
        assert "Expected one option that says which faces are changed, found --keep and --faces." in result.stderr


class TestBoxes:
    def test_landmarks_are_placed(self, known: list[Portrait]) -> None:
        for portrait in (known[0], known[13]):
            face = face_in(portrait.rgb, portrait.face.box, None, DlibLandmarks())
            assert same_place(face, portrait.face)
            apart = np.abs(face.landmarks - portrait.face.landmarks).mean() / portrait.face.eye_distance
            assert apart < 0.05

    @pytest.mark.parametrize(
        ("box", "message"),
        [
            (
                (0, 0, 4, 4),
                r"expected a box from 8 pixels to the size of the photo .256 x 256., found .0, 0, 4, 4.",
            ),
            ((0, 0, 4000, 40), "expected a box from 8 pixels"),
            ((300, 300, 340, 340), r"expected a box in the photo \(256 x 256\)"),
        ],
    )
    def test_refused(self, known: list[Portrait], box: tuple[float, ...], message: str) -> None:
        with pytest.raises(BoxError, match=message):
            face_in(known[0].rgb, np.array(box, dtype=float), None, DlibLandmarks())

    def test_points_outside_of_it(self, known: list[Portrait]) -> None:
        face = known[0].face
        with pytest.raises(BoxError, match="expected eyes, nose and mouth in the box"):
            face_in(known[0].rgb, np.array([0.0, 0, 30, 30]), face.landmarks, DlibLandmarks())


def test_no_photo_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no photo")
    found = find_faces([tmp_path])
    assert found.faces.photos == []
    assert list(found.failed) == [str(tmp_path / "a.png")]
