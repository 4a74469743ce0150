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

from privacy_faces.evaluation.attackers.crops import mirrored_landmarks
from privacy_faces.judge.observations import View
from privacy_faces.recognizers.contract import Recognizer

Indices = NDArray[np.int64]

STEPS = 30
# The last modules that have weights: two convolutions or more, and the layer that embeds.
_LAYERS = 6
_LEARNING_RATE = 1e-3
# Of the cosines before the softmax.
_SCALE = 16.0
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
    sides = [_tensors(views, device) for views in (training, [_mirrored(view) for view in training])]
    with torch.no_grad():
        rows = _embedded(tuned, *sides[0])
        means = torch.stack([rows[labels == index].mean(0) for index in range(len(known))])
    weights = nn.Parameter(F.normalize(means, dim=1))
    parameters = [weights, *(item for item in tuned.parameters() if item.requires_grad)]
    optimizer = torch.optim.Adam(parameters, _LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randperm(len(training), generator=generator)[:_BATCH]
        frames, landmarks = sides[int(torch.randint(2, (1,), generator=generator))]
        cosines = tuned.embed(frames[chosen], landmarks[chosen]) @ F.normalize(weights, dim=1).T
        loss = F.cross_entropy(_SCALE * cosines, labels[chosen])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    with torch.no_grad():
        said = (_embedded(tuned, *_tensors(probes, device)) @ F.normalize(weights, dim=1).T).argmax(1)
    return np.asarray(known[said.cpu().numpy()], dtype=np.int64)


def _embedded(recognizer: Recognizer, frames: Tensor, landmarks: Tensor) -> Tensor:
    parts = zip(torch.split(frames, _BATCH), torch.split(landmarks, _BATCH), strict=True)
    return torch.cat([recognizer.embed(*part) for part in parts])


def _tensors(views: Sequence[View], device: torch.device) -> tuple[Tensor, Tensor]:
    frames = torch.from_numpy(np.stack([view.frame for view in views])).permute(0, 3, 1, 2).contiguous()
    return frames.to(device), torch.from_numpy(np.stack([view.landmarks for view in views])).float().to(device)


def _mirrored(view: View) -> View:
    frame = np.ascontiguousarray(view.frame[:, ::-1])
    return View(frame, mirrored_landmarks(view.landmarks, view.frame.shape[0]))
