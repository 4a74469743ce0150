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
from privacy_faces.judge.thresholds import load_thresholds, threshold_for
from privacy_faces.methods.context import Context
from privacy_faces.models.face_prior import load
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.training.faces import PAIR, STRANGER, draw_again, draw_face
from privacy_faces.training.portraits import load_portraits
from privacy_faces.weights.manifest import manifest
from privacy_faces.weights.store import verified

ASSETS = resource("assets")
OWN = [item for item in manifest().values() if item.store == "shipped" and not item.package]
FACES = sorted((ASSETS / "faces").glob("*.png"))


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
    def test_are_drawn_from_the_shipped_model(self) -> None:
        about = json.loads((ASSETS / "faces/faces.json").read_text(encoding="utf-8"))
        assert [row["file"] for row in about["faces"]] == [path.name for path in FACES]
        assert len(FACES) >= 24
        prior = load(verified("face-prior")[0], torch.device("cpu"))
        for row in about["faces"][:3]:
            for folder, draw in (("faces", draw_face), ("faces/second", draw_again)):
                again = (draw(prior, about["seed"], row["sample"]).permute(1, 2, 0) * 255).round().numpy()
                assert np.abs(again - pixels(ASSETS / folder / row["file"])).max() <= 1

    def test_second_photos_are_of_the_same_people(self, finder: FaceFinder, context: Context) -> None:
        """Every second photo matches the first, at the strictest calibrated rate, and is another picture."""
        recognizer = context.recognizer("dlib-resnet")
        first, second = (
            recognizer.embed(*framed(paths, finder))
            for paths in (FACES, [path.parent / "second" / path.name for path in FACES])
        )
        similarity = recognizer.similarity(first, second)
        assert similarity.min() > threshold_for(load_thresholds(), recognizer.name, 0.001).threshold
        assert similarity.max() < 0.995

    @pytest.mark.slow(reason="finds 24 faces, and for the strangers all 915 portraits")
    def test_are_nobody(
        self, finder: FaceFinder, context: Context, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        recognizer = context.recognizer("dlib-resnet")
        frames, places = framed(FACES, finder)
        portraits = load_portraits(shared_data / "portraits", 128)
        with torch.no_grad():
            descriptors = recognizer.features(recognizer.template.chips(frames, places))
            known = torch.cat(
                [
                    recognizer.features(recognizer.template.chips(*portraits.part(start, 32)))
                    for start in range(0, len(portraits), 32)
                ]
            )
        pairs = torch.pdist(descriptors)
        assert pairs.min() > PAIR
        assert torch.cdist(descriptors, known).min() > STRANGER

    def test_the_command_keeps_what_is_found_and_far(
        self, shared_data: Path, portraits: list[Path], tmp_path: Path
    ) -> None:
        person = tmp_path / "data/someone"
        person.mkdir(parents=True)
        (person / "0.jpg").write_bytes(portraits[0].read_bytes())
        arguments = [
            "models",
            "faces",
            "--data",
            str(tmp_path / "data"),
            "--output",
            str(tmp_path / "faces"),
            "--count",
            "2",
            "--only",
        ]
        done = CliRunner().invoke(main, [*arguments, "155,155,17"])
        assert done.exit_code == 0, done.output
        about = json.loads((tmp_path / "faces/faces.json").read_text(encoding="utf-8"))
        assert [row["sample"] for row in about["faces"]] == [155, 17], "the second 155 is no other person"
        short = CliRunner().invoke(main, [*arguments, "155,155"])
        assert short.exit_code == 2
        assert "Expected 2 different faces, found 1 among 2 samples" in short.stderr
