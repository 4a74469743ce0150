"""How natural protected faces look as a set (FID, KID) and one by one (LPIPS); each needs weights that do not ship, and
the packages of the extra `fidelity`, and says so where they are missing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privacy_faces.config.extras import has_packages, install_extra
from privacy_faces.evaluation.intervals import mean
from privacy_faces.evaluation.rows import Number
from privacy_faces.models.lpips import LPIPS_WEIGHTS, load_lpips
from privacy_faces.weights.manifest import weight
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import is_present, verified

INCEPTION_WEIGHTS = "inception-fid"
_EXTRA = "fidelity"
# KID averages over subsets of this size, of 1000 in the original; fewer faces cannot fill one, and have none.
_SUBSET, _SUBSETS = 50, 100
_BATCH = 16


@torch.no_grad()
def lpips(original: Tensor, protected: Tensor, people: Sequence[str], device: torch.device) -> Number:
    """The mean LPIPS (Zhang et al., CVPR 2018, AlexNet) of frames (N, 3, S, S), uint8, to their originals; smaller is
    more alike."""
    if (missing := _missing(LPIPS_WEIGHTS, "lpips")) is not None:
        return missing
    network = load_lpips(device)
    values = [
        network(*(frames[start : start + _BATCH].to(device).float() / 255 for frames in (original, protected))).cpu()
        for start in range(0, len(original), _BATCH)
    ]
    return mean(torch.cat(values).double().numpy(), people)


@torch.no_grad()
def fid_and_kid(original: Tensor, protected: Tensor, device: torch.device) -> tuple[Number, Number]:
    """FID (Heusel et al., NeurIPS 2017) and KID (Binkowski et al., ICLR 2018) between two sets of frames (N, 3, S, S),
    uint8; smaller is more alike.

    FID is biased upwards for small sets: the covariance of 2048 features asks for thousands of faces. KID is not, and
    has the deviation over its subsets as an interval; it asks for as many faces as one subset holds.
    """
    if (missing := _missing(INCEPTION_WEIGHTS, "torchmetrics", "torch_fidelity")) is not None:
        return missing, missing
    if len(original) < 2:
        few = Number(value=None, n=len(original), missing="needs at least two faces")
        return few, few
    # torchmetrics takes over ten seconds to import: only where there is something to measure with it.
    from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
    from torchmetrics.image.kid import KernelInceptionDistance

    # The extractor reads a file of its own making only; these bytes are made here, of tensors that were read safely.
    buffer = io.BytesIO()
    torch.save(read_state_dict(verified(INCEPTION_WEIGHTS)[0]), buffer)
    buffer.seek(0)
    # A path or a file: it goes to torch.load.
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], buffer)  # type: ignore[arg-type]
    metrics: list[Any] = [FrechetInceptionDistance(network).to(device)]
    if len(original) >= _SUBSET:
        metrics.append(KernelInceptionDistance(network, subsets=_SUBSETS, subset_size=_SUBSET).to(device))
    for frames, real in ((original, True), (protected, False)):
        for start in range(0, len(frames), _BATCH):
            for metric in metrics:
                metric.update(frames[start : start + _BATCH].to(device), real=real)
    fid = Number(value=float(metrics[0].compute()), n=len(original))
    if len(metrics) == 1:
        why = f"needs at least {_SUBSET} faces, as many as one of its subsets holds"
        return fid, Number(value=None, n=len(original), missing=why)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of KID's subsets
        kid, deviation = (float(value) for value in metrics[1].compute())
    low, high = kid - 1.96 * deviation / np.sqrt(_SUBSETS), kid + 1.96 * deviation / np.sqrt(_SUBSETS)
    return fid, Number(value=kid, n=len(original), low=float(low), high=float(high))


def _missing(weight_id: str, *packages: str) -> Number | None:
    """What stands in place of a number whose packages or weights are not here; None where they are."""
    if not has_packages(*packages):
        why = f"the packages {' and '.join(packages)} are missing; get them: {install_extra(_EXTRA)}"
    elif not is_present(weight_id):
        why = f"the weights {weight_id} are missing; get them: {weight(weight_id).command}"
    else:
        return None
    return Number(value=None, n=0, missing=why)
