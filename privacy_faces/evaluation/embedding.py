"""Embeddings of many photos, each photo read and searched once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.evaluation.judge import JUDGE_FRAME, frame_tensors
from privacy_faces.photos.faces import FaceFinder
from privacy_faces.photos.photo import PhotoError
from privacy_faces.photos.read import read_photo
from privacy_faces.recognizers.ensemble import Ensemble

log = logging.getLogger(__name__)

_BATCH = 32


@torch.no_grad()
def embed_photos(paths: Iterable[Path], finder: FaceFinder, ensemble: Ensemble, device: torch.device) -> tuple[list[Path], dict[str, NDArray[np.float64]]]:
    """The largest face of each photo, embedded.

    Returns:
        The photos in which a face was found (the others are logged), and name -> embeddings (N, D), unit length.
    """
    kept: list[Path] = []
    frames, landmarks = [], []
    for path in paths:
        try:
            photo = read_photo(path)
        except PhotoError as error:
            log.warning("left out %s: %s", path, error)
            continue
        faces = finder.find(photo.rgb)
        if not faces:
            log.warning("left out %s: no face found", path)
            continue
        frame, places = frame_tensors(photo, faces[:1], JUDGE_FRAME, device)
        kept.append(path)
        frames.append(frame)
        landmarks.append(places)
    if not kept:
        raise ValueError("Expected at least one photo with a face, found none.")
    batches = [
        ensemble.embed(torch.cat(frames[start : start + _BATCH]), torch.cat(landmarks[start : start + _BATCH])) for start in range(0, len(kept), _BATCH)
    ]
    return kept, {name: torch.cat([batch[name] for batch in batches]).double().cpu().numpy() for name in ensemble.names}
