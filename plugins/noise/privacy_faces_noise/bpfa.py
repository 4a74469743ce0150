"""BPFA, beneficial perturbation feature augmentation (Zhou et al., 2023; as in their DPA, CVPR 2025): the surrogates
defend themselves. In each step every convolution's output f becomes f + eta sign(dL/df), with the gradient of the step
before, which makes larger the loss that the noise descends. Arguments: those of `sampled`, and eta."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from privacy_faces.plugin import FrameBatch
from privacy_faces_noise.method import GoalNoise
from privacy_faces_noise.options import BpfaOptions
from privacy_faces_noise.sampled import SampledAttack


@contextmanager
def defended(network: nn.Module, eta: float) -> Iterator[None]:
    """While it lasts, every convolution of `network` adds eta times the sign of its last gradient to its output."""
    gradients: dict[nn.Module, Tensor] = {}

    def hook(layer: nn.Module, _: Any, output: Tensor) -> Tensor:
        if output.requires_grad:
            if layer in gradients:
                output = output + eta * gradients[layer].sign()
            output.register_hook(lambda found: gradients.__setitem__(layer, found))  # type: ignore[no-untyped-call]
        return output

    handles = [layer.register_forward_hook(hook) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Bpfa(GoalNoise):
    """BPFA against the ensemble of surrogates."""

    options: BpfaOptions
    attack = SampledAttack

    def perturbed(self, face: FrameBatch, mask: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """One face."""
        with defended(self.ensemble, self.options.eta):
            return super().perturbed(face, mask)
