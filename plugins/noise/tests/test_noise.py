"""The noise methods: each paper's update by hand on a linear surrogate, and what the shell around them does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from privacy_faces_noise.ball import gradient, project, random_start
from privacy_faces_noise.fgsm import fgsm
from privacy_faces_noise.mifgsm import mifgsm, unit_l1
from privacy_faces_noise.pgd import pgd
from privacy_faces_noise.tidim import diverse_input
from privacy_faces_noise.tipim import discrepancy, gain, tipim
from torch import Tensor

from privacy_faces.cli import main
from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import METHODS
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.usefixtures("one_thread")

EPSILON = 8 / 255
# A surrogate whose loss is a weighted sum of the pixels: its gradient is the weights.
WEIGHTS = torch.tensor([[1.0, -2.0], [0.5, -0.25]]).expand(3, 2, 2)
MASK = torch.ones(1, 1, 2, 2, dtype=torch.bool)
GRAY = torch.full((1, 3, 2, 2), 0.5)


def linear(frames: Tensor) -> Tensor:
    return (frames * WEIGHTS).sum((1, 2, 3))


def generators(count: int = 1) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


class TestBall:
    def test_projection_by_hand(self) -> None:
        original = torch.tensor([0.5, 0.5, 0.01, 0.99]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
        moved = torch.tensor([0.9, 0.49, -0.5, 1.5]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
        mask = torch.tensor([[True, True], [True, False]])[None, None]
        expected = torch.tensor([0.6, 0.49, 0.0, 0.99]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
        torch.testing.assert_close(project(moved, original, 0.1, mask), expected)

    def test_a_face_starts_by_its_own_generator(self) -> None:
        both = random_start(GRAY.expand(2, -1, -1, -1), 0.1, MASK, generators(2))
        alone = random_start(GRAY, 0.1, MASK, generators(2)[1:])
        assert torch.equal(both[1:], alone)
        assert 0.05 < (both - 0.5).abs().max() <= 0.1

    def test_gradient_of_each_face(self) -> None:
        torch.testing.assert_close(gradient(linear, GRAY.expand(2, -1, -1, -1)), WEIGHTS.expand(2, -1, -1, -1))


class TestUpdates:
    def test_fgsm_is_one_step_of_epsilon(self) -> None:
        torch.testing.assert_close(fgsm(linear, GRAY, MASK, EPSILON, generators()), GRAY - EPSILON * WEIGHTS.sign())

    def test_pgd_reaches_the_corner_of_the_ball(self) -> None:
        """From anywhere in the ball, 16 steps of one level against the gradient's sign end where FGSM does; after one
        step the start still shows."""
        torch.testing.assert_close(
            pgd(linear, GRAY, MASK, EPSILON, 1 / 255, 16, generators()), GRAY - EPSILON * WEIGHTS.sign()
        )
        once = pgd(linear, GRAY, MASK, EPSILON, 1 / 255, 1, generators())
        start = random_start(GRAY, EPSILON, MASK, generators())
        torch.testing.assert_close(once, project(start - WEIGHTS.sign() / 255, GRAY, EPSILON, MASK))

    def test_momentum_by_hand(self) -> None:
        """g_1 = u, g_2 = mu u + v. With mu = 1/2, u = (1, 1) and v = (1.2, -0.8) after division by the mean of the
        absolute values: g_2 = (1.7, -0.3); with mu = 1, (2.2, 0.2): the second pixel still goes the old way."""
        mask, original = torch.ones(1, 1, 1, 2, dtype=torch.bool), torch.full((1, 3, 1, 2), 0.5)
        given = [torch.tensor([2.0, 2.0]), torch.tensor([6.0, -4.0])]

        def run(decay: float) -> Tensor:
            answers = iter(given)
            return mifgsm(
                lambda frames: next(answers).expand_as(frames), original, mask, 0.1, 0.01, 2, decay, generators()
            )

        torch.testing.assert_close(unit_l1(given[1].expand(1, 3, 1, 2))[0, 0, 0], torch.tensor([1.2, -0.8]))
        start = random_start(original, 1 / 255, mask, generators())
        torch.testing.assert_close(run(1.0), start + torch.tensor([-0.02, -0.02]))
        torch.testing.assert_close(run(0.5), start + torch.tensor([-0.02, 0.0]))

    def test_the_kernel_of_ti_sums_to_one(self) -> None:
        impulse = torch.zeros(1, 3, 31, 31)
        impulse[:, :, 15, 15] = 1
        smoothed = gaussian_blur(impulse, 1.5, border="constant")
        torch.testing.assert_close(smoothed.sum((2, 3)), torch.ones(1, 3))
        assert smoothed[0, 0, 15, 15] == smoothed.max()

    def test_diverse_inputs_are_smaller_faces_on_black(self) -> None:
        frames = torch.ones(6, 3, 50, 50)
        same = diverse_input(frames, 0.9, 0.0, generators(6))
        assert torch.equal(same, frames)
        seen = diverse_input(frames, 0.8, 1.0, generators(6))
        sides = (seen[:, 0] > 0.5).any(2).sum(1)
        assert ((sides >= 40) & (sides <= 50)).all()
        assert len(set(sides.tolist())) > 1
        torch.testing.assert_close(seen[3:4], diverse_input(frames[3:4], 0.8, 1.0, generators(6)[3:4]))


class TestTipim:
    def test_gain_by_hand(self) -> None:
        # Similarities 0.9 to the target and 0.2 to the person: log(1 + e^0.7) = log(3.013753) = 1.103186.
        assert float(gain(torch.tensor(0.9), torch.tensor(0.2))) == pytest.approx(1.103186, abs=1e-6)

    def test_discrepancy_by_hand(self) -> None:
        assert float(discrepancy(GRAY, GRAY)) == 0
        # Eight levels everywhere: squared 64 levels^2; kernels exp(-64 / 2 w^2) for w = 2, 4, 8, 16 levels: e^-8, e^-2,
        # e^-1/2, e^-1/8; their mean 0.406175.
        kernels = [math.exp(-64 / (2 * width**2)) for width in (2, 4, 8, 16)]
        assert float(discrepancy(GRAY + EPSILON, GRAY)) == pytest.approx(2 - 2 * sum(kernels) / 4, abs=1e-5)

    def test_takes_the_easier_target(self) -> None:
        """Two targets in directions a and b of the pixels; the second grows four times as fast, so every step goes
        there."""
        first, second = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
        first[:, 0], second[:, 1] = 0.1, 0.4

        def similarities(frames: Tensor) -> tuple[Tensor, Tensor]:
            change = frames - GRAY
            return torch.stack([(change * first).sum((1, 2, 3)), (change * second).sum((1, 2, 3))], 1), torch.zeros(
                len(frames)
            ) * change.sum()

        frames, chosen = tipim(similarities, GRAY, MASK, EPSILON, 1 / 255, 12, 1.0, 0.0, generators())
        assert chosen.tolist() == [1]
        torch.testing.assert_close(frames[0, :, 1], torch.full((3, 2), 0.5 + EPSILON))
        assert (frames[0, :, 0] - 0.5).abs().max() <= 1 / 255 + 1e-6, (
            "nothing pulls the other pixels from where they started"
        )

    def test_naturalness_pulls_back(self) -> None:
        def similarities(frames: Tensor) -> tuple[Tensor, Tensor]:
            return (frames - GRAY).sum((1, 2, 3))[:, None] * 1e-4, (frames - GRAY).sum((1, 2, 3)) * 0

        free, _ = tipim(similarities, GRAY, MASK, EPSILON, 1 / 255, 12, 1.0, 0.0, generators())
        natural, _ = tipim(similarities, GRAY, MASK, EPSILON, 1 / 255, 12, 0.0, 10.0, generators())
        assert (natural - GRAY).abs().mean() < 0.5 * (free - GRAY).abs().mean()


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    return batch_of([sample], [sample_face], 128, [3])


def built(name: str, context: Context, **options: object) -> Method:
    plan = make_plan(name, options={"frame_size": 128, **options})
    method: Method = METHODS.build(name, plan.options, context)
    return method


@pytest.mark.parametrize("name", ["noise-fgsm", "noise-pgd", "noise-mifgsm", "noise-tidim", "noise-tipim"])
def test_stays_in_the_ball_and_away_from_the_person(name: str, batch: FrameBatch, context: Context) -> None:
    method = built(name, context)
    result = method(batch)
    assert method.surrogates == ("dlib-resnet",)
    assert result.paste == "difference"
    assert (result.frames - batch.frames).abs().max() <= EPSILON + 1e-6
    recognizer = context.recognizer("dlib-resnet")
    before, after = recognizer.embed(batch.frames, batch.landmarks), recognizer.embed(result.frames, batch.landmarks)
    assert float(recognizer.similarity(before, after)) < 0.97


def test_goals_go_where_they_say(batch: FrameBatch, context: Context) -> None:
    recognizer = context.recognizer("dlib-resnet")
    person = recognizer.embed(batch.frames, batch.landmarks)
    similarity = {}
    for goal in ("dodge", "impersonate"):
        method = built("noise-pgd", context, goal=goal, target="003")
        result = method(batch)
        seen = recognizer.embed(result.frames, batch.landmarks)
        aim = built("noise-pgd", context, goal="both", target="003").aim["dlib-resnet"]  # type: ignore[attr-defined]
        similarity[goal] = float((seen * person).sum()), float((seen * aim).sum())
        assert (result.target.name if result.target else None) == (None if goal == "dodge" else "synthetic face 003")
    assert similarity["dodge"][0] < similarity["impersonate"][0]
    assert similarity["impersonate"][1] > similarity["dodge"][1]


def test_noise_all_over_the_frame(batch: FrameBatch, context: Context) -> None:
    assert built("noise-fgsm", context, region="frame")(batch).mask.all()


def test_the_command(tmp_path: Path) -> None:
    flags = ["--receipts", "full", "--output", str(tmp_path)]
    done = CliRunner().invoke(main, ["anonymize", "--method", "noise-pgd", *flags])
    assert done.exit_code == 0, done.output
    (face,) = json.loads((tmp_path / "astronaut.receipt.json").read_text())["faces"]
    assert face["protected"]
    assert face["quality"]["psnr"] > 30
    wrong = CliRunner().invoke(main, ["anonymize", "--method", "noise-fgsm", "--steps", "3", "--output", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "--steps is an option of" in wrong.output
    target = CliRunner().invoke(
        main, ["anonymize", "--method", "noise-pgd", "--goal", "both", "--target", "nobody", "--output", str(tmp_path)]
    )
    assert target.exit_code == 2
    assert "or an image file as the target, got 'nobody'" in target.output
