"""Embeddings of many photos, each photo read and searched once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privacy_faces.photos.batch import COMPARED_FRAME, frame_tensors
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import PhotoError
from privacy_faces.recognizers.ensemble import Ensemble

log = logging.getLogger(__name__)

_BATCH = 32


@torch.no_grad()
def embed_photos(
    paths: Iterable[Path], finder: FaceFinder, ensemble: Ensemble, device: torch.device
) -> tuple[list[Path], dict[str, NDArray[np.float64]]]:
    """The largest face of each photo, embedded.

    Returns:
        The photos in which a face was found (the others are logged), and name -> embeddings (N, D), unit length.
    """
    kept, frames, landmarks = zip(*largest_faces(paths, finder, COMPARED_FRAME, device), strict=True)
    batches = [
        ensemble.embed(torch.cat(frames[start : start + _BATCH]), torch.cat(landmarks[start : start + _BATCH]))
        for start in range(0, len(kept), _BATCH)
    ]
    return list(kept), {
        name: torch.cat([batch[name] for batch in batches]).double().cpu().numpy() for name in ensemble.names
    }


def largest_faces(
    paths: Iterable[Path], finder: FaceFinder, size: int, device: torch.device
) -> list[tuple[Path, Tensor, Tensor]]:
    """Path, frame (1, 3, size, size) and landmarks (1, 68, 2) of the largest face of each photo; photos without a face
    are logged and left out.

    Raises:
        ValueError: when no photo has a face.
    """
    found = []
    for path in paths:
        try:
            photo = read_photo(path)
        except PhotoError as error:
            log.warning("left out %s: %s", path, error)
            continue
        faces = finder.find(photo.rgb)
        if faces:
            found.append((path, *frame_tensors(photo, faces[:1], size, device)))
        else:
            log.warning("left out %s: no face found", path)
    if not found:
        raise ValueError("Expected at least one photo with a face, found none.")
    return found
