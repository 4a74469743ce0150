"""The PyTorch ResNet against dlib's own."""

from __future__ import annotations

import time
from pathlib import Path

import dlib
import numpy as np
import pytest
import torch
from PIL import Image

from privacy_faces.methods.context import Context
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.recognizers.dlib_resnet import DlibResNet, load_dat
from privacy_faces.weights.store import verified


@pytest.fixture(scope="module")
def original() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(verified("dlib-resnet")[0]))


@pytest.fixture(scope="module")
def recognizer(context: Context) -> Recognizer:
    return context.recognizer("dlib-resnet")


def chips_of(photos: list[np.ndarray], finder: FaceFinder) -> list[np.ndarray]:
    """Aligned chips (150, 150, 3), cut by dlib itself."""
    chips = []
    for photo in photos:
        face = finder.find(photo)[0]
        shape = dlib.full_object_detection(
            dlib.rectangle(*(round(v) for v in face.box)),
            dlib.points([dlib.point(*place) for place in face.landmarks.round().astype(int)]),
        )
        chips.append(np.array(dlib.get_face_chip(photo, shape, 150, 0.25)))
    return chips


def assert_same_and_faster(
    chips: list[np.ndarray], original: dlib.face_recognition_model_v1, recognizer: Recognizer
) -> None:
    started = time.perf_counter()
    expected = np.array([original.compute_face_descriptor(chip) for chip in chips])
    theirs = (time.perf_counter() - started) / len(chips)
    tensor = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        np.testing.assert_allclose(recognizer.features(tensor).numpy(), expected, atol=1e-5, rtol=0)
        recognizer.features(tensor[:16])
        started = time.perf_counter()
        recognizer.features(tensor[:16])
        ours = (time.perf_counter() - started) / 16
    print(f"dlib {theirs * 1000:.1f} ms a face, ours {ours * 1000:.1f} ms a face, {theirs / ours:.1f} times faster")  # noqa: T201 - the figures belong in the log
    assert theirs > 5 * ours


def test_equals_dlib_on_the_sample_photo(
    sample: np.ndarray, finder: FaceFinder, original: dlib.face_recognition_model_v1, recognizer: Recognizer
) -> None:
    views = [np.ascontiguousarray(np.roll(sample, (3 * i, -2 * i), (0, 1)) // (1 + i % 3)) for i in range(16)]
    assert_same_and_faster(chips_of(views, finder), original, recognizer)


def test_equals_dlib_on_portraits(
    portraits: list[Path], finder: FaceFinder, original: dlib.face_recognition_model_v1, recognizer: Recognizer
) -> None:
    photos = [np.array(Image.open(path).convert("RGB")) for path in portraits[::31][:20]]
    assert len(photos) == 20
    assert_same_and_faster(chips_of(photos, finder), original, recognizer)


@pytest.mark.parametrize("size", [128, 256, 512])
def test_alignment_from_frames_agrees_with_dlib_chips(
    size: int, sample: np.ndarray, finder: FaceFinder, original: dlib.face_recognition_model_v1, recognizer: Recognizer
) -> None:
    face = finder.find(sample)[0]
    (chip,) = chips_of([sample], finder)
    expected = np.array(original.compute_face_descriptor(chip))
    frame = torch.from_numpy(face.frame(sample, size)).permute(2, 0, 1)[None]
    with torch.no_grad():
        embedding = recognizer.embed(frame, torch.from_numpy(face.frame_landmarks(size))[None].float())[0].numpy()
    # Two samplings of one face: 0.992 was the least of twenty portraits at these sizes.
    assert embedding @ expected / np.linalg.norm(expected) > 0.985


def test_template_eyes_are_as_far_apart_as_stated() -> None:
    template = DlibResNet.template
    eyes = np.array(template.points)
    assert np.hypot(*(eyes[[0, 1]].mean(0) - eyes[[2, 3]].mean(0))) == pytest.approx(template.eye_distance, abs=0.1)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.dat").write_bytes(verified("dlib-resnet")[0].read_bytes()[:100_000])
    with pytest.raises(ValueError, match="Expected dlib's face recognition ResNet with 59 tensors; tensor"):
        load_dat(tmp_path / "other.dat")
