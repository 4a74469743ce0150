"""The random views that surrogates see: of each face alone, differentiable, and without a trace afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from privacy_faces_makeup.losses.diversity import diverse, with_dropout
from torch import Tensor, nn

from privacy_faces.methods.context import Context
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 72  # no multiple of the codec's blocks
SEEDS = range(12, 21)  # three views of each kind


def seeded(seeds: range | list[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@pytest.fixture(scope="module")
def faces(sample: np.ndarray, sample_face: Face) -> tuple[Tensor, Tensor]:
    """The sample face nine times, a little brighter each time."""
    batch = batch_of([sample], [sample_face], SIZE, [0])
    return torch.cat([batch.frames * (0.6 + 0.04 * place) for place in range(9)]), batch.landmarks.expand(
        len(SEEDS), -1, -1
    )


def kinds(faces: tuple[Tensor, Tensor]) -> list[str]:
    """What is done to each frame: a blurred frame half as bright is half the blurred frame; compression rounds, and
    does not scale."""
    frames, dim = diverse(*faces, 1.0, seeded(SEEDS))[0], diverse(faces[0] / 2, faces[1], 1.0, seeded(SEEDS))[0]
    scales = (dim - frames / 2).abs().amax((1, 2, 3)) < 1e-5
    same = (frames == faces[0]).flatten(1).all(1)
    return [
        "moved" if unchanged else "blurred" if linear else "compressed"
        for unchanged, linear in zip(same, scales, strict=True)
    ]


class TestDiverse:
    def test_strength_zero_is_the_identity(self, faces: tuple[Tensor, Tensor]) -> None:
        generators = seeded(SEEDS)
        frames, landmarks = diverse(*faces, 0.0, generators)
        assert torch.equal(frames, faces[0])
        assert torch.equal(landmarks, faces[1])
        assert torch.equal(torch.rand(1, generator=generators[0]), torch.rand(1, generator=seeded([12])[0])), (
            "nothing is drawn"
        )

    def test_views_are_of_three_kinds_and_small(self, faces: tuple[Tensor, Tensor]) -> None:
        frames, landmarks = diverse(*faces, 1.0, seeded(SEEDS))
        assert sorted(kinds(faces)) == ["blurred"] * 3 + ["compressed"] * 3 + ["moved"] * 3
        assert 0.001 < float((frames - faces[0]).abs().mean()) < 0.03
        shifts = (landmarks - faces[1]).norm(dim=2).mean(1)
        # About one percent of the frame's side.
        assert shifts.min() > 0
        assert 0.2 < shifts.mean() < 0.03 * SIZE

    def test_moved_landmarks_keep_the_shape_of_the_face(self, faces: tuple[Tensor, Tensor]) -> None:
        _, landmarks = diverse(*faces, 1.0, seeded(SEEDS))
        before, after = (torch.cdist(places.double(), places.double()).flatten(1) for places in (faces[1], landmarks))
        scale = after.sum(1, keepdim=True) / before.sum(1, keepdim=True)
        torch.testing.assert_close(after, before * scale, atol=1e-2, rtol=0)
        assert (scale - 1).abs().max() < 0.08

    def test_a_view_depends_on_its_own_generator_alone(self, faces: tuple[Tensor, Tensor]) -> None:
        frames, landmarks = diverse(*faces, 1.0, seeded(SEEDS))
        for place, seed in enumerate(SEEDS):
            alone = diverse(faces[0][place : place + 1], faces[1][place : place + 1], 1.0, seeded([seed]))
            torch.testing.assert_close(alone[0][0], frames[place], atol=1e-5, rtol=0)
            torch.testing.assert_close(alone[1][0], landmarks[place], atol=1e-4, rtol=0)

    def test_generators_go_on(self, faces: tuple[Tensor, Tensor]) -> None:
        generators = seeded(SEEDS)
        first, second = (diverse(*faces, 1.0, generators)[1] for _ in range(2))
        assert (first != second).any(2).any(1).all()

    def test_gradients_reach_the_frames(self, faces: tuple[Tensor, Tensor]) -> None:
        frames = faces[0].clone().requires_grad_()
        views, _ = diverse(frames, faces[1], 1.0, seeded(SEEDS))
        views.square().sum().backward()
        assert frames.grad is not None
        assert frames.grad.isfinite().all()
        for kind, grad, view in zip(kinds(faces), frames.grad, views.detach(), strict=True):
            if kind == "moved":
                torch.testing.assert_close(grad, 2 * view)
            else:
                # Brighter frames have brighter views: blur keeps the mean; the codec rounds along a cubic, of which the
                # mean slope is a quarter.
                assert float(grad.mean() / (2 * view).mean()) == pytest.approx(
                    {"blurred": 1.0, "compressed": 0.25}[kind], rel=0.2
                ), kind
                assert (grad != 0).float().mean() > 0.9, kind


class TestThinned:
    NETWORK = nn.Sequential(nn.Conv2d(3, 400, 1), nn.ReLU(), nn.Conv2d(400, 5, 1))

    def test_switches_channels_off_and_scales_the_rest_up(self) -> None:
        network, frames = self.NETWORK[:1], torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        plain = network(frames)
        with with_dropout(network, 1.0, seeded([0, 1])):
            thin = network(frames)
        off = (thin == 0).all(3).all(2)
        # 3 % of 400 channels, others for each face.
        assert [2 < count < 25 for count in off.sum(1).tolist()] == [True, True]
        assert not torch.equal(off[0], off[1])
        on = ~off[:, :, None, None].expand_as(thin)
        torch.testing.assert_close(thin[on], plain[on] / 0.97)

    def test_leaves_no_hook_behind(self) -> None:
        with with_dropout(self.NETWORK, 1.0, seeded([0])):
            assert [len(layer._forward_hooks) for layer in self.NETWORK] == [1, 0, 1]
        assert not any(layer._forward_hooks for layer in self.NETWORK.modules())
        with pytest.raises(KeyError, match="surrogate"), with_dropout(self.NETWORK, 1.0, seeded([0])):
            raise KeyError("surrogate")
        assert not any(layer._forward_hooks for layer in self.NETWORK.modules())

    def test_moves_embeddings_a_little(self, context: Context, faces: tuple[Tensor, Tensor]) -> None:
        recognizer = context.recognizer("dlib-resnet")
        frames, landmarks = faces[0][:2], faces[1][:2]

        def seen(strength: float, rows: slice = slice(None)) -> Tensor:
            with torch.no_grad(), with_dropout(recognizer, strength, seeded([0, 1][rows])):
                return recognizer.embed(frames[rows], landmarks[rows])

        plain = seen(0.0)
        with torch.no_grad():
            assert torch.equal(plain, recognizer.embed(frames, landmarks)), "nothing at strength 0"
        similarity = recognizer.similarity(seen(1.0), plain)
        assert 0.9 < similarity.min() <= similarity.max() < 0.9999
        torch.testing.assert_close(seen(1.0, slice(1, 2))[0], seen(1.0)[1], atol=1e-5, rtol=0)
        with torch.no_grad():
            assert torch.equal(plain, recognizer.embed(frames, landmarks)), "nothing remains"
