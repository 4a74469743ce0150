"""Where makeup lies: never on eyeballs and teeth; of any fineness on lips and lids, soft on the skin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from privacy_faces_makeup.face.regions import REGIONS, Canvas, canvas_of, exact
from skimage.draw import polygon2mask
from skimage.io import imread
from torch import Tensor
from torch.nn.functional import max_pool2d

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = pytest.mark.parametrize("size", [128, 256])
BOXES = pytest.mark.parametrize("boxes", [False, True], ids=["lids", "boxes"])


@dataclass(frozen=True)
class People:
    """The sample photo and two synthetic faces, with what is in their landmarks."""

    rgbs: list[np.ndarray]
    faces: list[Face]

    def frames(self, size: int) -> Tensor:
        return torch.cat(
            [batch_of([rgb], [face], size, [0]).frames for rgb, face in zip(self.rgbs, self.faces, strict=True)]
        )

    def landmarks(self, size: int) -> Tensor:
        return torch.stack([torch.from_numpy(face.frame_landmarks(size)).float() for face in self.faces])

    def inside(self, size: int, *outlines: slice) -> Tensor:
        """Boolean (N, 1, size, size): the pixels in any of the polygons."""
        masks = [
            np.any([polygon2mask((size, size), places[outline].numpy()[:, ::-1]) for outline in outlines], axis=0)
            for places in self.landmarks(size).double()
        ]
        return torch.from_numpy(np.stack(masks))[:, None]


LEFT_EYE, RIGHT_EYE, OPEN_MOUTH, MOUTH = slice(36, 42), slice(42, 48), slice(60, 68), slice(48, 60)


@pytest.fixture(scope="module")
def people(sample: np.ndarray, sample_face: Face, finder: FaceFinder) -> People:
    rgbs = [imread(Path(resource("assets/faces")) / name) for name in ("001.png", "005.png")]
    return People([sample, *rgbs], [sample_face, *(finder.find(rgb)[0] for rgb in rgbs)])


def shrunk(mask: Tensor, by: int) -> Tensor:
    """A boolean mask (N, 1, S, S) without its rim."""
    return max_pool2d((~mask).float(), 2 * by + 1, 1, by) == 0


class TestRegions:
    @SIZES
    @BOXES
    def test_none_reaches_eyeballs_or_the_open_mouth(self, people: People, size: int, boxes: bool) -> None:
        regions = canvas_of(people.landmarks(size), size, boxes).regions
        assert regions.shape == (3, 4, size, size)
        openings = people.inside(size, LEFT_EYE, RIGHT_EYE, OPEN_MOUTH)
        found = {REGIONS[kind]: int((regions[:, kind : kind + 1] & openings).sum()) for kind in range(4)}
        assert found == {"lips": 0, "left eye": 0, "right eye": 0, "skin": 0}

    @SIZES
    @BOXES
    def test_no_pixel_is_in_two(self, people: People, size: int, boxes: bool) -> None:
        regions = canvas_of(people.landmarks(size), size, boxes).regions
        assert (regions.sum(1) > 1).sum((1, 2)).tolist() == [0, 0, 0]

    @SIZES
    @BOXES
    def test_each_is_where_it_should_be(self, people: People, size: int, boxes: bool) -> None:
        regions, landmarks = canvas_of(people.landmarks(size), size, boxes).regions, people.landmarks(size)
        for face, places in zip(regions, landmarks, strict=True):
            centers = [torch.stack([index.double().mean() for index in region.nonzero().T.flip(0)]) for region in face]
            lips, left, right, skin = centers
            assert (lips - places[MOUTH].mean(0)).norm() < 0.03 * size
            assert (left - places[LEFT_EYE].mean(0)).norm() < 0.05 * size
            assert (right - places[RIGHT_EYE].mean(0)).norm() < 0.05 * size
            assert (skin - places.mean(0)).norm() < 0.15 * size
            shares = face.float().mean((1, 2))
            assert shares[3] > 0.15 > 10 * shares[0] > 0.05

    @SIZES
    def test_boxes_hold_the_lids(self, people: People, size: int) -> None:
        lids = canvas_of(people.landmarks(size), size).regions[:, 1:3]
        boxes = canvas_of(people.landmarks(size), size, boxes=True).regions[:, 1:3]
        assert (boxes.sum((1, 2, 3)) > 2.5 * lids.sum((1, 2, 3))).all()
        # Ten of 256 pixels around the eye are nearly all of the sample's lid; high lids reach beyond DiffAM's box.
        shares = (lids & boxes).sum((1, 2, 3)) / lids.sum((1, 2, 3))
        assert shares[0] > 0.98
        assert shares.min() > 0.8
        for face, places in zip(boxes, people.landmarks(size), strict=True):
            for box, eye in zip(face, (LEFT_EYE, RIGHT_EYE), strict=True):
                ys, xs = box.nonzero().T
                expected = [places[eye, 0].min(), places[eye, 0].max(), places[eye, 1].min(), places[eye, 1].max()]
                reach = 10 / 256 * size
                found = [xs.min() + reach, xs.max() - reach, ys.min() + reach, ys.max() - reach]
                assert [float(edge) for edge in found] == pytest.approx([float(edge) for edge in expected], abs=0.51)


class TestAllowed:
    @SIZES
    def test_is_the_face_without_eyeballs_and_open_mouth(self, people: People, size: int) -> None:
        landmarks = people.landmarks(size)
        allowed = canvas_of(landmarks, size).allowed
        assert not allowed[people.inside(size, LEFT_EYE, RIGHT_EYE, OPEN_MOUTH)].any()
        lips = people.inside(size, MOUTH) & ~people.inside(size, OPEN_MOUTH)
        assert allowed[lips].median() > 0.3
        assert not allowed[..., [0, -1], :].any()
        assert 0.2 < (allowed > 0).float().mean() < 0.5


class TestExact:
    def test_paint_keeps_off_a_moustache(self, people: People) -> None:
        """A dark bar over the upper lip takes none of the paint that the lip takes without it."""
        size = 256
        frames, landmarks = people.frames(size), people.landmarks(size)
        canvas = canvas_of(landmarks, size)
        lips = canvas.regions[:, :1] & (canvas.fine > 0.8)
        upper = lips & (torch.arange(size)[:, None] < landmarks[:, 62, 1].view(-1, 1, 1, 1) - 1)
        hairy = torch.where(upper, torch.full_like(frames, 0.08), frames)
        before, after = (exact(canvas, seen, landmarks).fine for seen in (frames, hairy))
        assert before[upper].mean() > 0.6
        assert after[upper].mean() < 0.25 * before[upper].mean()

    def test_a_change_shows_on_lips_and_lids_alone(self, people: People) -> None:
        frames, landmarks = people.frames(128), people.landmarks(128)
        canvas = exact(canvas_of(landmarks, 128), frames, landmarks)
        seen = (canvas.paint(frames, torch.full_like(frames, 0.2)) - frames).abs().amax(1, keepdim=True)
        assert not seen[TestWear.deep_skin(canvas) & (canvas.fine == 0)].any()
        assert seen[canvas.regions[:, :1]].median() > 0.05


class TestWear:
    SIZE = 128

    @pytest.fixture(scope="class")
    @classmethod
    def frames(cls, people: People) -> Tensor:
        return people.frames(cls.SIZE)

    @pytest.fixture(scope="class")
    @classmethod
    def canvas(cls, people: People) -> Canvas:
        return canvas_of(people.landmarks(cls.SIZE), cls.SIZE)

    @staticmethod
    def deep_skin(canvas: Canvas) -> Tensor:
        """Skin far from its edges, and from where lipstick and eyeshadow lie."""
        return shrunk(canvas.regions[:, 3:] & (canvas.fine < 0.01) & (canvas.allowed > 0.99), 1)

    @staticmethod
    def deep_lips(canvas: Canvas) -> Tensor:
        return canvas.regions[:, :1] & (canvas.fine > 0.95) & (canvas.allowed > 0.95)

    def test_no_change_is_the_same_frames(self, canvas: Canvas, frames: Tensor) -> None:
        assert torch.equal(canvas.wear(frames, torch.zeros_like(frames)), frames)

    def test_where_nothing_is_allowed_nothing_changes(self, canvas: Canvas, frames: Tensor) -> None:
        worn = canvas.wear(frames, torch.randn(frames.shape, generator=torch.Generator().manual_seed(0)))
        changed = (worn != frames).any(1, keepdim=True)
        assert torch.equal(changed, canvas.allowed > 0)
        assert 0.3 < (~changed).float().mean() < 0.8

    def test_a_checkerboard_stays_on_lips_and_is_wiped_off_the_skin(self, canvas: Canvas, frames: Tensor) -> None:
        board = (torch.arange(self.SIZE)[:, None] + torch.arange(self.SIZE)) % 2 * 0.2 - 0.1
        seen = (canvas.wear(frames, board.expand_as(frames)) - frames).abs().amax(1, keepdim=True) / 0.1
        skin, lips = self.deep_skin(canvas), self.deep_lips(canvas)
        assert (skin.sum((1, 2, 3)) > 500).all()
        assert (lips.sum((1, 2, 3)) > 20).all()
        assert seen[skin].max() < 0.1
        assert seen[lips].min() > 0.9

    def test_shades_on_the_skin_keep_their_light_and_a_third_of_their_color(
        self, canvas: Canvas, frames: Tensor
    ) -> None:
        change = torch.tensor([0.1, 0.0, 0.0]).view(1, 3, 1, 1).expand_as(frames)
        seen = (canvas.wear(frames, change) - frames).permute(0, 2, 3, 1)
        # Light 0.299 * 0.1 = 0.0299; 0.0299 + 0.3 * (0.1 - 0.0299) = 0.05093, and 0.0299 - 0.3 * 0.0299 = 0.02093.
        skin = seen[self.deep_skin(canvas)[:, 0]]
        torch.testing.assert_close(skin, torch.tensor([0.05093, 0.02093, 0.02093]).expand_as(skin), atol=1.5e-3, rtol=0)
        lips = seen[self.deep_lips(canvas)[:, 0]]
        torch.testing.assert_close(lips, torch.tensor([0.1, 0.0, 0.0]).expand_as(lips), atol=1e-2, rtol=0)

    def test_a_change_beyond_the_face_does_not_bleed_into_it(self, canvas: Canvas, frames: Tensor) -> None:
        change = (canvas.allowed == 0).float().expand_as(frames)
        assert torch.equal(canvas.wear(frames, change), frames)

    def test_gradient(self) -> None:
        generator = torch.Generator().manual_seed(0)
        allowed, fine, frames, change = (
            torch.rand(1, channels, 6, 6, generator=generator, dtype=torch.float64) for channels in (1, 1, 3, 3)
        )
        canvas = Canvas(torch.zeros(1, 4, 6, 6, dtype=torch.bool), allowed * (allowed > 0.3), fine)
        assert torch.autograd.gradcheck(canvas.wear, (frames.requires_grad_(), change.requires_grad_()))

    def test_rows(self, canvas: Canvas, frames: Tensor) -> None:
        change = torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
        worn, rows = canvas.wear(frames, change), torch.tensor([2, 0])
        torch.testing.assert_close(canvas[rows].wear(frames[rows], change[rows]), worn[rows], atol=1e-6, rtol=0)
        torch.testing.assert_close(canvas[1:2].wear(frames[1:2], change[1:2]), worn[1:2], atol=1e-6, rtol=0)
