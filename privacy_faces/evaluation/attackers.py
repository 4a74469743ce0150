"""Attackers who know that photos are protected, and adapt: they clean the photo, average over crops, or learn from
protected photos.

An attack on pictures turns views into views, which a recognizer then embeds; an attack on embeddings works on what was
embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.judge.observations import Embeddings as SeenBy
from privacy_faces.judge.observations import Observer
from privacy_faces.judge.views import View
from privacy_faces.models import face_diffusion, face_prior
from privacy_faces.models.face_diffusion import FaceDiffusion
from privacy_faces.models.face_prior import FaceModel
from privacy_faces.models.schedule import generate
from privacy_faces.photos.frames import to_unit
from privacy_faces.weights.store import verified

Embeddings = NDArray[np.float32]
Indices = NDArray[np.int64]

#: Makes other views of views, with a network that is loaded already.
Purify = Callable[[Sequence[View]], list[View]]


@dataclass(frozen=True)
class Attacker:
    """Somebody who knows that photos are protected.

    Attributes:
        name, summary: for results and report.
    """

    name: str
    summary: str


@dataclass(frozen=True)
class PictureAttacker(Attacker):
    """One who works on pictures.

    Attributes:
        embed: recognizer -> embeddings (N, D) of what is made of N views; None where the purifier is not loaded.
    """

    embed: Callable[[Observer, Sequence[View], Purify | None], SeenBy | None]


_BLUR, _SHARPEN = 1.5, 150
# Noise of about ten gray levels, which covers what noise methods add; further up, the grain of the small model is worse
# than what it takes away.
PURIFY_FROM, _PURIFY_STEPS = 20, 2
_BATCH = 16
# Shift right and down in shares of the frame, scale, turn in degrees, mirrored.
_CROPS = (
    (0.0, 0.0, 1.0, 0.0, False),
    (0.0, 0.0, 1.0, 0.0, True),
    (0.02, 0.0, 1.0, 0.0, False),
    (-0.02, 0.0, 1.0, 0.0, False),
    (0.0, 0.02, 1.0, 0.0, False),
    (0.0, -0.02, 1.0, 0.0, False),
    (0.0, 0.0, 0.95, 0.0, False),
    (0.0, 0.0, 1.05, 0.0, False),
    (0.0, 0.0, 1.0, 4.0, False),
    (0.0, 0.0, 1.0, -4.0, True),
)
# Of the classifier: weak, since there are few photos of each person.
_REGULARIZATION = 0.1


def blur_and_sharpen(view: View) -> View:
    """Low-pass, then unsharp masking."""
    image = Image.fromarray((view.frame * 255 + 0.5).astype(np.uint8)).filter(ImageFilter.GaussianBlur(_BLUR))
    sharp = to_unit(np.asarray(image.filter(ImageFilter.UnsharpMask(2, _SHARPEN, 0))))
    return View(sharp, view.landmarks)


def purifier() -> Purify:
    """Diffusion purification with the shipped models.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    cpu = torch.device("cpu")
    model, prior = (
        face_diffusion.load(verified("face-diffusion-128")[0], cpu),
        face_prior.load(verified("face-prior")[0], cpu),
    )

    def purify(views: Sequence[View]) -> list[View]:
        found: list[View] = []
        for start in range(0, len(views), _BATCH):
            batch = views[start : start + _BATCH]
            frames = torch.from_numpy(np.stack([view.frame for view in batch])).permute(0, 3, 1, 2)
            cleaned = (
                purified(model, prior, frames, PURIFY_FROM, _PURIFY_STEPS).permute(0, 2, 3, 1).contiguous().numpy()
            )
            found += [View(frame, view.landmarks) for frame, view in zip(cleaned, batch, strict=True)]
        return found

    return purify


@torch.no_grad()
def purified(model: FaceDiffusion, prior: FaceModel, frames: Tensor, start: int, steps: int) -> Tensor:
    """Frames (N, 3, S, S) in [0, 1] at the model's resolution, noised to step `start` and brought back by DDIM in
    `steps` steps, then enlarged again.

    The model is told the linear face model's picture of the frame, which no fine noise survives. The noise is the same
    for every frame, so that a frame gets the same result in any batch.
    """
    small = interpolate(frames, (prior.size, prior.size), mode="bilinear", antialias=True, align_corners=False)
    guide = prior.frames(prior.coefficients(small)).clamp(0, 1) * 2 - 1
    noise = torch.randn(1, *small.shape[1:], generator=torch.Generator().manual_seed(0)).to(small)
    alpha, sigma = model.schedule.at(torch.full((len(small),), start, device=small.device))
    hole = torch.ones_like(small[:, :1])
    clean = generate(
        lambda x, t: model(x, t, guide, hole), model.schedule, alpha * (2 * small - 1) + sigma * noise, start, steps
    )
    return interpolate(((clean + 1) / 2).clamp(0, 1), frames.shape[-2:], mode="bicubic", align_corners=False).clamp(
        0, 1
    )


