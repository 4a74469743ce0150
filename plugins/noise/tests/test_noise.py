"""The noise methods: each paper's update by hand on a linear surrogate, and what the shell around them does."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from privacy_faces_noise.ball import gradient, project, random_start
from privacy_faces_noise.bpfa import defended
from privacy_faces_noise.bsr import shuffled
from privacy_faces_noise.dem import DemAttack
from privacy_faces_noise.fgsm import FgsmAttack
from privacy_faces_noise.mef import MefAttack
from privacy_faces_noise.mifgsm import MifgsmAttack, unit_l1
from privacy_faces_noise.options import DemOptions, FgsmOptions, MefOptions, MifgsmOptions, PgdOptions, TipimOptions
from privacy_faces_noise.pgd import PgdAttack
from privacy_faces_noise.sampled import jittered
from privacy_faces_noise.tidim import diverse_input
from privacy_faces_noise.tipim import TipimAttack, discrepancy, gain
from torch import Tensor, nn

from privacy_faces.cli import main
from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import METHODS
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch, Method
from privacy_faces.methods.targets import drawn_target
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.pipeline.protect import frame_batch
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ["fgsm", "pgd", "mifgsm", "tidim", "tipim", "bsr", "mef", "dem", "bpfa"]
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
        noisy = FgsmAttack(FgsmOptions(), linear, GRAY, MASK, generators()).run()
        torch.testing.assert_close(noisy, GRAY - EPSILON * WEIGHTS.sign())

    def test_pgd_reaches_the_corner_of_the_ball(self) -> None:
        """From anywhere in the ball, 16 steps of one level against the gradient's sign end where FGSM does; after one
        step the start still shows."""
        noisy = PgdAttack(PgdOptions(steps=16), linear, GRAY, MASK, generators()).run()
        torch.testing.assert_close(noisy, GRAY - EPSILON * WEIGHTS.sign())
        once = PgdAttack(PgdOptions(steps=1), linear, GRAY, MASK, generators()).run()
        start = random_start(GRAY, EPSILON, MASK, generators())
        torch.testing.assert_close(once, project(start - WEIGHTS.sign() / 255, GRAY, EPSILON, MASK))

    def test_momentum_by_hand(self) -> None:
        """g_1 = u, g_2 = mu u + v. With mu = 1/2, u = (1, 1) and v = (1.2, -0.8) after division by the mean of the
        absolute values: g_2 = (1.7, -0.3); with mu = 1, (2.2, 0.2): the second pixel still goes the old way."""
        mask, original = torch.ones(1, 1, 1, 2, dtype=torch.bool), torch.full((1, 3, 1, 2), 0.5)
        given = [torch.tensor([2.0, 2.0]), torch.tensor([6.0, -4.0])]

        def run(decay: float) -> Tensor:
            # Losses whose gradients are the given ones.
            answers = iter(given)
            options = MifgsmOptions(epsilon=25.5, step_size=2.55, steps=2, decay=decay)
            return MifgsmAttack(
                options, lambda frames: (frames * next(answers)).sum((1, 2, 3)), original, mask, generators()
            ).run()

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

        options = TipimOptions(targets=["000", "008"], steps=12, gamma=0)
        attack = TipimAttack(options, similarities, GRAY, MASK, generators())
        frames = attack.run()
        assert attack.chosen.tolist() == [1]
        torch.testing.assert_close(frames[0, :, 1], torch.full((3, 2), 0.5 + EPSILON))
        assert (frames[0, :, 0] - 0.5).abs().max() <= 1 / 255 + 1e-6, (
            "nothing pulls the other pixels from where they started"
        )

    def test_naturalness_pulls_back(self) -> None:
        def similarities(frames: Tensor) -> tuple[Tensor, Tensor]:
            return (frames - GRAY).sum((1, 2, 3))[:, None] * 1e-4, (frames - GRAY).sum((1, 2, 3)) * 0

        free, natural = (
            TipimAttack(
                TipimOptions(targets=["000"], steps=12, decay=decay, gamma=gamma),
                similarities,
                GRAY,
                MASK,
                generators(),
            ).run()
            for decay, gamma in ((1, 0), (0, 10))
        )
        assert (natural - GRAY).abs().mean() < 0.5 * (free - GRAY).abs().mean()


class TestSamples:
    def test_no_jitter_is_the_frame(self) -> None:
        frames = torch.rand(2, 3, 16, 16, generator=generators()[0])
        torch.testing.assert_close(jittered(frames, 0, 1, generators(2)), frames)

    def test_each_frame_is_jittered_by_its_own_generator(self) -> None:
        frames = torch.rand(2, 3, 16, 16, generator=generators()[0])
        seen = jittered(frames, 0.1, 0.5, generators(2))
        assert torch.equal(seen[1:], jittered(frames[1:], 0.1, 0.5, generators(2)[1:]))
        assert (seen - frames).abs().max() > 0.05

    def test_blocks_change_places_and_keep_their_pixels(self) -> None:
        """Without turning, the rows of the frame are a permutation of whole strips."""
        frame = torch.arange(12.0)[:, None].expand(3, 12, 12)[None]
        for seed in range(4):
            (seen,) = shuffled(frame, 3, 0.0, True, [torch.Generator().manual_seed(seed)])
            order = seen[0, :, 0].round().long()
            assert sorted(order.tolist()) == list(range(12))
            assert int((order.diff() != 1).sum()) <= 2
        torch.testing.assert_close(shuffled(frame, 3, 0.0, False, generators()), frame)
        assert not torch.allclose(shuffled(frame, 3, 20.0, False, generators()), frame, atol=0.1)

    def test_samples_go_through_the_rates_in_turn(self) -> None:
        """On a white frame, the loss sees how much of it a padded face fills: at least 1 / rate^2."""
        filled: list[float] = []

        def loss(frames: Tensor) -> Tensor:
            filled.append(float(frames.detach().mean()))
            return frames.sum((1, 2, 3))

        white, everywhere = torch.ones(1, 3, 40, 40), torch.ones(1, 1, 40, 40, dtype=torch.bool)
        options = DemOptions(steps=8, samples=2, rates=[1.0, 2.0], epsilon=0.1)
        DemAttack(options, loss, white, everywhere, generators()).run()
        whole, padded = filled[::2], filled[1::2]
        assert min(whole) > 0.98
        assert 0.25 <= min(padded) < 0.5 < max(padded) < 1

    def test_neighbors_climb_and_the_mean_descends(self) -> None:
        """On a linear loss all gradients are equal: from the second step on a neighbor has climbed by `ascent`, and the
        frame goes the other way."""
        seen: list[Tensor] = []

        def loss(frames: Tensor) -> Tensor:
            seen.append(frames.detach())
            return linear(frames)

        options = MefOptions(steps=3, samples=2, radius=0, ascent=0.5, jitter=0, resolution=1)
        final = MefAttack(options, loss, GRAY, MASK, generators()).run()
        start = random_start(GRAY, 1 / 255, MASK, generators())
        torch.testing.assert_close(seen[0], start)
        torch.testing.assert_close(seen[2], start - WEIGHTS.sign() / 255 + 0.5 * EPSILON * WEIGHTS.sign())
        torch.testing.assert_close(final, start - 3 * WEIGHTS.sign() / 255)

    def test_features_defend_themselves(self) -> None:
        """A 1 x 1 convolution of weight 2, loss = its output: the second look adds eta, the gradient's sign being 1;
        afterwards the network is as it was."""
        network = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(network.weight, 2.0)
        network.requires_grad_(False)
        frames = torch.ones(1, 1, 1, 1, requires_grad=True)
        with defended(network, 0.25):
            looks = []
            for _ in range(2):
                output = network(frames)
                output.sum().backward()
                looks.append(float(output.detach()))
        assert looks == [2.0, 2.25]
        assert float(network(frames)) == 2.0


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    return batch_of([sample], [sample_face], 128, [3])


def built(name: str, context: Context, **options: object) -> Method:
    plan = make_plan(name, options={"frame_size": 128, **options})
    method: Method = METHODS.build(name, plan.options, context)
    return method


@pytest.mark.parametrize("name", NAMES)
def test_stays_in_the_ball_and_away_from_the_person(name: str, batch: FrameBatch, context: Context) -> None:
    few = {"steps": 6, "samples": 1} if name in ("bsr", "mef", "dem", "bpfa") else {}
    method = built(f"noise-{name}", context, **few)
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
        wanted = context.target("003")
        aim = recognizer.embed(wanted.frame[None], wanted.landmarks[None])
        similarity[goal] = float((seen * person).sum()), float((seen * aim).sum())
        target = result.target_of(0)
        assert (target and target.name) == (None if goal == "dodge" else "synthetic face 003")
    assert similarity["dodge"][0] < similarity["impersonate"][0]
    assert similarity["impersonate"][1] > similarity["dodge"][1]


def test_each_face_resembles_its_own_target(sample: np.ndarray, sample_face: Face, context: Context) -> None:
    """Seeds 3, 4 and 27 of 24 synthetic faces: the third, the fourth, and the third again."""
    batch = batch_of([sample] * 3, [sample_face] * 3, 128, [3, 4, 27])
    result = built("noise-fgsm", context, goal="both", target="varied")(batch)
    names = [target.name for index in range(3) if (target := result.target_of(index))]
    assert names == ["synthetic face 003", "synthetic face 004", "synthetic face 003"]


def test_a_receipt_names_the_target_of_each_face(sample: np.ndarray, finder: FaceFinder, tmp_path: Path) -> None:
    """Two faces in a photo, drawn to two synthetic ones: which, their seeds say."""
    rgb = np.concatenate([sample, sample[:, ::-1]], 1)
    Image.fromarray(rgb).save(tmp_path / "two.png")
    photo = read_photo(tmp_path / "two.png")
    faces = finder.find(photo.rgb)
    for seed in range(10):
        wanted = [drawn_target(own) for own in frame_batch(photo, faces, 64, seed, torch.device("cpu")).seeds]
        if wanted[0] != wanted[1]:
            break
    flags = ["--goal", "both", "--target", "varied", "--seed", str(seed), "--receipts", "full"]
    arguments = [
        "anonymize",
        str(tmp_path / "two.png"),
        "--method",
        "noise-fgsm",
        *flags,
        "--output",
        str(tmp_path / "out"),
    ]
    assert "Traceback" not in CliRunner().invoke(main, arguments).output
    written = json.loads((tmp_path / "out" / "two.receipt.json").read_text())
    assert [face["target"]["name"] for face in written["faces"]] == [f"synthetic face {number}" for number in wanted]


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
