"""What is seen of a set of photos: every network looks at every picture once, and all numbers are computed from
that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.evaluation.attackers import averaged, blur_and_sharpen, crops
from privacy_faces.evaluation.robustness import OPERATIONS, Operation
from privacy_faces.judge.observations import Embeddings, Observer, View, moved, view_of
from privacy_faces.judge.quality import color_shift, landmark_shift, quality
from privacy_faces.photos.faces import Face, NoFaceError
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.regions import region_masks

Flags = NDArray[np.bool_]
Values = NDArray[np.float64]
Indices = NDArray[np.int64]

# Photos whose views are held at a time.
_CHUNK = 8


@dataclass(frozen=True)
class Probe:
    """A photo of somebody.

    Attributes:
        name: for the reader.
        person: who is in it.
        photo: the unprotected file.
        groups: column -> value of the data's metadata.
    """

    name: str
    person: str
    photo: Path
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """How much to measure.

    Attributes:
        robustness: after every operation of `evaluation.robustness`.
        attackers: with the pictures of `evaluation.attackers`.
        purify: the diffusion attacker, where its weights are loaded.
    """

    robustness: bool = True
    attackers: bool = True
    purify: Callable[[Sequence[View]], list[View]] | None = None


#: The version as it was written; other kinds of view are named after an operation or an attacker.
WRITTEN = "written"


@dataclass(frozen=True)
class Seen:
    """What was seen of one version of the probes: the unprotected copies, or one method's results.

    Attributes:
        rows: (N,), the probes of which there is a version.
        embeddings: kind of view -> recogniser -> (N, D). Kinds are `WRITTEN`, the operations, and the attackers who
            work on pictures.
        detected: kind of view -> (N,), where the detector still finds the face.
        quality: psnr (dB, inf for equal frames), ssim, landmark_shift (NaN where nothing is detected), color_shift:
            (N,) each.
        unchanged: (N,), where all pixels of the photo are the original's.
        frames: (N, S, S, 3), at the original's landmarks.
    """

    rows: Indices
    embeddings: dict[str, Embeddings]
    detected: dict[str, Flags]
    quality: dict[str, Values]
    unchanged: Flags
    frames: NDArray[np.uint8]

    def take(self, places: Indices) -> Seen:
        """What was seen of some of the versions (M,)."""
        return Seen(
            self.rows[places],
            {
                kind: {name: rows[places] for name, rows in embeddings.items()}
                for kind, embeddings in self.embeddings.items()
            },
            {kind: detected[places] for kind, detected in self.detected.items()},
            {name: values[places] for name, values in self.quality.items()},
            self.unchanged[places],
            self.frames[places],
        )


def find_probes(probes: Iterable[Probe], observer: Observer) -> tuple[list[Probe], list[Face], dict[str, str]]:
    """The probes in which there is a face, the largest face of each, and name -> reason of the others."""
    usable, faces, unusable = [], [], {}
    for probe in probes:
        try:
            rgb = read_photo(probe.photo).rgb
            found = observer.faces(rgb)
        except ValueError as error:
            unusable[probe.name] = str(error)
            continue
        if found:
            usable.append(probe)
            # Looked at as its other versions will be, so that an equal picture gives an equal face.
            faces.append(observer.find_again(found[0], rgb) or found[0])
        else:
            unusable[probe.name] = f"no face found (detector {observer.finder.detector.name})"
    return usable, faces, unusable


def seen_in(image: Path, observer: Observer) -> Embeddings:
    """Name -> embedding (D,) of the largest face of an image.

    Raises:
        PhotoError, NoFaceError: for an image that cannot be read, or has no face.
    """
    rgb = read_photo(image).rgb
    faces = observer.faces(rgb)
    if not faces:
        raise NoFaceError(f"no face found in {image} (detector {observer.finder.detector.name})")
    return {name: rows[0] for name, rows in observer.embed([view_of(rgb, faces[0])])[0].items()}


def copy_of(path: Path) -> Photo:
    """An unprotected photo as it reads back when it is written as protected ones are: the clean baseline."""
    photo = read_photo(path)
    return read_photo(encode_photo(photo)) if photo.lossy else photo


def originals(probes: Sequence[Probe], faces: Sequence[Face], observer: Observer) -> Embeddings:
    """Name -> embeddings (N, D) of the unprotected photos."""
    return observer.embed(
        view_of(read_photo(probe.photo).rgb, face) for probe, face in zip(probes, faces, strict=True)
    )[0]


def measure(
    probes: Sequence[Probe],
    faces: Sequence[Face],
    versions: Sequence[Callable[[], Photo] | None],
    observer: Observer,
    scope: Scope,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Seen:
    """See one version of the probes.

    Args:
        probes, faces: of `find_probes`.
        versions: reads the version of each probe; None where there is none.
        observer: sees.
        scope: how much to measure.
        progress: wraps the numbers of the probes, to show how far it is.
    """
    rows = [index for index, version in enumerate(versions) if version is not None]
    parts: list[Seen] = []
    chunk: list[_Pair] = []
    for index in progress(rows):
        version = versions[index]
        assert version is not None  # by the choice of rows
        chunk.append(_Pair(index, read_photo(probes[index].photo), version(), faces[index]))
        if len(chunk) == _CHUNK:
            parts.append(_see(chunk, observer, scope))
            chunk = []
    if chunk or not parts:
        parts.append(_see(chunk, observer, scope))
    return _joined(parts)


@dataclass(frozen=True)
class _Pair:
    index: int
    original: Photo
    photo: Photo
    original_face: Face

    @property
    def face(self) -> Face:
        """Where the face is in the version, which another tool may have scaled."""
        if self.photo.rgb.shape == self.original.rgb.shape:
            return self.original_face
        scale = np.array([self.photo.width / self.original.width, self.photo.height / self.original.height])
        return moved(self.original_face, np.column_stack([np.diag(scale), scale / 2 - 0.5]))


def _see(pairs: Sequence[_Pair], observer: Observer, scope: Scope) -> Seen:
    written = [observer.again(pair.face, pair.photo.rgb) for pair in pairs]
    seen = {WRITTEN: observer.embed(written)}
    for name, operation in OPERATIONS.items() if scope.robustness else ():
        seen[name] = observer.embed(_after(operation, pair, observer) for pair in pairs)
    if scope.attackers:
        seen["blur-and-sharpen"] = observer.embed(map(blur_and_sharpen, written))
        many, _ = observer.embed(crop for view in written for crop in crops(view))
        seen["crop-ensemble"] = {name: averaged(rows, len(written)) for name, rows in many.items()}, seen[WRITTEN][1]
        if scope.purify is not None:
            seen["diffusion-purification"] = observer.embed(scope.purify(written))
    before = [view_of(pair.original.rgb, pair.original_face) for pair in pairs]
    after = [view_of(pair.photo.rgb, pair.face) for pair in pairs]
    return Seen(
        np.array([pair.index for pair in pairs], dtype=np.int64),
        {kind: embeddings for kind, (embeddings, _) in seen.items()},
        {kind: detected for kind, (_, detected) in seen.items()},
        _qualities(pairs, before, after, observer),
        np.array([np.array_equal(pair.original.rgb, pair.photo.rgb) for pair in pairs], dtype=bool),
        np.array([(view.frame * 255 + 0.5).astype(np.uint8) for view in after], dtype=np.uint8),
    )


def _after(operation: Operation, pair: _Pair, observer: Observer) -> View:
    rgb, affine = operation(pair.photo.rgb)
    return observer.again(moved(pair.face, affine), rgb)


def _qualities(
    pairs: Sequence[_Pair], before: Sequence[View], after: Sequence[View], observer: Observer
) -> dict[str, Values]:
    found: dict[str, list[float]] = {"psnr": [], "ssim": [], "landmark_shift": [], "color_shift": []}
    for pair, old, new in zip(pairs, before, after, strict=True):
        item = quality(_tensor(old), _tensor(new))
        found["psnr"].append(float("inf") if item.psnr is None else item.psnr)
        found["ssim"].append(item.ssim)
        again = observer.find_again(pair.face, pair.photo.rgb)
        found["landmark_shift"].append(landmark_shift(pair.face, again) if again else float("nan"))
        found["color_shift"].append(
            color_shift(old.frame, new.frame, region_masks(old.landmarks, old.frame.shape[0])["face"])
        )
    return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


def _tensor(view: View) -> torch.Tensor:
    return torch.from_numpy(view.frame).permute(2, 0, 1)


def _joined(parts: Sequence[Seen]) -> Seen:
    first = parts[0]
    return Seen(
        np.concatenate([part.rows for part in parts]),
        {
            kind: {name: np.concatenate([part.embeddings[kind][name] for part in parts]) for name in embeddings}
            for kind, embeddings in first.embeddings.items()
        },
        {kind: np.concatenate([part.detected[kind] for part in parts]) for kind in first.detected},
        {name: np.concatenate([part.quality[name] for part in parts]) for name in first.quality},
        np.concatenate([part.unchanged for part in parts]),
        np.concatenate([part.frames for part in parts]),
    )
