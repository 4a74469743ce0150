"""Pictures as a recognizer sees them: faces found again, frames cut, embedded in batches; what was seen once is
remembered by content.

Receipts and evaluations are made of what this one observer sees.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.config.run import RunOptions
from privacy_faces.judge.candidates import Candidates
from privacy_faces.judge.receipt import Found
from privacy_faces.judge.store import Store
from privacy_faces.judge.views import Rgb, View, by_hand, is_small, moved, shifted, shrunk, smaller, view_of
from privacy_faces.methods.context import Context
from privacy_faces.photos.detection.finder import FaceFinder, largest_first
from privacy_faces.photos.detection.turned import MOST_APART, PERHAPS, Placed, same_place
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.recognizers.ensemble import Ensemble

Embeddings = dict[str, NDArray[np.float32]]

_BATCH = 32


@dataclass(frozen=True)
class Observation:
    """An expected face, sought in one version of the photo.

    Attributes:
        found: where the detector finds it.
        views: what may be the face, at least one; the best match counts.
        face: the face at its place; None where there is none.
    """

    found: Found
    views: tuple[View, ...]
    face: Face | None = None


def together(observations: Sequence[Observation]) -> Observation:
    """One face, sought in several pictures (at least one) of the same version: all that may be it; found where the
    first says."""
    views = tuple(view for item in observations for view in item.views)
    return Observation(observations[0].found, views, observations[0].face)


@dataclass(frozen=True)
class Other:
    """A face that nobody knew of.

    Attributes:
        face: in coordinates of the picture.
        certain: whether it may be painted over. What is seen in a turned copy alone, and whose landmarks do not agree,
            may be no face; it may also be one half behind another.
    """

    face: Face
    certain: bool


class Observer:
    """Finds and embeds faces; each network sees each picture once.

    Args:
        finder: finds faces.
        ensemble: the recognizers.
        device: where they run.
        store: remembers faces and embeddings by the content of the picture, the landmarks and the weights.
    """

    def __init__(
        self, finder: FaceFinder, ensemble: Ensemble, device: torch.device, store: Store | None = None
    ) -> None:
        self.finder, self.ensemble, self.device = finder, ensemble, device
        self.store = store or Store()

    def faces(self, rgb: Rgb) -> list[Face]:
        """The faces of a picture, largest first."""

        def search() -> list[Placed]:
            found = self.finder.with_turned(rgb, self._upright(rgb))
            return [*found, *self.finder.behind(rgb, found)]

        return largest_first(self._found("all", rgb, search))

    def others(self, rgb: Rgb, expected: Sequence[Face]) -> list[Other]:
        """The faces in a version of a photo that are none of its `expected` ones, in coordinates of the version: those
        that stand upright anywhere in it, and those in any turn around the expected ones. Farther away nothing has
        changed since turned faces were sought in the photo."""
        found: list[Other] = []
        around = [item for face in expected for item in self._around(rgb, face) if item.fit <= PERHAPS]
        for item in (
            *(Other(item.face, certain=True) for item in self._upright(rgb)),
            *(Other(item.face, certain=item.fit <= MOST_APART) for item in sorted(around, key=lambda item: item.fit)),
        ):
            known = (*expected, *(other.face for other in found))
            if same_face(item.face, known) is None and not any(same_place(item.face, other) for other in known):
                found.append(item)
        return found

    def _around(self, rgb: Rgb, face: Face) -> list[Placed]:
        place = _digest(np.concatenate([face.box, face.landmarks.ravel()]))
        return self._found(f"around {place}", rgb, lambda: self.finder.around(rgb, face))

    def _upright(self, rgb: Rgb) -> list[Placed]:
        return self._found("upright", rgb, lambda: self.finder.upright(rgb))

    def _found(self, kind: str, rgb: Rgb, search: Callable[[], list[Placed]]) -> list[Placed]:
        """The remembered faces of a picture, or those that a search finds."""
        detector = self.finder.detector
        key = f"{kind} {detector.name} {detector.min_face} {_digest(rgb)}"
        if (known := self._remembered(key)) is None:
            found = search()
            rows = [
                np.concatenate([item.face.box, [item.face.score, item.fit], item.face.landmarks.ravel()])
                for item in found
            ]
            self._remember(key, np.stack(rows) if rows else np.zeros((0, 0)))
            return found
        return [Placed(Face(row[:4], row[6:].reshape(-1, 2), float(row[4])), float(row[5])) for row in known]

    def look_closely(self, rgb: Rgb, expected: Sequence[Face]) -> list[Observation]:
        """Seek the faces of a photo in another version of it that lies pixel on pixel on it, as `look` does, and more:
        each face as it is placed in every turned copy of its surroundings, and where it was, aligned a little
        differently in several ways, and in a smaller copy, as an attacker may; a small one is sought in the smaller
        copy too. The best match counts."""
        closely = []
        copy = smaller(rgb) if any(map(is_small, expected)) else None  # once for all faces
        for seen, face in zip(self.look(rgb, expected), expected, strict=True):
            around = [item.face for item in self._around(rgb, face) if same_place(item.face, face)]
            placed = (view_of(rgb, item) for item in around)
            again = self._sought_in(*copy, face) if copy and is_small(face) else ()
            views = (*seen.views, *placed, *shifted(rgb, face), *shrunk(rgb, [face, *around]), *again)
            each_once = {(_digest(view.frame), _digest(view.landmarks)): view for view in views}
            closely.append(Observation(seen.found, tuple(each_once.values()), seen.face))
        return closely

    def _sought_in(self, copy: Rgb, affine: NDArray[np.float64], face: Face) -> list[View]:
        """A face of a picture as the detector places it in a copy, whose coordinates are `affine` (2, 3) of the old
        ones, aligned in several ways."""
        here = moved(face, affine)
        found = (item.face for item in self._upright(copy) if same_place(item.face, here))
        return [view for other in found for view in shifted(copy, other)]

    def look(self, rgb: Rgb, expected: Sequence[Face], *, placed: bool = True) -> list[Observation]:
        """Seek the faces of a photo in another version of it.

        A face that is found at its place is the one candidate. Where there is none, every face in the picture that is
        not at another expected face's place counts. Only where there is none of those either does the old place count,
        in all four quarter turns: an attacker can crop by hand.

        Args:
            rgb: the version (H, W, 3).
            expected: the photo's faces, in coordinates of the version.
            placed: whether the version lies pixel on pixel on the photo. One that was cropped, mirrored or turned has
                no places: every face found in it counts for every expected one.
        """
        if placed:
            # Where all certainly stand upright at their places, turned copies would tell nothing more.
            upright = [item.face for item in self._upright(rgb) if item.fit <= MOST_APART]
            own = [same_face(face, upright) for face in expected]
            if all(own):
                return [_at_its_place(rgb, face) for face in own if face]
        found = self.faces(rgb)
        own = [same_face(face, found) if placed else None for face in expected]
        others = tuple(view_of(rgb, face) for face in found if not any(face is mine for mine in own))
        return [
            _at_its_place(rgb, mine)
            if mine
            else (Observation("elsewhere", others) if others else Observation("nowhere", by_hand(rgb, face)))
            for face, mine in zip(expected, own, strict=True)
        ]

    def embedded(self, observations: Sequence[Observation]) -> dict[str, Candidates]:
        """Name -> embeddings of the candidates of N observed faces."""
        counts = np.array([len(item.views) for item in observations], dtype=np.int64)
        rows = self.embed(view for item in observations for view in item.views)
        return {name: Candidates(found, counts) for name, found in rows.items()}

    @torch.no_grad()
    def embed(self, views: Iterable[View]) -> Embeddings:
        """Name -> embeddings (N, D), unit length, of N views, taken as they come."""
        rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in self.ensemble.names}
        remaining = iter(views)
        while batch := list(islice(remaining, _BATCH)):
            for recognizer in self.ensemble:
                rows[recognizer.name] += self._embedded(recognizer, batch)
        sizes = {recognizer.name: recognizer.embedding_size for recognizer in self.ensemble}
        return {name: np.array(found, dtype=np.float32).reshape(-1, sizes[name]) for name, found in rows.items()}

    def _embedded(self, recognizer: Recognizer, views: Sequence[View]) -> list[NDArray[np.float64]]:
        weights = ",".join(sorted(record["sha256"] for record in recognizer.weight_records))
        of = f"{recognizer.name} {recognizer.template!r} {weights}"
        keys = [f"{of} {_digest(view.frame)} {_digest(view.landmarks)}" for view in views]
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
    """An observer with the recognizers, detector and device of a run.

    Raises:
        ValueError: (or a named subclass) when a weight or a plugin is missing.
    """
    context = Context(
        options.device,
        {choice.name: choice.options for choice in options.recognizers},
        detector=options.detector,
        min_face=options.min_face,
    )
    ensemble = Ensemble([context.recognizer(choice.name) for choice in options.recognizers])
    return Observer(context.finder, ensemble, context.device, store)


def _at_its_place(rgb: Rgb, face: Face) -> Observation:
    return Observation("at its place", (view_of(rgb, face),), face)


def _digest(array: NDArray[np.generic]) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    digest.update(np.ascontiguousarray(array).data)  # where it lies: a copy of a photo takes memory
    return digest.hexdigest()
