"""The schedule and DDIM against diffusers, the denoiser against closed forms, its training command, and what the
shipped model does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from diffusers import DDIMScheduler
from PIL import Image
from safetensors.torch import load_file
from skimage.data import astronaut
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.config.registry import INPAINTERS
from privacy_faces.methods.context import Context
from privacy_faces.methods.inpainting.inpainters.face_diffusion import FaceDiffusionInpainter
from privacy_faces.models.face_diffusion import Architecture, FaceDiffusion, load, loss, save
from privacy_faces.models.face_prior import load as load_prior
from privacy_faces.models.schedule import Schedule, ddim, generate, invert, steps_below
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of
from privacy_faces.training.holes import random_hole
from privacy_faces.training.portraits import Portraits, load_portraits
from privacy_faces.training.trainer import Recipe
from privacy_faces.weights.store import verified

SMALL = Architecture(size=32, channels=(16, 32))


def small_model(spread: float = 0.2) -> FaceDiffusion:
    torch.manual_seed(0)
    return FaceDiffusion(SMALL, torch.full((1, 1, 32, 32), spread))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class TestSchedule:
    def test_is_the_linear_one_of_ddpm(self) -> None:
        reference = DDIMScheduler(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
        torch.testing.assert_close(Schedule.linear().alphas_bar, reference.alphas_cumprod, atol=1e-6, rtol=1e-4)

    def test_ddim_agrees_with_diffusers_where_it_steps_evenly(self) -> None:
        scheduler = DDIMScheduler(
            num_train_timesteps=1000,
            beta_start=1e-4,
            beta_end=0.02,
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
        )
        scheduler.set_timesteps(10)
        velocity = lambda x, t: 0.3 * x + 0.001 * t.view(-1, 1, 1, 1)  # noqa: E731
        x = uniform(2, 3, 4, 4)
        expected = x
        for t in scheduler.timesteps:
            expected = scheduler.step(velocity(expected, t.expand(2)), t, expected).prev_sample
        # diffusers ends at the alpha of step 0, which is where its last step of 0 leads: to itself.
        torch.testing.assert_close(
            ddim(velocity, Schedule.linear(), x, [*scheduler.timesteps.tolist(), 0]), expected, atol=1e-5, rtol=1e-4
        )

    def test_steps_below_are_those_of_diffam(self) -> None:
        assert steps_below(60, 6) == [0, 12, 24, 36, 48, 60]
        assert steps_below(300, 40)[:4] == [0, 7, 15, 23]

    def test_a_linear_denoiser_is_inverted_exactly_in_the_limit(self) -> None:
        """For x_0 ~ N(0, 1) the exact velocity is 0, the path is constant, and there and back is the identity."""
        x = uniform(1, 3, 4, 4)
        zero = lambda x, t: torch.zeros_like(x)  # noqa: E731
        schedule = Schedule.linear()
        latent = invert(zero, schedule, x, 300, 400)
        # v = 0 means x_0 = alpha x_t and e = sigma x_t: the flow keeps x_t as it is, up to the first order in the step.
        torch.testing.assert_close(latent, x, atol=5e-3, rtol=0)
        torch.testing.assert_close(generate(zero, schedule, latent, 300, 400), x, atol=5e-3, rtol=0)


class TestDenoiser:
    def test_untrained_it_is_the_best_linear_denoiser(self) -> None:
        """x_0 ~ N(c, s^2): the posterior mean given x_t, pixel by pixel."""
        model = small_model(spread=0.2)
        noisy, guide = uniform(2, 3, 32, 32), uniform(2, 3, 32, 32, seed=1)
        t = torch.tensor([10, 400])
        alpha, sigma = (part.double() for part in model.schedule.at(t))
        expected = guide + alpha * 0.04 / (alpha**2 * 0.04 + sigma**2) * (noisy - alpha * guide)
        torch.testing.assert_close(model.denoised(noisy, t, guide, torch.ones(2, 1, 32, 32)), expected.float())
        velocity = model(noisy, t, guide, torch.ones(2, 1, 32, 32))
        torch.testing.assert_close(alpha * noisy - sigma * velocity, expected, atol=1e-5, rtol=1e-4)

    def test_outside_the_hole_it_returns_the_guide(self) -> None:
        model = small_model()
        torch.nn.init.normal_(model.unet.conv_out.weight)
        mask = torch.zeros(1, 1, 32, 32)
        mask[..., 8:16, 8:16] = 1
        guide = uniform(1, 3, 32, 32)
        denoised = model.denoised(uniform(1, 3, 32, 32, seed=1), torch.tensor([200]), guide, mask)
        same = (denoised == guide).all(1, keepdim=True)
        assert torch.equal(same, mask == 0)

    def test_loss_is_that_of_edm(self) -> None:
        """Untrained, F = 0, and its target is (x_0 - linear estimate) n / (s sigma)."""
        model = small_model(spread=0.2)
        clean, guide, noise = uniform(1, 3, 32, 32), uniform(1, 3, 32, 32, seed=1), uniform(1, 3, 32, 32, seed=2)
        mask = torch.zeros(1, 1, 32, 32)
        mask[..., :16] = 1
        t = torch.tensor([100])
        alpha, sigma = model.schedule.at(t)
        scale = (alpha**2 * 0.04 + sigma**2).sqrt()
        estimate = guide + alpha * 0.04 / scale**2 * (alpha * clean + sigma * noise - alpha * guide)
        target = (clean - estimate) * scale / (0.2 * sigma)
        expected = target[..., :16].square().mean()
        torch.testing.assert_close(
            loss(model, model.schedule, model.spread, clean, guide, mask, t, noise), expected[None], rtol=1e-4, atol=0
        )

    def test_save_and_load(self, tmp_path: Path) -> None:
        model = small_model()
        save(model, tmp_path / "model.safetensors")
        again = load(tmp_path / "model.safetensors", torch.device("cpu"))
        assert again.architecture == Architecture(32, [16, 32])
        assert not any(parameter.requires_grad for parameter in again.parameters())
        torch.testing.assert_close(again.state_dict(), model.state_dict(), atol=1e-3, rtol=1e-3)


class TestTraining:
    def test_holes_are_never_empty_and_sometimes_everything(self, sample_face: Face) -> None:
        portraits = Portraits(
            torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
            torch.from_numpy(sample_face.frame_landmarks(64)).float()[None],
            ["a"],
        )
        shares = [
            random_hole(portraits.regions(0), torch.Generator().manual_seed(seed)).float().mean().item()
            for seed in range(200)
        ]
        assert min(shares) > 0
        assert 0.2 < np.mean([share == 1 for share in shares]) < 0.4
        assert len({round(share, 3) for share in shares}) > 30

    def test_rate_rises_stays_and_falls(self) -> None:
        recipe = Recipe(steps=1000, learning_rate=1.0, warmup=10)
        rates = [recipe.learning_rate_at(step) for step in (0, 9, 500, 699, 850, 1000)]
        assert rates == pytest.approx([0.1, 1.0, 1.0, 1.0, 0.5, 0.0])

    def test_every_twentieth_person_is_left_out(self) -> None:
        names = [f"p{index:02d}" for index in range(41) for _ in range(2)]
        portraits = Portraits(torch.zeros(82, 3, 4, 4, dtype=torch.uint8), torch.zeros(82, 68, 2), names)
        training, held_out = portraits.split()
        assert held_out.identities == ["p00", "p00", "p20", "p20", "p40", "p40"]
        assert len(training) == 76
        assert not set(training.identities) & set(held_out.identities)

    @pytest.fixture(scope="class")
    @staticmethod
    def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The sample photo as two people: as it is, and mirrored."""
        root = tmp_path_factory.mktemp("people")
        for name, rgb in (("a", astronaut()), ("b", np.ascontiguousarray(astronaut()[:, ::-1]))):
            (root / name).mkdir()
            Image.fromarray(rgb).save(root / name / "0.png")
        return root

    def test_frames_are_remembered_for_these_photos_alone(self, people: Path, tmp_path: Path) -> None:
        cache = tmp_path / "cache.safetensors"
        first = load_portraits(people, 64, cache)
        searched: list[object] = []
        again = load_portraits(people, 64, cache, lambda paths: searched.append(paths) or paths)
        assert torch.equal(first.frames, again.frames)
        assert torch.equal(first.landmarks, again.landmarks)
        assert again.identities == ["a", "b"]
        assert not searched
        assert load_portraits(people, 32, cache).frames.shape == (2, 3, 32, 32), "another size is cut anew"

    def test_an_interrupted_run_ends_with_the_weights_of_a_whole_one(self, people: Path, tmp_path: Path) -> None:
        def run(name: str) -> Result:
            arguments = [
                "models",
                "train",
                "face-diffusion",
                "--data",
                people,
                "--output",
                tmp_path / name,
                "--batch",
                1,
                "--save-every",
                2,
                "--steps",
                4,
            ]
            return CliRunner().invoke(main, [*map(str, arguments), "--channels", "16,32"])

        done = run("whole")
        assert "4 steps of 1 faces; written to" in done.stdout, done.output
        whole = load_file(tmp_path / "whole/face-diffusion-128.safetensors")
        assert sorted(path.name for path in (tmp_path / "whole/grids").iterdir()) == ["0000002.png", "0000004.png"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("privacy_faces.training.face_diffusion.sample_grid", _interrupt)
            assert run("resumed").exit_code == 1, "stopped after the first checkpoint"
        assert not (tmp_path / "resumed/face-diffusion-128.safetensors").exists()
        half = load_file(tmp_path / "resumed/checkpoint.safetensors")
        assert run("resumed").exit_code == 0
        resumed = load_file(tmp_path / "resumed/face-diffusion-128.safetensors")
        assert whole.keys() == resumed.keys()
        for name, value in whole.items():
            assert torch.equal(value, resumed[name]), name
        changed = [
            not torch.equal(value.half(), resumed[name.removeprefix("model.")])
            for name, value in half.items()
            if name.startswith("model.unet.conv_in")
        ]
        assert all(changed), "two steps are not the whole run"

    def test_a_checkpoint_of_another_network_is_refused(self, people: Path, tmp_path: Path) -> None:
        arguments = [
            "models",
            "train",
            "face-diffusion",
            "--data",
            str(people),
            "--output",
            str(tmp_path),
            "--batch",
            "1",
            "--steps",
            "1",
            "--channels",
        ]
        assert CliRunner().invoke(main, [*arguments, "16,32"]).exit_code == 0
        result = CliRunner().invoke(main, [*arguments, "32,32"])
        assert result.exit_code == 2
        assert "is of another network" in result.stderr
        assert "Train into an empty folder" in result.stderr

    @pytest.mark.parametrize("command", ["face-diffusion", "face-prior"])
    def test_a_folder_without_faces_is_refused(self, tmp_path: Path, command: str) -> None:
        (tmp_path / "data/someone").mkdir(parents=True)
        Image.fromarray(np.full((64, 64, 3), 128, dtype=np.uint8)).save(tmp_path / "data/someone/0.png")
        result = CliRunner().invoke(
            main, ["models", "train", command, "--data", str(tmp_path / "data"), "--output", str(tmp_path / "out")]
        )
        assert result.exit_code == 2
        assert "Expected at least one photo with a face, found none." in result.stderr
        empty = CliRunner().invoke(
            main, ["models", "train", command, "--data", str(tmp_path), "--output", str(tmp_path / "out")]
        )
        assert empty.exit_code == 2
        assert not (tmp_path / "out").exists()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class TestShipped:
    """What assets/face-diffusion-128.safetensors does."""

    @pytest.fixture(scope="class")
    @staticmethod
    def model() -> FaceDiffusion:
        return load(verified("face-diffusion-128")[0], torch.device("cpu"))

    @pytest.mark.slow(reason="inverts and regenerates portraits: 86 evaluations of the network for each")
    @pytest.mark.parametrize(("t_0", "there", "back", "least"), [(60, 20, 6, 40.0), (300, 40, 40, 36.0)])
    def test_ddim_there_and_back(
        self, model: FaceDiffusion, portraits: list[Path], t_0: int, there: int, back: int, least: float, tmp_path: Path
    ) -> None:
        held_out = portraits[::20][:6]
        for path in held_out:
            (tmp_path / path.parent.name).mkdir()
            shutil.copy(path, tmp_path / path.parent.name)
        frames = load_portraits(tmp_path, model.architecture.size).unit()
        prior = load_prior(verified("face-prior")[0], torch.device("cpu"))
        guide = prior.frames(prior.coefficients(frames)).clamp(0, 1) * 2 - 1
        velocity = lambda x, t: model(x, t, guide, torch.ones_like(guide[:, :1]))  # noqa: E731
        with torch.no_grad():
            latent = invert(velocity, model.schedule, frames * 2 - 1, t_0, there)
            again = (generate(velocity, model.schedule, latent, t_0, back) + 1) / 2
        psnr = -10 * (again - frames).square().mean((1, 2, 3)).log10()
        assert psnr.mean() > least

    def test_paints_another_face_that_is_further_from_the_person(
        self, sample: np.ndarray, sample_face: Face, context: Context
    ) -> None:
        batch = batch_of([sample], [sample_face], 256, [5])
        recognizer = context.recognizer("dlib-resnet")
        person = recognizer.embed(batch.frames, batch.landmarks)
        inpainter = INPAINTERS.build("face-diffusion", {"candidates": 3}, context)
        assert isinstance(inpainter, FaceDiffusionInpainter)
        assert {record["id"] for record in inpainter.weight_records} == {"face-prior", "face-diffusion-128"}
        painted = inpainter(batch, batch.regions["face"])
        first = INPAINTERS.build("face-diffusion", {"candidates": 1}, context)(batch, batch.regions["face"])
        scores = [
            float(recognizer.similarity(recognizer.embed(frames, batch.landmarks), person))
            for frames in (painted, first)
        ]
        # Chosen at the model's size; at the frame's, similarities differ by up to a hundredth.
        assert scores[0] <= scores[1] + 0.01
        assert scores[0] < 0.9
        assert torch.equal(
            painted.masked_select(~batch.regions["face"]), batch.frames.masked_select(~batch.regions["face"])
        )
