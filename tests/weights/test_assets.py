"""What ships: every file accounted for, synthetic faces that are nobody; and the commands that made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.judge.thresholds import SYNTHETIC, load_thresholds, threshold_for
from privacy_faces.methods.context import Context
from privacy_faces.methods.inpainting.inpainters.donors import Donors
from privacy_faces.models import face_attributes, face_bank
from privacy_faces.models.mobile_stylegan_files import load
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.training.faces import all_kinds, draw_again, draw_face
from privacy_faces.weights.manifest import manifest
from privacy_faces.weights.store import verified

ASSETS = resource("assets")
OWN = [item for item in manifest().values() if item.store == "shipped" and not item.package]
FACES = sorted((ASSETS / "faces").glob("*.png"))


@pytest.fixture(scope="module")
def donors() -> Donors:
    """The faces of the bank."""
    attributes = face_attributes.load(verified("face-attributes")[0])
    return Donors(face_bank.load(verified("face-bank")[0]), attributes, "dlib-resnet")


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def framed(paths: list[Path], finder: FaceFinder) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames and landmarks of the one face in each picture."""
    found = [finder.find(pixels(path)) for path in paths]
    assert [len(faces) for faces in found] == [1] * len(paths), "each is detected"
    frames = torch.stack(
        [
            torch.from_numpy(faces[0].frame(pixels(path), 256)).permute(2, 0, 1)
            for path, faces in zip(paths, found, strict=True)
        ]
    )
    return frames, torch.from_numpy(np.stack([faces[0].frame_landmarks(256) for faces in found])).float()


class TestManifest:
    def test_lists_every_shipped_file_with_its_digest(self) -> None:
        listed = {file.path: file for item in OWN for file in item.files}
        shipped = {
            path.relative_to(ASSETS).as_posix(): path
            for path in ASSETS.rglob("*")
            if path.is_file() and path.suffix != ".md"
        }
        assert listed.keys() == shipped.keys()
        for name, path in shipped.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name].sha256, name
            assert path.stat().st_size == listed[name].bytes, name

    @pytest.mark.parametrize("weight_id", [item.id for item in OWN])
    def test_says_license_and_origin(self, weight_id: str) -> None:
        item = manifest()[weight_id]
        assert item.license.startswith("Apache-2.0")
        assert item.origin.startswith("privacy-faces ")
        assert item.bytes <= 32 * 2**20

    @pytest.mark.parametrize("name", ["face-prior", "face-diffusion-128", "faces"])
    def test_a_card_lies_beside_the_files(self, name: str) -> None:
        card = (ASSETS / f"{name}.md").read_text(encoding="utf-8")
        for part in ("**What**", "**Made by** `privacy-faces models", "**Limits**", "**License**"):
            assert part in card


