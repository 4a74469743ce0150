"""The bank of generated faces, what it knows of them, and how it is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from privacy_faces.methods.context import Context
from privacy_faces.models import face_attributes, face_bank
from privacy_faces.models.face_attributes import FaceAttributes
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_looks import COARSE, FRAME, Looks, looks_of, mirrored
from privacy_faces.models.mobile_stylegan_files import load
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.faces import Face
from privacy_faces.training import face_attributes as training
from privacy_faces.training.face_bank import draw_bank
from privacy_faces.weights.store import verified


@pytest.fixture(scope="module")
def shipped() -> FaceBank:
    return face_bank.load(verified("face-bank")[0])


class TestLooks:
    def test_of_the_sample(self, sample: np.ndarray, sample_face: Face) -> None:
        frame = (sample_face.frame(sample, FRAME) * 255 + 0.5).astype(np.uint8)
        looks = looks_of(frame, sample_face.frame_landmarks(FRAME))
        assert looks.landmarks.shape == (1, 68, 2)
        assert looks.coarse.shape == (1, COARSE, COARSE, 3)
        lightness, red, yellow = looks.tone[0]
        assert 60 < lightness < 90
        assert 5 < red < 30
        assert 5 < yellow < 40
        assert looks.coarse[0, 2:4, 6:10, 0].mean() < -8, "hair is darker than skin"

    def test_a_mirror_image_has_mirrored_looks(self, sample: np.ndarray, sample_face: Face) -> None:
        frame = (sample_face.frame(sample, FRAME) * 255 + 0.5).astype(np.uint8)
        points = sample_face.frame_landmarks(FRAME)
        turned = looks_of(np.ascontiguousarray(frame[:, ::-1]), mirrored(points, FRAME))
        expected = looks_of(frame, points).mirrored()
        np.testing.assert_allclose(turned.landmarks, expected.landmarks)
        np.testing.assert_allclose(turned.tone, expected.tone, atol=0.5)
        np.testing.assert_allclose(turned.coarse, expected.coarse, atol=1.5)
        left_eye, right_eye = (expected.landmarks[0, part, 0].mean() for part in (slice(36, 42), slice(42, 48)))
        assert left_eye < right_eye, "the left eye of the picture is still on its left"

    def test_twice_mirrored_is_as_before(self) -> None:
        points = np.random.default_rng(0).uniform(0, FRAME, (2, 68, 2)).astype(np.float32)
        np.testing.assert_allclose(mirrored(mirrored(points, FRAME), FRAME), points, atol=1e-4)


class TestShipped:
    def test_faces_differ(self, shipped: FaceBank) -> None:
        assert len(shipped) > 2000
        for name, values in shipped.embeddings.items():
            assert values.shape[0] == len(shipped), name
            np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=2e-3)
        first = shipped.embeddings["dlib-resnet"][:200]
        similar = (first @ first.T)[np.triu_indices(200, 1)]
        assert (similar > 0.927).mean() < 0.1, "at the threshold of FAR 0.001 few are taken for each other"

    def test_is_what_the_generator_draws(self, shipped: FaceBank, context: Context) -> None:
        """Drawn again, a face has the landmarks, the tone and the embedding that the bank states."""
        network = load(torch.device("cpu"))
        with torch.no_grad():
            picture = ((network.synthesize(torch.from_numpy(shipped.styles[7:8]), FRAME) + 1) / 2).clamp(0, 1)
            looks = looks_of(to_pixels(picture[0]), context.finder.landmark_model.place(to_pixels(picture[0])))
            points = torch.from_numpy(shipped.looks.landmarks[7:8])
            embedding = context.recognizer("dlib-resnet").embed(picture, points)[0].numpy()
        assert np.abs(looks.landmarks[0] - shipped.looks.landmarks[7]).mean() < 1
        assert np.abs(looks.tone[0] - shipped.looks.tone[7]).max() < 1
        assert embedding @ shipped.embeddings["dlib-resnet"][7] > 0.995

    def test_has_women_and_men_children_and_old_people(self, shipped: FaceBank) -> None:
        maps = face_attributes.load(verified("face-attributes")[0])
        for name, embeddings in shipped.embeddings.items():
            scores = maps.scores(name, embeddings)
            women = (scores[:, 0] < 0).mean()
            assert 0.3 < women < 0.7, name
            ages = np.bincount(scores[:, 1:].argmax(1), minlength=3) / len(scores)
            assert (ages > 0.02).all(), name


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    looks = Looks(
        rng.uniform(0, 255, (3, 68, 2)).astype(np.float32),
        rng.uniform(0, 80, (3, 3)).astype(np.float32),
        rng.integers(-100, 100, (3, COARSE, COARSE, 3)).astype(np.float32),
    )
    bank = FaceBank(rng.normal(size=(3, 512)).astype(np.float32), looks, {"a": rng.normal(size=(3, 8)).astype("f4")})
    face_bank.save(bank, tmp_path / "bank.safetensors")
    back = face_bank.load(tmp_path / "bank.safetensors")
    np.testing.assert_allclose(back.styles, bank.styles, atol=2e-3)
    np.testing.assert_allclose(back.looks.landmarks, looks.landmarks, atol=0.1)
    np.testing.assert_array_equal(back.looks.coarse, looks.coarse)
    assert set(back.embeddings) == {"a"}


@pytest.mark.slow(reason="draws, finds and embeds faces")
def test_a_drawn_bank_has_a_face_of_each_style(context: Context) -> None:
    seen: list[int] = []

    def progress(batches: range) -> range:
        seen.extend(batches)
        return batches

    network = load(torch.device("cpu"))
    bank = draw_bank(network, context.finder, [context.recognizer("dlib-resnet")], 2, 3, progress)
    assert seen == [0]
    assert len(bank) == 2
    z = torch.randn(2, 512, generator=torch.Generator().manual_seed(3))
    np.testing.assert_allclose(bank.styles, network.mapping(z, 0.75).detach().numpy(), atol=1e-5)
    assert np.linalg.norm(bank.embeddings["dlib-resnet"], axis=1) == pytest.approx([1, 1], abs=1e-4)


class TestAttributes:
    @staticmethod
    def faces(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Embeddings in which one direction is sex and two are age, the sex, and labels that say one of them."""
        rng = np.random.default_rng(seed)
        sex, group = rng.choice([-1, 1], count), rng.integers(0, 3, count)
        values = rng.normal(0, 0.3, (count, 16))
        values[:, 0] += sex
        values[:, 1] += group == 0
        values[:, 2] += group == 2
        words = {0: "small child", 1: "30 year old adult", 2: "wrinkly 70 year old senior"}
        of_sex = {-1: "red lipstick", 1: "full beard"}
        labels = [
            words[age] if number % 2 else of_sex[own] if number % 4 else "night background"
            for number, (own, age) in enumerate(zip(sex.tolist(), group.tolist(), strict=True))
        ]
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32), sex, labels

    def test_finds_sex_and_age(self) -> None:
        values, _, labels = self.faces(800, 0)
        maps = FaceAttributes({"r": training.fit(values, labels)})
        others, sex, labels = self.faces(400, 1)
        scores = maps.scores("r", others)
        assert (np.sign(scores[:, 0]) == sex).mean() > 0.95
        assert np.abs(scores[:, 0]).max() <= 1
        right, count = training.age_accuracy(
            maps, "r", training.LabeledFaces(labels, ["left-out"] * len(labels), {"r": others})
        )
        assert count == 200
        assert right >= 175

    def test_asks_for_labels(self) -> None:
        with pytest.raises(ValueError, match="Expected photos whose labels say men, found none among 2"):
            training.fit(np.eye(2, dtype=np.float32), ["lipstick", "small child"])

    def test_reads_a_table_and_its_photos(self, tmp_path: Path, context: Context) -> None:
        from PIL import Image

        from privacy_faces.config.files import resource

        for number in (0, 1):
            Image.open(resource(f"assets/faces/00{number}.png")).save(tmp_path / f"{number}.png")
        Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
        table = "file_name,label,split\n0.png,beanie,train\nnobody.png,fedora,train\n1.png,tie,left-out\n"
        (tmp_path / "metadata.csv").write_text(table, encoding="utf-8")
        faces = training.embedded(tmp_path, context.finder, [context.recognizer("dlib-resnet")], lambda rows: rows)
        assert faces.labels == ["beanie", "tie"]
        assert faces.part("left-out").embeddings["dlib-resnet"].shape == (1, 128)

    def test_names_what_a_table_lacks(self, tmp_path: Path, context: Context) -> None:
        with pytest.raises(ValueError, match=r"Expected metadata.csv in "):
            training.embedded(tmp_path, context.finder, [], lambda rows: rows)
        (tmp_path / "metadata.csv").write_text("file_name,label\na.png,tie\n", encoding="utf-8")
        with pytest.raises(ValueError, match="Expected the columns split in"):
            training.embedded(tmp_path, context.finder, [], lambda rows: rows)
