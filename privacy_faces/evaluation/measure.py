"""What is seen of a set of photos: every network looks at every picture once, and all numbers are computed from
that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers.contract import Tools
from privacy_faces.evaluation.attackers.registry import PICTURE_ATTACKERS
from privacy_faces.evaluation.probes import Probe, by_photo
from privacy_faces.evaluation.robustness import OPERATIONS
from privacy_faces.evaluation.utility import (
    coarse_similarity,
    color_shift,
    eyes_open,
    gaze,
    gaze_shift,
    landmark_shift,
    mouth_open,
    pose_shift,
    tone_shift,
)
from privacy_faces.judge.candidates import Candidates, joined
from privacy_faces.judge.observations import Observation, Observer, together
from privacy_faces.judge.placed import is_placed
from privacy_faces.judge.quality import frame_quality
from privacy_faces.judge.views import Rgb, View, moved, view_of
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.frames import transform
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.regions import region_masks
from privacy_faces.photos.transparency import shown

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]
Indices = NDArray[np.int64]
Names = NDArray[np.str_]

# Photos whose views are held at a time.
_CHUNK = 8
_POINTS = 68


@dataclass(frozen=True)
class Scope:
    """How much to measure.

    Attributes:
        robustness: after every operation of `evaluation.robustness`.
        attackers: with the pictures of `evaluation.attackers`.
        tools: what the attackers bring along.
    """

    robustness: bool = True
    attackers: bool = True
    tools: Tools = field(default_factory=Tools)


#: What is measured of frames and landmarks; see `judge.quality` and `evaluation.utility`.
QUALITIES = (
    "psnr",
    "ssim",
    "landmark_shift",
    "color_shift",
    "pose_shift",
    "gaze_shift",
    "mouth_kept",
    "eyes_kept",
    "tone_shift",
    "coarse_similarity",
)
#: The version as it was written; other kinds of view are named after an operation or an attacker.
WRITTEN = "written"


@dataclass(frozen=True)
class Seen:
    """What was seen of one version of the photos: the unprotected copies, or one method's results.

    Attributes:
        rows: (N,), the probes of which there is a version.
        embeddings: kind of view -> recognizer -> candidates of N faces. Kinds are `WRITTEN`, the operations, and the
            attackers who work on pictures.
        found: kind of view -> (N,), where the detector finds the face, as in `judge.receipt.Found`.
        quality: `QUALITIES`, (N,) each: psnr in dB, inf for equal frames; NaN where the version does not lie on the
            original, and of landmarks where the face is not found at its place.
        unchanged: (N,), where all pixels of the photo are the original's.
        placed: (N,), where the version lies pixel on pixel on the original.
        frames: (N, S, S, 3), at the original's landmarks; of a version that is not placed, the first candidate.
        landmarks: (N, 68, 2) in pixels of these frames.
    """

    rows: Indices
    embeddings: dict[str, dict[str, Candidates]]
    found: dict[str, Names]
    quality: dict[str, Values]
    unchanged: Flags
    placed: Flags
    frames: NDArray[np.uint8]
    landmarks: NDArray[np.float64]

    def detected(self, kind: str = WRITTEN) -> Flags:
        """Where the detector still finds the face (N,): at its place, if it has one."""
        found = self.found[kind]
        return np.asarray((found == "at its place") | (~self.placed & (found == "elsewhere")))

    def take(self, places: Indices, rows: Indices | None = None) -> Seen:
        """What was seen of some of the versions (M,); `rows` are their probes, where these are counted anew."""
        return Seen(
            self.rows[places] if rows is None else rows,
            {kind: {name: each.take(places) for name, each in seen.items()} for kind, seen in self.embeddings.items()},
            {kind: found[places] for kind, found in self.found.items()},
            {name: values[places] for name, values in self.quality.items()},
            self.unchanged[places],
            self.placed[places],
            self.frames[places],
            self.landmarks[places],
        )


def measure(
    probes: Sequence[Probe],
    faces: Sequence[Face],
    versions: Mapping[str, Callable[[], Photo]],
    observer: Observer,
    scope: Scope,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    *,
    placed: bool = True,
) -> Seen:
    """See one version of the photos.

    Args:
        probes, faces: of `find_probes`.
        versions: name of a photo -> reads its version; a photo without one is left out.
        observer: sees.
        scope: how much to measure.
        progress: wraps the numbers of the photos, to show how far it is.
        placed: whether every version is known to lie on its original; otherwise that is checked (`judge.placed`).
    """
    photos = [(photo, rows) for photo, rows in by_photo(probes) if photo.name in versions]
    parts: list[Seen] = []
    chunk: list[_Pair] = []
    for index in progress(range(len(photos))):
        photo, rows = photos[index]
        original, version = read_photo(photo.photo), versions[photo.name]()
        own = [faces[row] for row in rows]
        chunk.append(_Pair(rows, original, version, own, placed or is_placed(original.rgb, version.rgb, own)))
        if len(chunk) == _CHUNK:
            parts.append(_see(chunk, observer, scope))
            chunk = []
    if chunk or not parts:
        parts.append(_see(chunk, observer, scope))
    return _joined(parts)


@dataclass(frozen=True)
class _Pair:
    rows: list[int]
    original: Photo
    photo: Photo
    original_faces: list[Face]
    placed: bool

    @property
    def faces(self) -> list[Face]:
        """Where the faces are in the version, which another tool may have scaled."""
        if self.photo.rgb.shape == self.original.rgb.shape:
            return self.original_faces
        scale = np.array([self.photo.width / self.original.width, self.photo.height / self.original.height])
        affine = np.column_stack([np.diag(scale), scale / 2 - 0.5])
        return [moved(face, affine) for face in self.original_faces]


def _see(pairs: Sequence[_Pair], observer: Observer, scope: Scope) -> Seen:
    written = [item for pair in pairs for item in _written(pair, observer)]
    embeddings = {WRITTEN: observer.embedded(written)}
    found = {WRITTEN: _found(written)}
    for name, operation in OPERATIONS.items() if scope.robustness else ():
        later = [item for pair in pairs for item in _after(operation, pair, observer)]
        embeddings[name], found[name] = observer.embedded(later), _found(later)
    if scope.attackers:
        # Each works on the face as it is placed: one that is aligned a little differently would be the same picture.
        seen_once = [item for pair in pairs for item in _after(_as_it_is, pair, observer)]
        views = [view for item in seen_once for view in item.views]
        counts = np.array([len(item.views) for item in seen_once], dtype=np.int64)
        for attacker in PICTURE_ATTACKERS:
            seen = attacker.embed(observer, views, scope.tools)
            if seen is not None:
                embeddings[attacker.name] = {
                    name: Candidates(rows, counts * (len(rows) // max(1, len(views)))) for name, rows in seen.items()
                }
                found[attacker.name] = found[WRITTEN]
    placed = np.repeat([pair.placed for pair in pairs], [len(pair.rows) for pair in pairs]).astype(bool)
    before = [view_of(pair.original.rgb, face) for pair in pairs for face in pair.original_faces]
    here = [view_of(pair.photo.rgb, face) for pair in pairs for face in pair.faces]
    after = [view if on else item.views[0] for view, on, item in zip(here, placed, written, strict=True)]
    return Seen(
        np.array([row for pair in pairs for row in pair.rows], dtype=np.int64),
        embeddings,
        found,
        _qualities([face for pair in pairs for face in pair.faces], written, placed, before, after),
        np.array([np.array_equal(pair.original.rgb, pair.photo.rgb) for pair in pairs for _ in pair.rows], dtype=bool),
        placed,
        np.array([(view.frame * 255 + 0.5).astype(np.uint8) for view in after], dtype=np.uint8),
        np.array([view.landmarks for view in after], dtype=np.float64).reshape(-1, _POINTS, 2),
    )


def _found(observations: Sequence[Observation]) -> Names:
    return np.array([item.found for item in observations], dtype=str)


def _as_it_is(rgb: Rgb) -> tuple[Rgb, NDArray[np.float64]]:
    return rgb, np.eye(2, 3)


def _written(pair: _Pair, observer: Observer) -> list[Observation]:
    """The faces in the written photo, sought as the judge of a receipt does."""
    if not pair.placed:
        return _after(_as_it_is, pair, observer)
    return [
        together(seen)
        for seen in zip(*(observer.look_closely(rgb, pair.faces) for rgb in shown(pair.photo)), strict=True)
    ]


def _after(
    operation: Callable[[Rgb], tuple[Rgb, NDArray[np.float64]]], pair: _Pair, observer: Observer
) -> list[Observation]:
    seen = []
    for picture in shown(pair.photo):  # whatever a viewer puts behind a photo with alpha, as the judge does
        rgb, affine = operation(picture)
        seen.append(observer.look(rgb, [moved(face, affine) for face in pair.faces], placed=pair.placed))
    return [together(views) for views in zip(*seen, strict=True)]


def _qualities(
    faces: Sequence[Face],
    written: Sequence[Observation],
    placed: Flags,
    before: Sequence[View],
    after: Sequence[View],
) -> dict[str, Values]:
    rows = [
        _of_frames(old, new) | (_of_landmarks(face, item.face, old, new) if item.face else {}) if on else {}
        for face, item, on, old, new in zip(faces, written, placed, before, after, strict=True)
    ]
    return {name: np.array([row.get(name, np.nan) for row in rows], dtype=np.float64) for name in QUALITIES}


def _of_frames(old: View, new: View) -> dict[str, float]:
    compared = frame_quality(old.frame, new.frame)
    return {
        "psnr": float("inf") if compared.psnr is None else compared.psnr,
        "ssim": compared.ssim,
        "color_shift": color_shift(old.frame, new.frame, region_masks(old.landmarks, old.frame.shape[0])["face"]),
        "tone_shift": tone_shift(old.frame, new.frame, old.landmarks),
        "coarse_similarity": coarse_similarity(old.frame, new.frame),
    }


def _of_landmarks(face: Face, found: Face, old: View, new: View) -> dict[str, float]:
    """Of a face that is found at its place."""
    side = old.frame.shape[0]
    points = transform(face.affine(side), found.landmarks)
    return {
        "landmark_shift": landmark_shift(face, found),
        "pose_shift": pose_shift(old.landmarks, points, side),
        "gaze_shift": gaze_shift(gaze(old.frame, old.landmarks), gaze(new.frame, points)),
        "mouth_kept": float(mouth_open(old.landmarks) == mouth_open(points)),
        "eyes_kept": float(eyes_open(old.landmarks) == eyes_open(points)),
    }


def _joined(parts: Sequence[Seen]) -> Seen:
    first = parts[0]
    return Seen(
        np.concatenate([part.rows for part in parts]),
        {
            kind: {name: joined([part.embeddings[kind][name] for part in parts]) for name in embeddings}
            for kind, embeddings in first.embeddings.items()
        },
        {kind: np.concatenate([part.found[kind] for part in parts]) for kind in first.found},
        {name: np.concatenate([part.quality[name] for part in parts]) for name in first.quality},
        np.concatenate([part.unchanged for part in parts]),
        np.concatenate([part.placed for part in parts]),
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )
