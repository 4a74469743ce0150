"""The makeup losses: colors against scikit-image and by hand, directions and similarities by hand."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from privacy_faces_makeup.losses.direction import direction_loss, log_direction_loss
from privacy_faces_makeup.losses.histogram import histogram_loss, matched
from privacy_faces_makeup.losses.identity import identity_loss
from skimage.exposure import match_histograms
from torch import Tensor

from privacy_faces.methods.identity_losses import dodging_loss, impersonation_loss

pytestmark = pytest.mark.usefixtures("one_thread")


def photo(seed: int, size: int, levels: int = 256) -> Tensor:
    """Noise with a color cast of its own, 8-bit, (3, size, size) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    cast, spread = torch.rand(2, 3, 1, 1, generator=generator)
    values = (cast + 0.3 * spread * torch.randn(3, size, size, generator=generator)).clamp(0, 1)
    return ((values * (levels - 1)).round() * (255 // (levels - 1))) / 255


def scattered(seed: int, size: int, shares: tuple[float, ...]) -> Tensor:
    """Boolean (len(shares), size, size), each with a share of all pixels, none with a pixel of another."""
    chance = torch.rand(size, size, generator=torch.Generator().manual_seed(seed))
    ends = torch.tensor(shares).cumsum(0)[:, None, None]
    return (chance < ends) & (chance >= ends - torch.tensor(shares)[:, None, None])


def looped(image: np.ndarray, regions: np.ndarray, style: np.ndarray, style_regions: np.ndarray) -> np.ndarray:
    """Histogram matching of levels (3, H, W), float32, as DiffAM's code goes about it: NumPy's scalars in Python's
    loops over levels, and over pixels."""
    result = image.copy()
    for region, style_region in zip(regions, style_regions, strict=True):
        for channel in range(3):
            shares = []
            for pixels in (image[channel][region], style[channel][style_region]):
                share = [
                    count / np.float32(len(pixels))
                    for count in np.histogram(pixels, 256, (0, 256))[0].astype(np.float32)
                ]
                for level in range(1, 256):
                    share[level] += share[level - 1]
                shares.append(share)
            table = list(range(256))
            for level in range(1, 255):
                for other in range(1, 256):
                    if shares[1][other - 1] <= shares[0][level] <= shares[1][other]:
                        table[level] = other
                        break
            before = image[channel][region]
            after = before.copy()
            for place in range(len(before)):
                after[place] = table[int(before[place])]
            result[channel][region] = after
    return result


class TestMatched:
    @pytest.mark.parametrize("seed", range(4))
    def test_is_scikit_images_region_by_region(self, seed: int) -> None:
        images = torch.stack([photo(seed, 40), photo(seed + 10, 40, levels=4)])
        styles = torch.stack([photo(seed + 20, 56), photo(seed + 30, 56, levels=6)])
        regions = torch.stack([scattered(seed + place, 40, (0.7, 0.2, 0.005)) for place in range(2)])
        style_regions = torch.stack([scattered(seed + 50 + place, 56, (0.7, 0.01, 0.3)) for place in range(2)])
        found = matched(images, regions, styles, style_regions)
        assert found.shape == (2, 3, 40, 40)
        for row in range(2):
            for kind in range(3):
                for channel in range(3):
                    values, wanted = (
                        (255 * picture[row, channel][mask[row, kind]]).round().to(torch.uint8).numpy()
                        for picture, mask in ((images, regions), (styles, style_regions))
                    )
                    assert len(values)
                    expected = match_histograms(values, wanted)
                    # float32 of levels / 255: far closer than the one level asked for.
                    np.testing.assert_allclose(
                        255 * found[row, channel][regions[row, kind]].numpy(), expected, atol=1e-3
                    )

    def test_one_style_serves_all_images(self) -> None:
        images, style = torch.stack([photo(0, 24), photo(1, 24)]), photo(2, 24)[None]
        regions = torch.stack([scattered(3, 24, (0.5,)), scattered(4, 24, (0.5,))])
        style_regions = scattered(5, 24, (0.5,))[None]
        twice = matched(images, regions, style.expand(2, -1, -1, -1), style_regions.expand(2, -1, -1, -1))
        assert torch.equal(matched(images, regions, style, style_regions), twice)

    def test_elsewhere_and_where_a_region_is_empty_it_is_the_image(self) -> None:
        # Not on 8-bit levels: the image itself, not its levels.
        images, style = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), photo(1, 16)[None]
        regions, style_regions = scattered(2, 16, (0.5, 0.0, 0.3))[None], scattered(3, 16, (0.3, 0.5, 0.0))[None]
        found = matched(images, regions, style, style_regions)
        outside = ~regions[0, 0].expand(3, -1, -1)
        assert torch.equal(found[0][outside], images[0][outside]), (
            "the image has no second region, and the style no third"
        )
        assert not torch.equal(found, images)

    def test_own_colors_stay_and_nothing_is_differentiated(self) -> None:
        images, regions = photo(0, 16)[None].requires_grad_(), scattered(1, 16, (0.5,))[None]
        found = matched(images, regions, images, regions)
        assert not found.requires_grad
        torch.testing.assert_close(found, images.detach(), atol=1e-6, rtol=0)

    def test_is_many_times_faster_than_loops(self) -> None:
        """About 25 times on one core, of which half is asked: what else the machine does takes more from the fast
        one."""
        image, style = photo(0, 256), photo(1, 256)
        regions = torch.zeros(4, 256, 256, dtype=torch.bool)
        # About what lips, eyes and skin take of a face.
        for kind, (rows, columns) in enumerate(
            (
                (slice(180, 210), slice(95, 160)),
                (slice(95, 120), slice(60, 110)),
                (slice(95, 120), slice(145, 195)),
                (slice(60, 180), slice(50, 205)),
            )
        ):
            regions[kind, rows, columns] = True
        regions[3] &= ~regions[:3].any(0)
        levels, masks = (255 * torch.stack([image, style])).round().numpy(), regions.numpy()
        times: dict[str, list[float]] = {"ours": [], "looped": []}
        # This thread's own time: what else the machine does is left out.
        for _ in range(7):
            for _ in range(9):
                start = time.thread_time()
                ours = matched(image[None], regions[None], style[None], regions[None])
                times["ours"].append(time.thread_time() - start)
            start = time.thread_time()
            theirs = looped(levels[0], masks, levels[1], masks)
            times["looped"].append(time.thread_time() - start)
        # The same work was done, but for the table's way to take the next level up, and never level 0.
        assert np.abs(255 * ours[0].numpy() - theirs).mean() < 4
        assert statistics.median(times["looped"]) > 12 * statistics.median(times["ours"])


class TestHistogramLoss:
    IMAGES = torch.tensor([[[0.5, 0.2], [0.9, 0.0]], [[0.5, 0.5], [0.9, 0.0]], [[0.5, 0.5], [0.9, 0.0]]])[None]
    TARGETS = torch.tensor([[[0.3, 0.6], [0.0, 1.0]], [[0.5, 0.6], [0.0, 1.0]], [[0.6, 0.5], [0.0, 1.0]]])[None]
    UPPER = torch.tensor([[True, True], [False, False]])[None, None]

    def test_by_hand(self) -> None:
        images = self.IMAGES.clone().requires_grad_()
        targets = self.TARGETS.clone().requires_grad_()
        loss = histogram_loss(images, self.UPPER, targets.detach())
        # Pixel one: (0.2 + 0 + 0.1) / 3 = 0.1; pixel two: (0.4 + 0.1 + 0) / 3 = 1 / 6. 255 times their mean: 34.
        torch.testing.assert_close(loss, torch.tensor([[34.0]]))
        loss.sum().backward()
        # 255 / (3 channels * 2 pixels) = 42.5, towards the target; none where the color is right, none outside.
        expected = torch.tensor([[[42.5, -42.5], [0, 0]], [[0, -42.5], [0, 0]], [[-42.5, 0], [0, 0]]])[None]
        torch.testing.assert_close(images.grad, expected)

    def test_an_empty_region_costs_nothing(self) -> None:
        images = self.IMAGES.clone().requires_grad_()
        regions = torch.cat([self.UPPER, torch.zeros_like(self.UPPER)], 1)
        loss = histogram_loss(images, regions, self.TARGETS)
        assert loss.tolist() == [[pytest.approx(34.0), 0.0]]
        loss[:, 1].sum().backward()
        assert images.grad is not None
        assert not images.grad.any()

    def test_gradient_is_that_of_the_loss(self) -> None:
        generator = torch.Generator().manual_seed(0)
        images, targets = (
            torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64),
            torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64),
        )
        regions = torch.rand(2, 2, 4, 4, generator=generator) < 0.5
        assert torch.autograd.gradcheck(
            lambda frames: histogram_loss(frames, regions, targets), images.requires_grad_()
        )