class TestFaces:
    def test_are_drawn_from_the_shipped_bank(self, donors: Donors) -> None:
        about = json.loads((ASSETS / "faces/faces.json").read_text(encoding="utf-8"))
        assert [row["file"] for row in about["faces"]] == [path.name for path in FACES]
        assert len(FACES) >= 24
        network = load(torch.device("cpu"))
        for row in about["faces"][:2]:
            drawn = draw_face(donors, network, row["bank"]), draw_again(donors, network, row["bank"], row["again"])
            for folder, picture in zip(("faces", "faces/second"), drawn, strict=True):
                again = (picture.permute(1, 2, 0) * 255).round().numpy()
                assert np.abs(again - pixels(ASSETS / folder / row["file"])).max() <= 1

    def test_are_of_all_kinds(self, donors: Donors) -> None:
        about = json.loads((ASSETS / "faces/faces.json").read_text(encoding="utf-8"))
        rows = np.array([row["bank"] for row in about["faces"]])
        assert 6 <= (donors.kind.sex[rows] < 0).sum() <= 18, "women and men"
        assert set(donors.kind.age_group[rows]) == {0, 1, 2}, "children, adults and old people"
        assert (donors.bank.looks.tone[rows, 0] < 45).sum() >= 4, "dark skin"

    def test_second_photos_are_of_the_same_people(self, finder: FaceFinder, context: Context) -> None:
        """Every second photo matches the first, at the strictest rate of generated faces, and is another picture."""
        recognizer = context.recognizer("dlib-resnet")
        first, second = (
            recognizer.embed(*framed(paths, finder))
            for paths in (FACES, [path.parent / "second" / path.name for path in FACES])
        )
        similarity = recognizer.similarity(first, second)
        assert similarity.min() > threshold_for(load_thresholds(SYNTHETIC), recognizer.name, 0.001).threshold
        assert similarity.max() < 0.995

    def test_are_different_people(self, donors: Donors) -> None:
        """By every recognizer of the bank, at the portraits' strictest threshold."""
        about = json.loads((ASSETS / "faces/faces.json").read_text(encoding="utf-8"))
        rows = np.array([row["bank"] for row in about["faces"]])
        for name, embeddings in donors.bank.embeddings.items():
            pairs = (embeddings[rows] @ embeddings[rows].T)[np.triu_indices(len(rows), 1)]
            assert pairs.max() < threshold_for(load_thresholds(), name, 0.001).threshold

    def test_the_command_keeps_what_is_found_and_different(self, tmp_path: Path) -> None:
        arguments = ["models", "faces", "--output", str(tmp_path / "faces"), "--count", "2", "--only"]
        short = CliRunner().invoke(main, [*arguments, "84,84"])
        assert short.exit_code == 2
        assert "Expected 2 different faces, found 1 among 2" in short.stderr
        assert not (tmp_path / "faces").exists(), "nothing is half-written"
        done = CliRunner().invoke(main, [*arguments, "84,84,30"])
        assert done.exit_code == 0, done.output
        about = json.loads((tmp_path / "faces/faces.json").read_text(encoding="utf-8"))
        assert [row["bank"] for row in about["faces"]] == [84, 30], "the second 84 is no other person"
        shipped = {row["bank"]: row["file"] for row in json.loads((ASSETS / "faces/faces.json").read_text())["faces"]}
        for row in about["faces"]:
            for folder in ("", "second"):
                again = pixels(tmp_path / "faces" / folder / row["file"]).astype(int)
                assert np.abs(again - pixels(ASSETS / "faces" / folder / shipped[row["bank"]])).max() <= 1
        outside = CliRunner().invoke(main, [*arguments, "84,999999"])
        assert outside.exit_code == 2
        assert "Expected numbers from 0 to 5199" in outside.stderr

    def test_kinds_of_people_take_turns(self, donors: Donors) -> None:
        first = np.array(all_kinds(donors)[:12])
        assert {
            (bool(sex > 0), int(age))
            for sex, age in zip(donors.kind.sex[first], donors.kind.age_group[first], strict=True)
        } == {(man, group) for man in (False, True) for group in range(3)}


class TestSyntheticThresholds:
    def test_the_command_measures_those_that_ship(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(main, ["models", "synthetic-thresholds", "--output", str(tmp_path / "made.json")])
        assert done.exit_code == 0, done.output
        made, shipped = (
            load_thresholds(path) for path in (tmp_path / "made.json", ASSETS / "thresholds-synthetic.json")
        )
        for name, found in shipped.calibrated.items():
            assert [point.threshold for point in made.calibrated[name].points] == pytest.approx(
                [point.threshold for point in found.points], abs=1e-5
            )

    def test_generated_faces_are_taken_for_one_another_at_its_rates(self, donors: Donors) -> None:
        """On faces of the bank that had no part; the portraits' thresholds accept many more."""
        rows = slice(0, 1500)
        for name, embeddings in donors.bank.embeddings.items():
            pairs = (embeddings[rows] @ embeddings[rows].T)[np.triu_indices(1500, 1)]
            for far in (0.1, 0.01, 0.001):
                own, portraits = (
                    float((pairs > threshold_for(load_thresholds(path), name, far).threshold).mean())
                    for path in (SYNTHETIC, None)
                )
                assert own == pytest.approx(far, rel=0.35)
                assert portraits > 2 * far

    def test_other_recognizers_keep_theirs(self) -> None:
        assert load_thresholds(SYNTHETIC).legacy == load_thresholds().legacy
