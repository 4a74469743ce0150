"""DP-Pix and k-Same: their equations, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privacy_faces.config.options import OptionError
from privacy_faces.config.registry import METHODS
from privacy_faces.methods.context import Context
from privacy_faces.methods.dp_pix import laplace, laplace_scale
from privacy_faces.methods.k_same import distances, mean_color, warped
from privacy_faces.methods.options import DpPixOptions
from privacy_faces.photos.batch import FrameBatch, frame_tensors
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import photo_from_array
from privacy_faces.photos.regions import region_masks

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def batch(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    frames, landmarks = frame_tensors(photo_from_array(sample), [sample_face], 256, torch.device("cpu"))
    masks = region_masks(landmarks[0].double().numpy(), 256)
    regions = {name: torch.from_numpy(mask)[None, None] for name, mask in masks.items()}
    return FrameBatch(frames, landmarks, regions, [7])


class TestDpPix:
    def test_the_noise_is_that_of_the_theorem(self) -> None:
        # The paper's example, gray: 255 m / (b^2 epsilon) = 255 * 16 / (256 * 0.5) = 31.875 gray levels; of three
        # channels.
        assert laplace_scale(0.5, 16, 16) == pytest.approx(3 * 31.875 / 255)
        noise = laplace(torch.Size([200_000]), torch.Generator().manual_seed(0))
        assert noise.isfinite().all()
        # Laplace noise of scale 1: mean absolute value 1, variance 2, median 0.
        assert noise.abs().mean() == pytest.approx(1, abs=0.01)
        assert noise.var() == pytest.approx(2, abs=0.05)
        assert noise.median() == pytest.approx(0, abs=0.01)

    def test_cells_are_flat_and_their_noise_is_of_the_seed(self, batch: FrameBatch) -> None:
        method = METHODS.build("dp-pix", {"epsilon": 50.0}, Context("cpu"))
        cover = method.cover(batch)  # type: ignore[attr-defined]
        cells = cover.reshape(1, 3, 16, 16, 16, 16)
        assert torch.equal(cells.amax((3, 5)), cells.amin((3, 5)))
        assert torch.equal(cover, method.cover(batch))  # type: ignore[attr-defined]
        means = torch.nn.functional.avg_pool2d(batch.frames, 16)
        noise = (cells[:, :, :, 0, :, 0] - means).abs()
        assert 0.0005 < noise.mean() < 0.0075, "of scale 0.00375, clamped at the ends"

    def test_cells_must_fill_the_frame(self) -> None:
        with pytest.raises(OptionError, match="expected a block that divides the frame's side, found 16 in 264"):
            DpPixOptions.validated({"frame_size": 264}, "dp-pix")


class TestKSame:
    def test_a_face_is_drawn_to_the_landmarks(self, batch: FrameBatch) -> None:
        """The tip of a nose in the synthetic face is the tip of the nose in the frame."""
        face = Context("cpu").target("003")
        marked = face.frame.clone()
        x, y = face.landmarks[30].round().long().tolist()
        marked[:, y - 4 : y + 5, x - 4 : x + 5] = 0
        drawn = warped(face, batch.landmarks, 256)
        spot = (drawn - warped(type(face)(face.name, marked, face.landmarks), batch.landmarks, 256)).abs().sum((0, 1))
        rows, columns = torch.nonzero(spot > 0.3, as_tuple=True)
        center = torch.stack([columns.float().mean(), rows.float().mean()])
        assert (center - batch.landmarks[0, 30]).norm() < 3
        assert drawn.shape == (1, 3, 256, 256)

    def test_nearest_by_pixels_of_the_region(self) -> None:
        frame = torch.zeros(1, 3, 64, 64)
        faces = torch.stack([torch.full((3, 64, 64), value) for value in (0.5, 0.1, 0.9)])
        region = torch.zeros(1, 1, 64, 64)
        region[..., :32] = 1
        faces[1, :, :, 32:] = 1.0  # outside
        np.testing.assert_allclose(distances(frame, faces, region), [0.25, 0.01, 0.81], rtol=1e-5)
        assert mean_color(faces[1:2], region).flatten().tolist() == pytest.approx([0.1] * 3)

    def test_the_average_of_all_is_the_same_for_everybody_at_one_place(self, batch: FrameBatch) -> None:
        """With k = 24 nothing of the person is left but landmarks and mean color."""
        method = METHODS.build("k-same", {"k": 24}, Context("cpu"))
        turned = FrameBatch(batch.frames.flip(3) * 0.5 + 0.25, batch.landmarks, batch.regions, [7])
        first, second = (method.cover(each) for each in (batch, turned))  # type: ignore[attr-defined]
        region = batch.regions["face"]
        apart = (first - mean_color(first, region)) - (second - mean_color(second, region))
        inside = (first > 0) & (first < 1) & (second > 0) & (second < 1) & region
        assert apart[inside.expand_as(apart)].abs().median() < 0.02
