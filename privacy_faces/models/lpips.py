"""LPIPS (Zhang et al., CVPR 2018): how different two pictures look, by the distance of AlexNet's features."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from privacy_faces.config.extras import need_packages
from privacy_faces.weights.published import Published
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import verified

LPIPS_WEIGHTS = "lpips-alex"


def alexnet() -> nn.Module:
    """torchvision's AlexNet with random weights."""
    from torchvision.models import alexnet as published

    network: nn.Module = published(weights=None)
    return network


ALEXNET = Published("alexnet-owt-7be5be79.pth", alexnet)


def load_lpips(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """The distance of two batches (N, 3, S, S) in [0, 1], (N,), differentiable; 0 for equal pictures, larger is less
    alike.

    Raises:
        MissingExtraError: without the package lpips.
        MissingWeightError: without AlexNet's weights.
    """
    need_packages("fidelity", "LPIPS", "lpips")
    from lpips import LPIPS

    (path,) = verified(LPIPS_WEIGHTS)
    # The linear layers come with the package; the trunk is ours to load, since the package would download it.
    network = LPIPS(net="alex", pnet_rand=True, verbose=False).eval().requires_grad_(False).to(device)
    trunk = read_state_dict(path)
    # The package names the layers by slices, and keeps their numbers: slice2.3.weight is features.3.weight of
    # torchvision's AlexNet.
    network.net.load_state_dict(
        {name: trunk["features." + name.partition(".")[2]] for name in network.net.state_dict()}
    )
    return lambda first, second: network(first * 2 - 1, second * 2 - 1)[:, 0, 0, 0]
