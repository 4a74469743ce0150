"""The bank of generated faces, what it knows of them, and how it is drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from privacy_faces.config.files import resource
from privacy_faces.methods.context import Context
from privacy_faces.methods.inpainting.inpainters.donors import Donors
from privacy_faces.models import face_attributes, face_bank, face_directions
from privacy_faces.models.face_attributes import FaceAttributes, Scores
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_looks import COARSE, FRAME, Looks, bridge_step, eye_detail, looks_of, mirrored
from privacy_faces.models.mobile_stylegan_files import load
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.faces import Face
from privacy_faces.training import face_attributes as training
from privacy_faces.training.face_bank import draw_bank, evened
from privacy_faces.training.generated import generated_portraits
from privacy_faces.weights.store import verified


@pytest.fixture(scope="module")
def shipped() -> FaceBank:
    return face_bank.load(verified("face-bank")[0])


class TestLooks:
    def test_a_line_over_the_nose_is_seen(self, sample: np.ndarray, sample_face: Face) -> None:
        frame = (sample_face.frame(sample, FRAME) * 255 + 0.5).astype(np.uint8)
        landmarks = sample_face.frame_landmarks(FRAME)
        assert bridge_step(frame, landmarks) < 0.3
        (left, y), (right, _) = landmarks[39].astype(int), landmarks[42].astype(int)
        cv2.line(frame, (left, y), (right, y), (20, 20, 20), 2)
        assert bridge_step(frame, landmarks) > 0.6

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

    def test_a_blurred_eye_has_less_detail(self, sample: np.ndarray, sample_face: Face) -> None:
        frame = (sample_face.frame(sample, FRAME) * 255 + 0.5).astype(np.uint8)
        points = sample_face.frame_landmarks(FRAME)
        one = frame.copy()
        one[:, FRAME // 2 :] = cv2.GaussianBlur(frame, (0, 0), 4)[:, FRAME // 2 :]
        assert eye_detail(one, points) < 0.5 * eye_detail(frame, points), "the less clear eye counts"


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
            kind = maps.scores(name, embeddings)
            assert 0.35 < (kind.sex < 0).mean() < 0.65, name
            assert (np.bincount(kind.age_group, minlength=3) / len(shipped) > 0.06).all(), name
            assert 0.05 < (kind.glasses > 0.5).mean() < 0.25, name

    def test_attributes_are_those_that_were_seen(self, shipped: FaceBank) -> None:
        """What ships tells the labeled faces, to which it was fitted, nearly as they were labeled."""
        known = training.of_the_bank(shipped, resource("training/face_bank_labels.csv"))
        maps = face_attributes.load(verified("face-attributes")[0])
        for name in shipped.embeddings:
            shares = {what: right / count for what, (right, count) in training.accuracy(maps, name, known).items()}
            assert shares["sex"] > 0.93, name
            assert shares["age group"] > 0.85, name
            assert shares["glasses"] > 0.93, name


class TestDirections:
    def test_steer_where_styles_are_linear(self) -> None:
        """In a bank whose styles are a linear function of pose and sex, a steered style is the one with those."""
        rng = np.random.default_rng(0)
        pose, sex = rng.normal(size=(600, 3)), rng.choice([-1.0, 1.0], 600)
        own = rng.normal(0, 0.05, (600, 512))
        along, between = rng.normal(size=(3, 512)), rng.normal(size=512)
        styles = pose @ along + sex[:, None] * between + own
        landmarks = 128 + 20 * (pose @ rng.normal(size=(3, 136))).reshape(600, 68, 2)
        landmarks += rng.normal(0, 0.1, landmarks.shape)
        looks = Looks(landmarks.astype("f4"), rng.uniform(0, 1, (600, 3)).astype("f4"), np.zeros((600, 1, 1, 3), "f4"))
        noise = rng.normal(0, 1, (600, 4)).astype("f4")
        kind = Scores(sex.astype("f4"), noise[:, :3], noise[:, 3])
        directions = face_directions.fit(FaceBank(styles.astype("f4"), looks, {}), kind)
        attributes = directions.attributes(looks.landmarks, kind)
        steered = directions.steered(styles[:1].astype("f4"), attributes[:1], attributes[1:2])
        wanted = pose[1] @ along + sex[1] * between + own[0]
        assert np.abs(steered[0] - wanted).mean() < 0.1 * np.abs(styles[0] - wanted).mean()


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
    bank = draw_bank(network, context.finder.landmark_model, [context.recognizer("dlib-resnet")], 2, 3, progress)
    assert seen == [0]
    assert len(bank) == 2
    z = torch.randn(2, 512, generator=torch.Generator().manual_seed(3))
    np.testing.assert_allclose(bank.styles, network.mapping(z, 0.75).detach().numpy(), atol=1e-5)
    assert np.linalg.norm(bank.embeddings["dlib-resnet"], axis=1) == pytest.approx([1, 1], abs=1e-4)


def test_generated_portraits_are_of_people_of_their_own(context: Context) -> None:
    portraits = generated_portraits(load(torch.device("cpu")), context.finder.landmark_model, 2, 64, 3, iter)
    assert portraits.frames.shape == (2, 3, 64, 64)
    assert len(set(portraits.identities)) == 2
    eyes = portraits.landmarks[:, 36:48].mean(1)
    assert (eyes - torch.tensor([31.5, 29.5])).abs().max() < 3, "eyes lie where they do in any frame of FFHQ"


def test_an_evened_bank_has_more_of_those_who_were_few(shipped: FaceBank) -> None:
    donors = Donors(shipped, face_attributes.load(verified("face-attributes")[0]), "dlib-resnet")
    bank = evened(donors, 600)
    assert len(bank) == 600
    np.testing.assert_array_equal(bank.styles[:300], shipped.styles[:300])
    assert len(np.unique(bank.styles, axis=0)) == 600
    after = Donors(bank, donors.attributes, donors.reader)
    for few in (after.kind.age_group == 0, after.kind.age_group == 2, bank.looks.tone[:, 0] < 50):
        assert few[300:].sum() > 1.5 * few[:300].sum()
    assert not (after.veiled | after.covered)[300:600].any()


class TestAttributes:
    @staticmethod
    def faces(count: int, seed: int) -> training.KnownFaces:
        """Embeddings in which a direction each is sex, age and glasses; of half of them the sex is not known."""
        rng = np.random.default_rng(seed)
        sex, group, glasses = rng.choice([-1, 1], count), rng.integers(0, 3, count), rng.integers(0, 2, count)
        values = rng.normal(0, 0.3, (count, 16))
        values[:, 0] += sex
        values[:, 1] += group == 0
        values[:, 2] += group == 2
        values[:, 3] += glasses
        known = np.column_stack([sex, np.eye(3)[group], glasses]).astype(np.float64)
        known[::2, 0] = np.nan
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        return training.KnownFaces(known, np.ones(count), {"r": values.astype(np.float32)})

    def test_finds_sex_age_and_glasses(self) -> None:
        maps = FaceAttributes({"r": training.fit(self.faces(800, 0), "r")})
        others = self.faces(400, 1)
        scores = maps.scores("r", others.embeddings["r"])
        assert np.abs(scores.sex).max() <= 1
        shares = training.accuracy(maps, "r", others)
        assert [count for _, count in shares.values()] == [200, 400, 400]
        for (right, count), share in zip(shares.values(), (0.95, 0.85, 0.9), strict=True):
            assert right / count > share

    def test_words_say_what_is_known(self) -> None:
        np.testing.assert_array_equal(training.row_of(["woman", "old"]), [-1, 0, 0, 1, np.nan])
        np.testing.assert_array_equal(training.row_of(["no glasses", ""]), [np.nan] * 4 + [0])

    def test_asks_for_both_kinds(self) -> None:
        faces = self.faces(20, 0)
        faces.known[:, 4] = 1
        with pytest.raises(ValueError, match="Expected faces that are labeled with glasses and others"):
            training.fit(faces, "r")

    def test_reads_a_table_and_its_photos(self, tmp_path: Path, context: Context) -> None:
        for number in (0, 1):
            Image.open(resource(f"assets/faces/00{number}.png")).save(tmp_path / f"{number}.png")
        Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
        table = (
            "file_name,label,split\n0.png,full beard,train\nnobody.png,tie,train\n1.png,tie,left-out\n1.png,red,train\n"
        )
        (tmp_path / "metadata.csv").write_text(table, encoding="utf-8")
        faces = training.of_photos(tmp_path, context.finder, [context.recognizer("dlib-resnet")], lambda rows: rows)
        assert {split: part.embeddings["dlib-resnet"].shape for split, part in faces.items()} == {
            "train": (1, 128),
            "left-out": (1, 128),
        }
        assert faces["train"].known[0, 0] == 1

    def test_names_what_a_table_lacks(self, shipped: FaceBank, tmp_path: Path, context: Context) -> None:
        with pytest.raises(ValueError, match=r"Expected metadata.csv in "):
            training.of_photos(tmp_path, context.finder, [], lambda rows: rows)
        (tmp_path / "metadata.csv").write_text("file_name,label\na.png,tie\n", encoding="utf-8")
        with pytest.raises(ValueError, match="Expected the columns split in"):
            training.of_photos(tmp_path, context.finder, [], lambda rows: rows)
        labels = tmp_path / "labels.csv"
        labels.write_text("face,sex,age,glasses\n5200,man,old,no\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"Expected numbers of faces from 0 to 5199 in .*labels.csv, found 5200"):
            training.of_the_bank(shipped, labels)
