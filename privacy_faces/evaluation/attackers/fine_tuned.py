"""A recognizer that was fine-tuned on protected photos: its last layers and a classifier learn the people as they look
under the protection (what poisoning with cloaks is tested against: Radiya-Dixit et al., "Data Poisoning Won't Save You
From Facial Recognition", ICLR 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from privacy_faces.evaluation.attackers.crops import crops
from privacy_faces.judge.views import View
from privacy_faces.recognizers.contract import Recognizer

Indices = NDArray[np.int64]

STEPS = 30
# The last modules that have weights: two convolutions or more, and the layer that embeds.
_LAYERS = 6
_LEARNING_RATE, _CLASSIFIER_RATE = 1e-5, 1e-2
# Of the cosines before the softmax.
_SCALE = 32.0
_BATCH = 16


def named_after_tuning(
    recognizer: Recognizer,
    training: Sequence[View],
    people: Indices,
    probes: Sequence[View],
    device: torch.device,
    steps: int = STEPS,
) -> Indices:
    """Whom the tuned recognizer names on the probes, (N,).

    Args:
        recognizer: stays as it is; a copy is tuned.
        training: M views, at least one.
        people: (M,), who that is.
        probes: N views.
        device: where the recognizer runs.
        steps: of the training.
    """
    tuned = deepcopy(recognizer)
    layers = [module for module in tuned.modules() if next(module.parameters(recurse=False), None) is not None]
    for layer in layers[-_LAYERS:]:
        layer.requires_grad_(True)
    known, classes = np.unique(people, return_inverse=True)
    labels = torch.from_numpy(classes.astype(np.int64)).to(device)
    # Every photo in slightly different alignments, mirrored ones among them: there are few of each person.
    aligned = [crops(view) for view in training]
    with torch.no_grad():
        rows = _embedded(tuned, training, device)
        means = torch.stack([rows[labels == index].mean(0) for index in range(len(known))])
    weights = nn.Parameter(F.normalize(means, dim=1))
    optimizer = torch.optim.Adam(
        [
            {"params": [weights], "lr": _CLASSIFIER_RATE},
            {"params": [item for item in tuned.parameters() if item.requires_grad], "lr": _LEARNING_RATE},
        ]
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randperm(len(training), generator=generator)[:_BATCH]
        crop = int(torch.randint(len(aligned[0]), (1,), generator=generator))
        frames, landmarks = _tensors([aligned[index][crop] for index in chosen], device)
        cosines = tuned.embed(frames, landmarks) @ F.normalize(weights, dim=1).T
        loss = F.cross_entropy(_SCALE * cosines, labels[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        said = (_embedded(tuned, probes, device) @ F.normalize(weights, dim=1).T).argmax(1)
    return np.asarray(known[said.cpu().numpy()], dtype=np.int64)


def _embedded(recognizer: Recognizer, views: Sequence[View], device: torch.device) -> Tensor:
    parts = (views[start : start + _BATCH] for start in range(0, len(views), _BATCH))
    return torch.cat([recognizer.embed(*_tensors(part, device)) for part in parts])


def _tensors(views: Sequence[View], device: torch.device) -> tuple[Tensor, Tensor]:
    frames = torch.from_numpy(np.stack([view.frame for view in views])).permute(0, 3, 1, 2).contiguous()
    return frames.to(device), torch.from_numpy(np.stack([view.landmarks for view in views])).float().to(device)
