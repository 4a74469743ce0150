"""Diffusion models behind one convention: velocities against the networks' own answers, frames there and back, and
memory saved without a change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from privacy_faces_makeup.diffusion import denoiser as denoiser_module
from privacy_faces_makeup.diffusion.denoiser import Denoiser, PlainDenoiser, Precision
from privacy_faces_makeup.diffusion.latents import latents_of
from privacy_faces_makeup.loading import load_denoiser
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from privacy_faces.photos.faces import Face
from privacy_faces.testing import batch_of
from tests.tiny_models import noise, tiny_unet

pytestmark = pytest.mark.usefixtures("one_thread")


def tiny() -> PlainDenoiser:
    return PlainDenoiser("tiny", tiny_unet())


class TestPlain:
    T = torch.tensor([3, 500])

    def noise_seen(self, denoiser: PlainDenoiser, noisy: Tensor) -> Tensor:
        """e = sigma_t x_t + alpha_t v, from the velocity alone."""
        alpha, sigma = denoiser.schedule.at(self.T)
        return sigma * noisy + alpha * denoiser.velocity(noisy, self.T, denoiser.condition(noisy))

    @torch.no_grad()
    def test_velocity_is_another_word_for_the_noise(self) -> None:
        denoiser, noisy = tiny(), noise(2)
        torch.testing.assert_close(
            self.noise_seen(denoiser, noisy), denoiser.unet(noisy, self.T).sample, atol=1e-5, rtol=0
        )

    @torch.no_grad()
    def test_a_learnt_variance_is_left_aside(self) -> None:
        denoiser, noisy = PlainDenoiser("six", tiny_unet(6)), noise(2)
        both = denoiser.unet(noisy, self.T).sample
        assert both.shape == (2, 6, 16, 16)
        torch.testing.assert_close(self.noise_seen(denoiser, noisy), both[:, :3], atol=1e-5, rtol=0)

    def test_size_schedule_and_condition(self) -> None:
        denoiser = tiny()
        assert denoiser.size == 16
        # DDPM's linear one: 1 - 1e-4 at the first step, and next to nothing at the last.
        assert float(denoiser.schedule.alphas_bar[0]) == pytest.approx(0.9999, abs=1e-6)
        assert float(denoiser.schedule.alphas_bar[-1]) == pytest.approx(4.0e-5, abs=1e-6)
        assert denoiser.condition(noise(2)).shape == (2, 0)

    @torch.no_grad()
    def test_there_and_back(self) -> None:
        """The smallest steps there are lead back to about where they started, whatever the network says."""
        denoiser, frames = tiny(), noise(1).sigmoid()
        latents = denoiser.invert(frames, 60, 61)
        assert float((latents - (frames * 2 - 1)).abs().mean()) > 0.01
        torch.testing.assert_close(denoiser(latents, denoiser.condition(frames), 60, 61), frames, atol=1e-2, rtol=0)


class TestFrugal:
    @staticmethod
    def run(activation_checkpointing: bool, precision: Precision = "no") -> tuple[Tensor, dict[str, Tensor], int]:
        """Frames, gradients, and the bytes kept for the backward pass."""
        denoiser, latents, kept = tiny(), noise(2).requires_grad_(), []
        denoiser.compute_in(precision)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: kept.append(tensor.nbytes) or tensor, lambda tensor: tensor
        ):
            frames = denoiser(
                latents, denoiser.condition(latents), 60, 4, activation_checkpointing=activation_checkpointing
            )
            assert frames.dtype == torch.float32
            loss = (frames * noise(2, seed=1)).sum()
        loss.backward()
        assert latents.grad is not None
        gradients = {name: weight.grad for name, weight in denoiser.unet.named_parameters() if weight.grad is not None}
        assert len(gradients) == len(list(denoiser.unet.parameters()))
        return frames.detach(), gradients | {"latents": latents.grad}, sum(kept)

    # Hooks do not see what a checkpoint keeps; here it keeps nothing but in the test after this one.
    @pytest.mark.filterwarnings("ignore:A saved_tensors_hooks context")
    def test_same_frames_and_gradients_for_a_fraction_of_the_memory(self) -> None:
        frames, gradients, much = self.run(False)
        same_frames, same_gradients, little = self.run(True)
        assert torch.equal(frames, same_frames)
        assert gradients["latents"].abs().max() > 0.1
        for name, gradient in gradients.items():
            torch.testing.assert_close(same_gradients[name], gradient, atol=1e-6, rtol=1e-4, msg=name)
        # Of four steps, the last.
        assert little < 0.27 * much

    @pytest.mark.filterwarnings("ignore:A saved_tensors_hooks context")
    @pytest.mark.parametrize("precision", ["no", "bf16"])
    def test_dear_results_are_not_computed_again(self, precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
        frames, gradients, _ = self.run(False, precision)
        counts = []
        for dear in (10**6, 0):
            monkeypatch.setattr(denoiser_module, "_DEAR", dear)
            with Convolutions() as convolutions:
                same_frames, same_gradients, _ = self.run(True, precision)
            counts.append(convolutions.count)
            assert torch.equal(frames, same_frames)
            for name, gradient in gradients.items():
                scale = float(gradient.abs().max())
                torch.testing.assert_close(same_gradients[name], gradient, atol=0.02 * scale, rtol=0, msg=name)
        # Four steps, three of which are run again: seven times the network's convolutions, or four.
        assert counts[0] * 4 == counts[1] * 7

    def test_bfloat16_is_near(self) -> None:
        frames, gradients, _ = self.run(False)
        rounded, rounded_gradients, _ = self.run(False, "bf16")
        # The network's answers are rounded to three digits; the sums of DDIM are not.
        torch.testing.assert_close(rounded, frames, atol=4e-3, rtol=0)
        assert not torch.equal(rounded, frames)
        agreement = torch.nn.functional.cosine_similarity(
            gradients["latents"].flatten(), rounded_gradients["latents"].flatten(), 0
        )
        assert float(agreement) > 0.999


class Convolutions(TorchDispatchMode):
    """Counts the convolutions run within."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten.convolution.default
        return func(*args, **(kwargs or {}))


