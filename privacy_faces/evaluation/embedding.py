"""Embeddings of many photos, each photo read and searched once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.judge.observations import Observer
from privacy_faces.judge.views import View, view_of
from privacy_faces.photos.batch import COMPARED_FRAME
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import PhotoError
from privacy_faces.recognizers.ensemble import Ensemble

log = logging.getLogger(__name__)


def embed_photos(
    paths: Iterable[Path], finder: FaceFinder, ensemble: Ensemble, device: torch.device
) -> tuple[list[Path], dict[str, NDArray[np.float64]]]:
    """The largest face of each photo, embedded.

    Returns:
        The photos in which a face was found (the others are logged), and name -> embeddings (N, D), unit length.

    Raises:
        ValueError: when no photo has a face.
    """
    kept, views = zip(*largest_faces(paths, finder), strict=True)
    rows = Observer(finder, ensemble, device).embed(views)
    return list(kept), {name: found.astype(np.float64) for name, found in rows.items()}


def largest_faces(paths: Iterable[Path], finder: FaceFinder, size: int = COMPARED_FRAME) -> list[tuple[Path, View]]:
    """The largest face of each photo, in a frame of side `size`; photos without a face are logged and left out.

    Raises:
        ValueError: when no photo has a face.
    """
    found = []
    for path in paths:
        try:
            rgb = read_photo(path).rgb
        except PhotoError as error:
            log.warning("left out %s: %s", path, error)
            continue
        face = finder.largest(rgb)
        if face:
            found.append((path, view_of(rgb, face, size)))
        else:
            log.warning("left out %s: no face found", path)
    if not found:
        raise ValueError("Expected at least one photo with a face, found none.")
    return found
