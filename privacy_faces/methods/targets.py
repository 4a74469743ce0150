"""Whom a face may be made to resemble: a synthetic face by number, or an image that the user has the right to use. Two
photos of each target: the one that a method sees, and the *test* image on which impersonation is scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from privacy_faces.config.files import resource
from privacy_faces.photos.batch import COMPARED_FRAME, frame_tensors
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import NoFaceError
from privacy_faces.photos.formats.read import read_photo

_SYNTHETIC = "synthetic face "
#: The name that stands for another synthetic face for each face.
VARIED = "varied"


@dataclass(frozen=True)
class Target:
    """Somebody whom protected faces are to resemble.

    Attributes:
        name: for the receipt.
        frame: (3, S, S) in [0, 1], of any size.
        landmarks: (68, 2) in frame pixels.
    """

    name: str
    frame: Tensor
    landmarks: Tensor


class TargetError(ValueError):
    """A target that is neither a synthetic face nor an image."""


def drawn_target(seed: int) -> str:
    """The number of the synthetic face that a face of this seed is to resemble where the target is `VARIED`: photos of
    one person are then drawn to different faces, and do not match each other for resembling the same one."""
    known = _known()
    return known[seed % len(known)]


def read_target(target: str, finder: FaceFinder, device: torch.device) -> Target:
    """The number of a synthetic face, or the path of an image, of whose faces the largest counts.

    Raises:
        TargetError: when it is neither.
        PhotoError, NoFaceError: for an image that cannot be read, or has no face.
    """
    path = Path(target)
    name = path.name
    if target.isdecimal():
        path, name = resource("assets/faces") / f"{target}.png", f"{_SYNTHETIC}{target}"
    if not path.is_file():
        known = _known()
        raise TargetError(
            f"Expected a synthetic face ({known[0]} to {known[-1]}) or an image file as the target, got {target!r}."
        )
    photo = read_photo(path)
    faces = finder.find(photo.rgb)
    if not faces:
        raise NoFaceError(f"no face found in {path} (detector {finder.detector.name})")
    frames, landmarks = frame_tensors(photo, faces[:1], COMPARED_FRAME, device)
    return Target(name, frames[0], landmarks[0])


def _known() -> list[str]:
    return sorted(file.stem for file in resource("assets/faces").glob("*.png"))


def scored_image(name: str) -> Path | None:
    """The image of a synthetic target, by its name in a receipt, that no method sees; None for any other target."""
    number = name.removeprefix(_SYNTHETIC)
    path = resource("assets/faces/second") / f"{number}.png"
    return path if name != number and number.isdecimal() and path.is_file() else None
