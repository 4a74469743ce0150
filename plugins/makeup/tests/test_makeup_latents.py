"""Inverted photos on disk: one file each, read where they lie, made anew for anything that changes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from privacy_faces_makeup.diffusion.denoiser import PlainDenoiser
from privacy_faces_makeup.diffusion.latents import Latents, cached_latents, latents_of
from privacy_faces_makeup.options import DiffusionOptions
from torch import Tensor

from tests.tiny_models import noise, tiny_unet

pytestmark = pytest.mark.usefixtures("one_thread")

WEIGHTS = [{"id": "tiny", "sha256": "a" * 64}, {"id": "prior", "sha256": "b" * 64}]


class Counting(PlainDenoiser):
    """Remembers how many faces it inverted."""

    inverted = 0

    def invert(self, frames: Tensor, t_0: int, count: int) -> Tensor:
        self.inverted += len(frames)
        return super().invert(frames, t_0, count)


@pytest.fixture
def denoiser() -> Counting:
    return Counting("tiny", tiny_unet())


@pytest.fixture
def frames() -> Tensor:
    """Ten faces: more than are inverted at once."""
    return noise(10).sigmoid()


def options(**values: int) -> DiffusionOptions:
    return DiffusionOptions(**{"t_0": 60, "inversion_steps": 3, "generation_steps": 2} | values)


def same(first: Latents, second: Latents, **tolerance: float) -> None:
    for name in ("noisy", "condition", "plain"):
        torch.testing.assert_close(
            getattr(first, name), getattr(second, name), **{"atol": 0.0, "rtol": 0.0} | tolerance
        )


def test_one_file_per_frame_read_again(denoiser: Counting, frames: Tensor, tmp_path: Path) -> None:
    made = cached_latents(denoiser, WEIGHTS, frames, options(), tmp_path / "latents")
    files = sorted((tmp_path / "latents").iterdir())
    assert [path.suffix for path in files] == [".safetensors"] * 10
    assert denoiser.inverted == 10
    same(made, latents_of(PlainDenoiser("tiny", tiny_unet()), frames, 60, 3, 2), atol=1e-5)
    stamps = [path.stat().st_mtime_ns for path in files]
    denoiser.unet = None  # nothing of it is asked again
    same(cached_latents(denoiser, WEIGHTS, frames, options(), tmp_path / "latents"), made)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "latents").iterdir())] == stamps


def test_any_order_and_any_part(denoiser: Counting, frames: Tensor, tmp_path: Path) -> None:
    made = cached_latents(denoiser, WEIGHTS, frames, options(), tmp_path)
    rows = torch.tensor([7, 2, 7])
    same(
        cached_latents(denoiser, WEIGHTS, frames[rows], options(), tmp_path),
        Latents(made.noisy[rows], made.condition[rows], made.plain[rows]),
    )
    assert denoiser.inverted == 10
    cached_latents(denoiser, WEIGHTS, torch.cat([frames[:2], 1 - frames[:1]]), options(), tmp_path)
    assert denoiser.inverted == 11, "another photo alone is inverted"
    assert len(list(tmp_path.iterdir())) == 11


@pytest.mark.parametrize("change", [{"t_0": 59}, {"inversion_steps": 4}, {"generation_steps": 3}])
def test_another_schedule_writes_other_files(
    denoiser: Counting, frames: Tensor, tmp_path: Path, change: dict[str, int]
) -> None:
    first = cached_latents(denoiser, WEIGHTS, frames[:2], options(), tmp_path)
    second = cached_latents(denoiser, WEIGHTS, frames[:2], options(**change), tmp_path)
    assert denoiser.inverted == 4
    assert len(list(tmp_path.iterdir())) == 4
    assert not torch.equal(first.plain, second.plain)


def test_other_weights_write_other_files(denoiser: Counting, frames: Tensor, tmp_path: Path) -> None:
    cached_latents(denoiser, WEIGHTS, frames[:1], options(), tmp_path)
    cached_latents(denoiser, WEIGHTS[::-1], frames[:1], options(), tmp_path)
    assert denoiser.inverted == 1, "in whatever order they are named"
    cached_latents(denoiser, [WEIGHTS[0], WEIGHTS[1] | {"sha256": "c" * 64}], frames[:1], options(), tmp_path)
    assert denoiser.inverted == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_run_leaves_no_half_file(denoiser: Counting, frames: Tensor, tmp_path: Path) -> None:
    def stop(batches: range) -> object:
        yield batches[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_latents(denoiser, WEIGHTS, frames, options(), tmp_path, stop)
    assert denoiser.inverted == len(list(tmp_path.glob("*.safetensors"))) < 10
    assert len(list(tmp_path.iterdir())) == denoiser.inverted
    cached_latents(denoiser, WEIGHTS, frames, options(), tmp_path)
    assert denoiser.inverted == 10