class TestDirection:
    GOAL = torch.tensor([[0.5, 0.0, 0.0]])
    ORIGINAL = torch.tensor([[0.0, 0.6, 0.8]])

    @pytest.mark.parametrize(
        ("change", "loss", "log_loss"),
        [
            ((0.0, 0.3, -0.4), 1.0, 0.693147),  # orthogonal: -log(1 / 2)
            ((0.3, 0.0, 0.0), 0.0, 0.0),
            ((-0.3, 0.0, 0.0), 2.0, 13.815511),  # opposite: -log of the least agreement, 1e-6
            ((0.3, 0.4, 0.0), 0.4, 0.223144),  # cosine 0.6: -log(0.8)
            ((0.05, 0.0, 0.0), 0.5, 0.287682),  # counts as 0.1 long, of which it is half: -log(0.75)
            ((0.0, 0.0, 0.0), 1.0, 0.693147),
        ],
    )
    def test_by_hand(self, change: tuple[float, ...], loss: float, log_loss: float) -> None:
        edited = self.ORIGINAL + torch.tensor([change])
        assert float(direction_loss(edited, self.ORIGINAL, self.GOAL)) == pytest.approx(loss, abs=1e-6)
        assert float(log_direction_loss(edited, self.ORIGINAL, self.GOAL)) == pytest.approx(log_loss, abs=1e-5)

    def test_each_image_has_its_own_value_and_may_have_its_own_goal(self) -> None:
        edited = self.ORIGINAL + torch.tensor([[0.3, 0.0, 0.0], [0.0, 0.3, 0.0]])
        both = self.ORIGINAL.expand(2, -1)
        torch.testing.assert_close(direction_loss(edited, both, self.GOAL), torch.tensor([0.0, 1.0]))
        torch.testing.assert_close(
            direction_loss(edited, both, torch.tensor([[0.0, 2.0, 0.0], [0.0, -2.0, 0.0]])), torch.tensor([1.0, 2.0])
        )

    def test_gradient_where_an_edit_starts(self) -> None:
        """No change yet: a cosine of slope 1 / 0.1 along the goal."""
        edited = self.ORIGINAL.clone().requires_grad_()
        direction_loss(edited, self.ORIGINAL, self.GOAL).sum().backward()
        torch.testing.assert_close(edited.grad, torch.tensor([[-10.0, 0.0, 0.0]]))
        edited.grad = None
        log_direction_loss(edited, self.ORIGINAL, self.GOAL).sum().backward()
        torch.testing.assert_close(edited.grad, torch.tensor([[-10.0, 0.0, 0.0]]))

    # Half the length that changes count as at least, and beyond it.
    @pytest.mark.parametrize("change", [(0.03, 0.04, 0.0), (0.3, 0.4, 0.1)])
    def test_gradient_is_that_of_the_loss(self, change: tuple[float, ...]) -> None:
        original, goal = self.ORIGINAL.double(), self.GOAL.double()
        edited = (original + torch.tensor([change], dtype=torch.float64)).requires_grad_()
        assert torch.autograd.gradcheck(lambda embedding: direction_loss(embedding, original, goal), edited)
        assert torch.autograd.gradcheck(lambda embedding: log_direction_loss(embedding, original, goal), edited)

    def test_the_worst_edit_has_a_finite_gradient(self) -> None:
        edited = (self.ORIGINAL - self.GOAL).requires_grad_()
        loss = log_direction_loss(edited, self.ORIGINAL, self.GOAL)
        loss.sum().backward()
        assert loss.isfinite().all()
        assert edited.grad is not None
        assert edited.grad.isfinite().all()