class TestShipped:
    """What face-diffusion-128 does."""

    @pytest.fixture(scope="class")
    @staticmethod
    def denoiser() -> Denoiser:
        denoiser, used = load_denoiser("face-diffusion-128", torch.device("cpu"))
        assert [record["id"] for record in used] == ["face-diffusion-128", "face-prior"]
        assert denoiser.size == 128
        assert not any(weight.requires_grad for weight in denoiser.parameters())
        return denoiser

    @pytest.fixture(scope="class")
    @staticmethod
    def frames(sample: np.ndarray, sample_face: Face) -> Tensor:
        """The sample face, and its mirror image."""
        frames = batch_of([sample], [sample_face], 128, [0]).frames
        return torch.cat([frames, frames.flip(3)])

    @torch.no_grad()
    def test_frames_come_back(self, denoiser: Denoiser, frames: Tensor) -> None:
        face = frames[:1]
        latents = denoiser.invert(face, 60, 20)
        assert float((latents - (face * 2 - 1)).abs().mean()) > 0.005
        again = denoiser(latents, denoiser.condition(face * 2 - 1), 60, 6)
        assert float(-10 * (again - face).square().mean().log10()) > 40

    @torch.no_grad()
    def test_frames_come_back_from_bfloat16(self, frames: Tensor) -> None:
        rounded, _ = load_denoiser("face-diffusion-128", torch.device("cpu"), "bf16")
        face = frames[:1]
        latents = rounded.invert(face, 60, 20)
        again = rounded(latents, rounded.condition(face * 2 - 1), 60, 6)
        assert latents.dtype == again.dtype == torch.float32
        assert float(-10 * (again - face).square().mean().log10()) > 35

    def test_latents_of_a_batch_are_those_of_single_faces(self, denoiser: Denoiser, frames: Tensor) -> None:
        both = latents_of(denoiser, frames, 60, 3, 2)
        for place in range(2):
            alone = latents_of(denoiser, frames[place : place + 1], 60, 3, 2)
            for name in ("noisy", "condition", "plain"):
                torch.testing.assert_close(getattr(alone, name)[0], getattr(both, name)[place], atol=1e-4, rtol=0)
        assert not both.plain.requires_grad
