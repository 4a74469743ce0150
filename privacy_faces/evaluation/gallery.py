"""Other people in the gallery: distractors, among whom a search must find a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privacy_faces.datasets.folder import photos_below
from privacy_faces.evaluation.setting import SAME_SHOT, Gallery
from privacy_faces.judge.observations import Embeddings, Observer
from privacy_faces.judge.views import View, view_of
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import PhotoError


def read_gallery(folder: Path, observer: Observer, original: Embeddings) -> tuple[Gallery, list[str]]:
    """The largest face of every photo of a folder, a sub-folder for each person, and notes about what is left out.

    A photo that shows the same shot as a probe is no other person's, and is left out.

    Args:
        folder: the photos.
        observer: finds and embeds faces.
        original: recognizer -> embeddings (N, D) of the probes.

    Raises:
        DatasetError: for a folder without photos.
        ValueError: when none of them can be enrolled.
    """
    names, people, views = [], [], []
    faceless, unreadable = 0, list[str]()
    for photo in photos_below(folder):
        try:
            view = _face_of(photo.path, observer)
        except PhotoError as error:
            unreadable.append(f"{photo.path.relative_to(folder)} of the gallery is left out: {error}")
            continue
        if view is None:
            faceless += 1
            continue
        names.append(str(photo.path.relative_to(folder)))
        people.append(photo.identity)
        views.append(view)
    if not views:
        raise ValueError(f"Expected photos with a face in the gallery {folder}, found none.")
    embeddings = observer.embed(views)
    known = np.zeros(len(views), dtype=bool)
    for name, rows in embeddings.items():
        known |= (rows.astype(np.float64) @ original[name].astype(np.float64).T > SAME_SHOT).any(1)
    kept = np.flatnonzero(~known)
    notes = unreadable
    if faceless:
        notes.append(f"{faceless} photos of the gallery are left out: no face was found in them.")
    if known.any():
        same = int(known.sum())
        notes.append(f"{same} photos of the gallery are left out: they show the same shot as a judged photo.")
    gallery = Gallery(
        [names[place] for place in kept],
        [people[place] for place in kept],
        {name: rows[kept] for name, rows in embeddings.items()},
    )
    return gallery, notes


def _face_of(path: Path, observer: Observer) -> View | None:
    rgb = read_photo(path).rgb
    faces = observer.faces(rgb)
    return view_of(rgb, faces[0]) if faces else None