class TestAdversarial:
    SEEN = {"one": torch.tensor([0.5, -0.2]), "other": torch.tensor([0.3, 0.4])}  # noqa: RUF012 (nothing writes to it)

    def test_dodging(self) -> None:
        torch.testing.assert_close(dodging_loss(self.SEEN), torch.tensor([0.4, 0.1]))
        # 0.5 - 0.2 and nothing; nothing and 0.4 - 0.35.
        torch.testing.assert_close(dodging_loss(self.SEEN, {"one": 0.2, "other": 0.35}), torch.tensor([0.15, 0.025]))

    def test_impersonation(self) -> None:
        torch.testing.assert_close(impersonation_loss(self.SEEN), torch.tensor([0.6, 0.9]))
        # 0.6 - 0.5 and 0.35 - 0.3; 0.6 + 0.2 and nothing.
        torch.testing.assert_close(
            impersonation_loss(self.SEEN, {"one": 0.6, "other": 0.35}), torch.tensor([0.075, 0.4])
        )

    def test_nothing_pulls_beyond_enough(self) -> None:
        seen = {"one": torch.tensor([0.5, -0.2], requires_grad=True)}
        (dodging_loss(seen, {"one": 0.2}) + impersonation_loss(seen, {"one": -0.5})).sum().backward()
        assert seen["one"].grad is not None
        assert seen["one"].grad.tolist() == [1.0, 0.0]


def test_identity() -> None:
    edited, original = (
        torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]]),
        torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    )
    torch.testing.assert_close(identity_loss(edited, original), torch.tensor([0.0, 0.4, 2.0]))
