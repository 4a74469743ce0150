"""The linear face model against closed forms, its training command, and what the inpainter paints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from kornia.filters import gaussian_blur2d
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.registry import INPAINTERS
from privacy_faces.methods.context import Context
from privacy_faces.methods.inpainting.inpainters.face_prior import FacePrior
from privacy_faces.models.face_prior import FaceModel, fit, load, save
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of


def random_model(components: int = 4, size: int = 8) -> FaceModel:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3 * size * size, components, generator=generator, dtype=torch.float64)
    return FaceModel(torch.full((3 * size * size,), 0.5, dtype=torch.float64), 0.1 * values, 0.01, size)


def test_posterior_is_the_conditional_gaussian() -> None:
    """Against conditioning the joint Gaussian of all pixels, the long way."""
    model = random_model()
    frame = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    visible = torch.zeros(8, 8, dtype=torch.bool)
    visible[:, :3] = True
    mean, factor = model.posterior(frame, visible, temperature=1.0)
    rows = visible.expand(3, -1, -1).flatten()
    w = model.components
    covariance = w @ w.T + model.variance * torch.eye(192, dtype=torch.float64)
    cross = w[~rows] @ w[rows].T
    expected = model.mean[~rows] + cross @ torch.linalg.solve(
        covariance[rows][:, rows], frame.flatten()[rows] - model.mean[rows]
    )
    torch.testing.assert_close(model.frames(mean[None])[0].flatten()[~rows], expected)
    hidden = covariance[~rows][:, ~rows] - cross @ torch.linalg.solve(covariance[rows][:, rows], cross.T)
    spread = w[~rows] @ factor @ factor.T @ w[~rows].T + model.variance * torch.eye(
        int((~rows).sum()), dtype=torch.float64
    )
    torch.testing.assert_close(spread, hidden)


def test_a_hint_is_a_measurement_of_the_leading_coefficients() -> None:
    """Against conditioning z on z_0 + noise, the long way."""
    model = random_model()
    frame = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    visible = torch.zeros(8, 8, dtype=torch.bool)
    visible[:, :2] = True
    mean, factor = model.posterior(frame, visible, 1.0)
    spread = factor @ factor.T
    hinted, hinted_factor = model.posterior(
        frame, visible, 1.0, torch.tensor([2.0], dtype=torch.float64), hint_deviation=0.5
    )
    gain = spread[:, 0] / (spread[0, 0] + 0.25)
    torch.testing.assert_close(hinted, mean + gain * (2.0 - mean[0]))
    torch.testing.assert_close(hinted_factor @ hinted_factor.T, spread - torch.outer(gain, spread[0]))


def test_coefficients_are_the_posterior_mean_of_a_whole_frame() -> None:
    model = random_model()
    axes = torch.linalg.qr(model.components).Q * torch.tensor([0.9, 0.7, 0.4, 0.2], dtype=torch.float64)
    model = FaceModel(model.mean, axes, model.variance, model.size)
    frames = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.stack([model.posterior(frame, torch.ones(8, 8, dtype=torch.bool), 1.0)[0] for frame in frames])
    torch.testing.assert_close(model.coefficients(frames), expected)


def test_temperature_returns_to_the_prior() -> None:
    model = random_model()
    mean, factor = model.posterior(
        torch.rand(3, 8, 8, dtype=torch.float64), torch.ones(8, 8, dtype=torch.bool), temperature=1e9
    )
    torch.testing.assert_close(mean, torch.zeros(4, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(factor @ factor.T, torch.eye(4, dtype=torch.float64), atol=1e-4, rtol=0)


def test_fit_recovers_the_model_that_made_the_data() -> None:
    truth = random_model(components=3)
    generator = torch.Generator().manual_seed(2)
    frames = truth.frames(torch.randn(4000, 3, generator=generator, dtype=torch.float64))
    frames = frames + truth.variance**0.5 * torch.randn(frames.shape, generator=generator, dtype=torch.float64)
    found = fit(frames, 3)
    assert found.variance == pytest.approx(truth.variance, rel=0.02)
    torch.testing.assert_close(
        found.components @ found.components.T, truth.components @ truth.components.T, atol=0.006, rtol=0
    )


def test_fit_refuses_too_few_frames() -> None:
    with pytest.raises(ValueError, match="Expected more than 301 frames for 300 components, got 2"):
        fit(torch.rand(2, 3, 8, 8), 300)


def test_save_and_load(tmp_path: Path) -> None:
    model = random_model()
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors", torch.device("cpu"))
    assert (again.size, again.variance) == (8, 0.01)
    torch.testing.assert_close(again.components.double(), model.components, atol=1e-3, rtol=1e-3)


@pytest.fixture(scope="module")
def faces(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    return batch_of([sample], [sample_face], 256, [5])


def painted(faces: FrameBatch, context: Context, **options: object) -> torch.Tensor:
    inpainter = INPAINTERS.build("face-prior", options, context)
    assert isinstance(inpainter, FacePrior)
    return inpainter(faces, faces.regions["face"])


def test_steps_move_away_from_the_person(faces: FrameBatch, context: Context) -> None:
    recognizer = context.recognizer("dlib-resnet")
    person = recognizer.embed(faces.frames, faces.landmarks)
    likely, near, far = (
        painted(faces, context, **options) for options in ({"steps": 0}, {"radius": 0.2}, {"radius": 0.8})
    )
    scores = [
        float(recognizer.similarity(recognizer.embed(frames, faces.landmarks), person))
        for frames in (likely, near, far)
    ]
    assert 1 > scores[0] > scores[1] > scores[2]


def test_light_and_fine_detail_stay_the_photos_own(faces: FrameBatch, context: Context) -> None:
    change = painted(faces, context) - faces.frames
    inside = faces.regions["face"]
    assert change.abs().masked_select(inside).mean() > 0.01
    # Skin tone: the mean over the face moves by less than four gray levels of 255 in each channel.
    mean = (change * inside).sum((2, 3)) / inside.sum((2, 3))
    assert mean.abs().max() < 4 / 255
    # Fine detail (above a blur of one pixel of 256) is still recognizably the photo's.
    fine = [
        (image - gaussian_blur2d(image, (7, 7), (1.0, 1.0))).masked_select(inside)
        for image in (faces.frames + change, faces.frames)
    ]
    assert torch.corrcoef(torch.stack(fine))[0, 1] > 0.8


def test_the_mouth_stays_as_far_as_asked(faces: FrameBatch, context: Context) -> None:
    mouth = faces.regions["mouth"]
    moved = [
        (painted(faces, context, mouth=share) - faces.frames).abs().mean(1, keepdim=True).masked_select(mouth).mean()
        for share in (0.0, 0.25, 1.0)
    ]
    assert moved[0] < 0.1 * moved[2]
    assert moved[0] < moved[1] < 0.6 * moved[2]


def test_change_fades_at_the_edge_of_the_hole(faces: FrameBatch, context: Context) -> None:
    change = (painted(faces, context) - faces.frames).abs().amax(1)
    inside = faces.regions["face"][:, 0].float()
    core = -torch.nn.functional.max_pool2d(-inside, 3, 1, 1)
    edge = (inside - core) > 0
    assert change[edge].mean() < 0.35 * change[core > 0].mean()


def test_training_command(tmp_path: Path, sample: np.ndarray) -> None:
    for person in range(12):
        (tmp_path / "data" / f"p{person:02}").mkdir(parents=True)
        Image.fromarray(np.roll(sample[:300], person * 3, axis=1)).save(tmp_path / "data" / f"p{person:02}" / "a.png")
    arguments = [
        "models",
        "train",
        "face-prior",
        "--data",
        str(tmp_path / "data"),
        "--output",
        str(tmp_path / "m.safetensors"),
        "--size",
        "32",
    ]
    done = CliRunner().invoke(main, [*arguments, "--components", "8"])
    assert done.exit_code == 0, done.output
    assert "11 faces of 11 people, each with its mirror image; 1 people left out" in done.stdout
    assert load(tmp_path / "m.safetensors", torch.device("cpu")).components.shape == (3 * 32 * 32, 8)
    again = CliRunner().invoke(
        main, [*arguments[:-1], "32", "--components", "8", "--output", str(tmp_path / "n.safetensors")]
    )
    assert again.exit_code == 0
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "n.safetensors").read_bytes()


def test_training_refuses_a_folder_without_faces(tmp_path: Path) -> None:
    (tmp_path / "nobody").mkdir()
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "nobody" / "a.png")
    done = CliRunner().invoke(
        main, ["models", "train", "face-prior", "--data", str(tmp_path), "--output", str(tmp_path / "m.safetensors")]
    )
    assert done.exit_code == 2
    assert not (tmp_path / "m.safetensors").exists()