def crops(view: View) -> list[View]:
    """Ten slightly different alignments of one face: the landmarks move, so that the recognizer cuts another chip."""
    size = view.frame.shape[0]
    mirrored = np.ascontiguousarray(view.frame[:, ::-1])
    found = []
    for right, down, scale, degrees, mirror in _CROPS:
        frame, landmarks = (
            (mirrored, mirrored_landmarks(view.landmarks, size)) if mirror else (view.frame, view.landmarks)
        )
        angle = np.deg2rad(degrees)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        center = landmarks.mean(0)
        found.append(View(frame, (landmarks - center) @ turn.T + center + size * np.array([right, down])))
    return found


def mirrored_landmarks(landmarks: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The 68 iBUG landmarks of the mirror image of a frame: left and right change their numbers."""
    flipped: NDArray[np.float64] = landmarks[_MIRROR].copy()
    flipped[:, 0] = size - 1 - flipped[:, 0]
    return flipped


_MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        45,
        44,
        43,
        42,
        47,
        46,
        39,
        38,
        37,
        36,
        41,
        40,
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        *range(67, 64, -1),
    ]
)


def averaged(embeddings: Embeddings, faces: int) -> Embeddings:
    """Unit-length means (N, D) of the embeddings (N K, D) of the K crops of each of N faces."""
    mean = embeddings.astype(np.float64).reshape(faces, len(_CROPS), embeddings.shape[1]).mean(1)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)


def named(training: Embeddings, training_people: Indices, probes: Embeddings) -> Indices:
    """Whom a linear classifier, trained on embeddings (M, D) of known people (M,), names on the probes (N, D); (N,)."""
    from sklearn.linear_model import RidgeClassifier

    classifier = RidgeClassifier(alpha=_REGULARIZATION).fit(training.astype(np.float64), training_people)
    return np.asarray(classifier.predict(probes.astype(np.float64)), dtype=np.int64)


def linked(direct: NDArray[np.float64], between: NDArray[np.float64]) -> NDArray[np.float64]:
    """How readily a gallery that grows reaches each photo: the largest threshold at which it is enrolled, (N, P).

    A photo is enrolled once it is as similar to an enrolled one as the threshold; from there it draws in others. Its
    similarity is therefore the weakest link of the strongest chain that leads to it, which is what single linkage
    merges by (Gower and Ross, Applied Statistics 1969).

    Args:
        direct: (N, P), similarities of N >= 2 photos to the P that are enrolled at first, each in a gallery of its own.
        between: (N, N), of the photos to one another; symmetric.
    """
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import squareform

    # Distances from 1 to 3: rounding must not make one negative.
    chains = 2 - squareform(cophenet(linkage(squareform(2 - between, checks=False), "single")))
    np.fill_diagonal(chains, np.inf)
    return np.stack([np.minimum(column, chains).max(1) for column in direct.T], axis=1)


def _crop_ensemble(observer: Observer, views: Sequence[View], purify: Purify | None) -> SeenBy:
    many = observer.embed(crop for view in views for crop in crops(view))
    return {name: averaged(rows, len(views)) for name, rows in many.items()}


PICTURE_ATTACKERS = (
    PictureAttacker(
        "blur-and-sharpen",
        "smooths the face (Gaussian blur, 1.5 pixels of 256) and sharpens it again, to wash out fine noise",
        lambda observer, views, purify: observer.embed(map(blur_and_sharpen, views)),
    ),
    PictureAttacker(
        "diffusion-purification",
        "noises the face to step 20 of 1000 and denoises it with the shipped diffusion model (DiffPure, Nie et al., "
        "ICML 2022)",
        lambda observer, views, purify: observer.embed(purify(views)) if purify else None,
    ),
    PictureAttacker(
        "crop-ensemble",
        "averages the embeddings of ten crops: shifted, scaled, turned and mirrored",
        _crop_ensemble,
    ),
)
PROTECTED_GALLERY = Attacker(
    "protected-gallery",
    "looks the photo up among photos protected in the same way; succeeds where the person ranks first",
)
LINEAR_PROBE = Attacker(
    "linear-probe",
    "trains a linear classifier on the people's other photos, protected in the same way; succeeds where it names the "
    "person",
)
GROWING_GALLERY = Attacker(
    "growing-gallery",
    "starts from one unprotected photo of the person and adds every photo that it recognizes by one that it has, "
    "protected ones too (DynTracker, Fan et al., arXiv 2501.06533, 2025)",
)
