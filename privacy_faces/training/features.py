"""Embeddings of photos and of augmented copies, computed once: a frozen recognizer gives the same in every epoch."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.evaluation.embedding import largest_faces
from privacy_faces.judge.store import Store
from privacy_faces.judge.views import View
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.frames import transform
from privacy_faces.recognizers.contract import Recognizer

# An augmented copy: turned by at most this angle, scaled and moved by at most these shares, its contrast changed by at
# most that.
_TURN, _SCALE, _MOVE, _LIGHT = np.deg2rad(6), 0.06, 0.03, 0.3
_BATCH = 32

Features = NDArray[np.float32]


def embed_once(
    photos: dict[Path, int],
    finder: FaceFinder,
    recognizer: Recognizer,
    store: Store,
    seed: int,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> dict[Path, Features]:
    """Embeddings (M, D), unit length, of the largest face of each photo and of its augmented copies, M =
    `photos[path]`; (0, D) where there is no face.

    What the store remembers of a photo (by its content, M, the seed, the detector and the weights) is not computed
    again.
    """
    weights = ",".join(record["sha256"] for record in recognizer.weight_records)
    about = f"{recognizer.name} {recognizer.template} {weights} {finder.detector.name} {seed}"
    keys = {
        path: f"features {about} {count} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path, count in photos.items()
    }
    known = {
        path: np.load(io.BytesIO(row), allow_pickle=False)
        for path, key in keys.items()
        if (row := store.get(key)) is not None
    }
    device = next(recognizer.parameters()).device
    for path in progress([path for path in photos if path not in known]):
        views = _views(path, photos[path], finder, seed)
        rows = [_embed(recognizer, views[start : start + _BATCH], device) for start in range(0, len(views), _BATCH)]
        known[path] = np.concatenate([np.zeros((0, recognizer.embedding_size), np.float32), *rows])
        buffer = io.BytesIO()
        np.save(buffer, known[path], allow_pickle=False)
        store.put(keys[path], buffer.getvalue())
    return known


def augmented(view: View, random: np.random.Generator) -> View:
    """The face as another crop would show it, under other light: its landmarks turned, scaled and moved, its contrast
    and brightness changed."""
    size, middle = view.frame.shape[0], view.landmarks.mean(0)
    angle, scale = random.uniform(-_TURN, _TURN), 1 + random.uniform(-_SCALE, _SCALE)
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = middle + size * random.uniform(-_MOVE, _MOVE, 2) - turned @ middle
    contrast, brightness = 1 + random.uniform(-_LIGHT, _LIGHT), random.uniform(-_LIGHT, _LIGHT) / 2
    frame = np.clip((view.frame - 0.5) * contrast + 0.5 + brightness, 0, 1).astype(np.float32)
    return View(frame, transform(np.column_stack([turned, shift]), view.landmarks))


def _views(path: Path, count: int, finder: FaceFinder, seed: int) -> list[View]:
    """The largest face of a photo, and count - 1 augmented copies; none where there is no face."""
    try:
        ((_, view),) = largest_faces([path], finder)
    except ValueError:  # logged
        return []
    random = np.random.default_rng([seed, *path.name.encode()])
    return [view, *(augmented(view, random) for _ in range(count - 1))]


@torch.no_grad()
def _embed(recognizer: Recognizer, views: Sequence[View], device: torch.device) -> Features:
    frames = torch.from_numpy(np.stack([view.frame for view in views])).permute(0, 3, 1, 2)
    landmarks = torch.from_numpy(np.stack([view.landmarks for view in views])).float()
    return recognizer.embed(frames.to(device), landmarks.to(device)).cpu().numpy()
