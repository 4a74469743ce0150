"""The makeup reference that a run refers to, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_faces.plugin import Face, FaceFinder, NoFaceError, Photo, frame_tensors, read_photo
from privacy_faces_makeup.diffusion.removal import clean_twin
from privacy_faces_makeup.face.look import Look
from privacy_faces_makeup.face.references import (
    Reference,
    UnknownReferenceError,
    find_reference,
    shipped_references,
)
from privacy_faces_makeup.face.rendering import render
from privacy_faces_makeup.face.words import WordsError, look_of
from privacy_faces_makeup.options import TransferOptions


@dataclass(frozen=True)
class Style:
    """A makeup reference.

    Attributes:
        name: of the reference, or the words.
        source: "shipped", the user's folder, the image file, or "words".
        makeup: (1, 3, S, S) in [0, 1], the face with makeup.
        clean: the same without; None for an image of which no twin is known.
        landmarks: (1, 68, 2) in frame pixels.
    """

    name: str
    source: str
    makeup: Tensor
    clean: Tensor | None
    landmarks: Tensor


def read_style(options: TransferOptions, finder: FaceFinder, size: int, device: torch.device) -> Style:
    """The reference that the options name, the image that they point to, or the makeup that they describe, in frames of
    side `size`.

    Raises:
        UnknownReferenceError: when it is none of these.
        PhotoError, NoFaceError: for an image that cannot be read, or has no face.
        AdapterError: for removal weights that are none.
    """
    ref = options.ref
    path = Path(ref)
    if path.suffix and path.is_file():
        photo = read_photo(path)
        frame, landmarks = frame_tensors(photo, [_largest(photo, finder, path)], size, device)
        return Style(
            path.name, str(path), frame, clean_twin(frame, options.removal) if options.removal else None, landmarks
        )
    try:
        reference = find_reference(ref, options.references)
    except UnknownReferenceError as error:
        try:
            look = look_of(ref)
        except WordsError as unclear:
            raise UnknownReferenceError(
                f"{error} An image file with a face is a reference as well; there is none at {ref}. So are words. "
                f"{unclear}"
            ) from None
        return _described(ref, look, finder, size, device)
    return _of_pair(reference, finder, size, device)


def _of_pair(reference: Reference, finder: FaceFinder, size: int, device: torch.device) -> Style:
    makeup, clean = read_photo(reference.makeup), read_photo(reference.clean)
    # Both pictures are cut alike, so that nothing but the makeup differs.
    face = [_largest(clean, finder, reference.clean)]
    frame, landmarks = frame_tensors(makeup, face, size, device)
    return Style(reference.name, reference.source, frame, frame_tensors(clean, face, size, device)[0], landmarks)


def _described(words: str, look: Look, finder: FaceFinder, size: int, device: torch.device) -> Style:
    """The look on the face of a shipped reference."""
    path = next(iter(shipped_references().values())).clean
    photo = read_photo(path)
    clean, landmarks = frame_tensors(photo, [_largest(photo, finder, path)], size, device)
    return Style(words, "words", render(clean, landmarks, [look], seeds=[0]), clean, landmarks)


def _largest(photo: Photo, finder: FaceFinder, path: Path) -> Face:
    faces = finder.find(photo.rgb)
    if not faces:
        raise NoFaceError(f"no face found in {path} (detector {finder.detector.name})")
    return faces[0]
