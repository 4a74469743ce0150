"""Pictures as a recogniser sees them: faces found, frames cut, embedded in batches; what was seen once is remembered by
content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.config.run import RunOptions
from privacy_faces.judge.store import Store
from privacy_faces.methods.context import Context
from privacy_faces.photos.batch import COMPARED_FRAME
from privacy_faces.photos.detection.finder import FaceFinder, make_finder
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.photos.frames import transform
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.recognizers.ensemble import Ensemble

Rgb = NDArray[np.uint8] | NDArray[np.uint16]
Embeddings = dict[str, NDArray[np.float32]]

_BATCH = 32
_BOX, _SCORE = 4, 1
# A face that is searched for again is at least this share of its former size.
_SMALLER = 0.5


@dataclass(frozen=True)
class View:
    """One face in one picture.

    Attributes:
        frame: (S, S, 3), float32 in [0, 1], S = `COMPARED_FRAME`.
        landmarks: (68, 2) in frame pixels.
        detected: whether the detector found it there; otherwise its place is known from the original, since an attacker
            can crop by hand.
    """

    frame: NDArray[np.float32]
    landmarks: NDArray[np.float64]
    detected: bool = True


def view_of(rgb: Rgb, face: Face, detected: bool = True) -> View:
    """A face of a picture (H, W, 3)."""
    return View(face.frame(rgb, COMPARED_FRAME), face.frame_landmarks(COMPARED_FRAME), detected)


def moved(face: Face, affine: NDArray[np.float64]) -> Face:
    """The face in a picture whose coordinates are `affine` (2, 3) of the old ones."""
    corners = transform(affine, face.box.reshape(2, 2))
    return Face(np.concatenate([corners.min(0), corners.max(0)]), transform(affine, face.landmarks), face.score)


class Observer:
    """Finds and embeds faces; each network sees each picture once.

    Args:
        finder: finds faces.
        ensemble: the recognisers.
        device: where they run.
        store: remembers faces and embeddings by the content of the picture, the landmarks and the weights.
    """

    def __init__(
        self, finder: FaceFinder, ensemble: Ensemble, device: torch.device, store: Store | None = None
    ) -> None:
        self.finder, self.ensemble, self.device = finder, ensemble, device
        self.store = store or Store()

    def faces(self, rgb: Rgb, smallest: int = 0) -> list[Face]:
        """The faces of a picture, largest first; faces below `smallest` pixels may be missed."""
        key = f"faces {self.finder.detector.name} {smallest} {_digest(rgb)}"
        if (known := self._remembered(key)) is not None:
            return [Face(row[:_BOX], row[_BOX + _SCORE :].reshape(-1, 2), float(row[_BOX])) for row in known]
        faces = self.finder.find(rgb, smallest)
        rows = [np.concatenate([face.box, [face.score], face.landmarks.ravel()]) for face in faces]
        self._remember(key, np.stack(rows) if rows else np.zeros((0, 0)))
        return faces

    def find_again(self, face: Face, rgb: Rgb) -> Face | None:
        """A face that was found in one version of a picture, in another version of it.

        Its size is known, so that no smaller ones are searched for.
        """
        return same_face(face, self.faces(rgb, int(_SMALLER * (face.box[2] - face.box[0]))))

    def again(self, face: Face, rgb: Rgb) -> View:
        """The view of such a face."""
        found = self.find_again(face, rgb)
        return view_of(rgb, found or face, found is not None)

    @torch.no_grad()
    def embed(self, views: Iterable[View]) -> tuple[Embeddings, NDArray[np.bool_]]:
        """Name -> embeddings (N, D), unit length, of N views, taken as they come; and which of them (N,) were
        detected."""
        rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self.ensemble.names}
        detected: list[bool] = []
        remaining = iter(views)
        while batch := list(islice(remaining, _BATCH)):
            detected += [view.detected for view in batch]
            for recognizer in self.ensemble:
                rows[recognizer.name] += self._embedded(recognizer, batch)
        sizes = {recognizer.name: recognizer.embedding_size for recognizer in self.ensemble}
        return {
            name: np.array(found, dtype=np.float32).reshape(-1, sizes[name]) for name, found in rows.items()
        }, np.array(detected, dtype=bool)

    def _embedded(self, recognizer: Recognizer, views: Sequence[View]) -> list[NDArray[np.float64]]:
        weights = ",".join(sorted(record["sha256"] for record in recognizer.weight_records))
        keys = [f"{recognizer.name} {weights} {_digest(view.frame)} {_digest(view.landmarks)}" for view in views]
        found = {key: known for key in keys if (known := self._remembered(key)) is not None}
        new = {key: view for key, view in zip(keys, views, strict=True) if key not in found}
        if new:
            frames = torch.from_numpy(np.stack([view.frame for view in new.values()])).permute(0, 3, 1, 2).contiguous()
            landmarks = torch.from_numpy(np.stack([view.landmarks for view in new.values()])).float()
            for key, row in zip(
                new,
                recognizer.embed(frames.to(self.device), landmarks.to(self.device)).double().cpu().numpy(),
                strict=True,
            ):
                self._remember(key, row)
                found[key] = row
        return [found[key] for key in keys]

    def _remember(self, key: str, array: NDArray[np.float64]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        self.store.put(key, buffer.getvalue())

    def _remembered(self, key: str) -> NDArray[np.float64] | None:
        known = self.store.get(key)
        return None if known is None else np.asarray(np.load(io.BytesIO(known), allow_pickle=False))


def make_observer(options: RunOptions, store: Store) -> Observer:
    """An observer with the recognisers, detector and device of a run.

    Raises:
        ValueError: (or a named subclass) when a weight or a plugin is missing.
    """
    context = Context(options.device, {choice.name: choice.options for choice in options.recognizers})
    finder = make_finder(options.detector, options.min_face, context.device)
    return Observer(
        finder, Ensemble([context.recognizer(choice.name) for choice in options.recognizers]), context.device, store
    )


def _digest(array: NDArray[np.generic]) -> str:
    header = f"{array.shape} {array.dtype}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
