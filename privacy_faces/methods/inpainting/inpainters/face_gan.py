"""Inpainting with a generator of faces: another person, of nobody, laid into the photo.

From a bank of generated faces the one is taken that fits the photo and is far from the person. Its style is steered
to the person's pose, expression, sex, age and glasses, and moved away from the person; MobileStyleGAN draws it, a
warp lays it into the person's outline, and it takes over the photo's light, tone and sharpness. Each photo draws its
own part of the bank, so that photos of one person do not get the same face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from privacy_faces.methods.inpainting.inpainters.away import move_away
from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.donors import Donors, Person, forehead_covered
from privacy_faces.methods.inpainting.inpainters.lay import Ground, placement, soft
from privacy_faces.methods.inpainting.inpainters.options import STRENGTHS, FaceGanOptions, GanStrength
from privacy_faces.models import face_attributes, face_bank
from privacy_faces.models.face_looks import COARSE, FRAME, bridge_step, eye_detail, eye_openings, looks_of
from privacy_faces.models.mobile_stylegan_files import WEIGHTS, load
from privacy_faces.photos.batch import FrameBatch, to_pixels
from privacy_faces.photos.blur import gaussian_blur
from privacy_faces.photos.warp import least_stretch
from privacy_faces.recognizers.ensemble import Ensemble
from privacy_faces.weights.store import records, verified

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context

# Of misfit, see `donors`: what a standard deviation of nearness costs once the face is laid.
_LAID_NEAR = 3.0
# What a difference of the whole range costs where the other face ends.
_SEAM = 40.0
# What eyes and mouth cost that lie elsewhere than the person's once the face is steered, in eye distances, and eyes
# that lack detail, for each gray level of `eye_detail`: steered far, a face may open its mouth, and blur.
_STEERED_SHAPE, _BLURRED, _SHARP = 30.0, 2.0, 9.0
# What a fringe or a hat costs that comes with the steering: in one of five drawn faces.
_FRINGE = 30.0
# Steps are taken back by halves where they leave less detail than this, or eyes less open, as a share of the person's.
_CLEAR, _OPEN, _SHARES = 7.5, 0.6, (1.0, 0.5, 0.25, 0.0)
# Width over which the other face fades in, as a share of the frame.
_EDGE = 0.02
# How far above the brows the other face goes, in eye distances, and how much more than elsewhere hair and light count
# where it ends: what lies there shows first.
_OVER_BROWS = 0.25
_FOREHEAD = 2.0
# A face that is warped to less than this share of its area somewhere looks torn; of so many times the donors that are
# wanted, those are taken that are not.
_LEAST_STRETCH = 0.35
_EYES_AND_MOUTH = slice(36, 68)
# Standard deviations from the bank's mean similarity to the person, at which a laid face is moved no farther.
_FAR_ENOUGH = -2.0
# The standard deviations at which the next of the candidates is tried, and how many are.
_STILL_NEAR, _TRIES = -1.0, 3
# See `Directions.oddness`, and `FaceFinder.misplaced`: 2 and 5 in 100 photos of everybody lie beyond these, and most of
# them look wrong.
_ODDEST, _MISPLACED = 2.6, 0.03
_DOUBT = "the head is turned too far, or the face too odd, for face-gan to draw another one that fits"


@dataclass(frozen=True)
class _Donor:
    """K faces of the bank, for one photo: their rows (K,), styles (K, 512), which are mirrored (K,), displacements
    (K, 2, G, G), and what of their looks does not fit, now that they are drawn (K,)."""

    rows: NDArray[np.int64]
    styles: Tensor
    flipped: Tensor
    displacements: Tensor
    misfit: NDArray[np.float64]

    def some(self, kept: NDArray[np.int64] | slice) -> _Donor:
        return _Donor(
            self.rows[kept], self.styles[kept], self.flipped[kept], self.displacements[kept], self.misfit[kept]
        )


@dataclass(frozen=True)
class _Hole(Ground):
    """One frame, and what of it may change: (1, 1, S, S) from 0 to 1."""

    mask: Tensor

    def filled(self, others: Tensor) -> Tensor:
        """The frame with each of the other faces (N, 3, S, S) in the hole."""
        return self.frames + self._softly * (others - self.frames)

    def seams(self, others: Tensor) -> Tensor:
        """(N,): how much each of the other faces differs from the frame at the hole's edge, where a fringe, a brim or
        another outline would show; 0 to 1."""
        inside = gaussian_blur(self.mask, _EDGE * self.frames.shape[-1])
        edge = inside * (1 - inside)
        difference = (others - self.frames).abs().mean(1, keepdim=True)
        return (difference * edge).sum((1, 2, 3)) / edge.sum().clamp(min=1e-6)

    @cached_property
    def _softly(self) -> Tensor:
        return soft(self.mask, _EDGE * self.frames.shape[-1])


class FaceGan(Inpainter):
    """The inpainter `face-gan`."""

    paste = "replace"
    options: FaceGanOptions
    strengths = tuple(STRENGTHS)

    def __init__(self, options: FaceGanOptions, context: Context) -> None:
        super().__init__(options, context)
        self.surrogates = tuple(options.surrogates)
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
        self.network = load(context.device)
        (bank,), (attributes,) = verified("face-bank"), verified("face-attributes")
        maps = face_attributes.load(attributes)
        reader = next((name for name in options.surrogates if name in maps.maps), None)
        if reader is None:
            raise ValueError(
                f"Expected a surrogate from which face-gan can read sex and age ({', '.join(maps.maps)}), found "
                f"{', '.join(options.surrogates)}. Add one: --surrogates {next(iter(maps.maps))},..."
            )
        self.donors = Donors(face_bank.load(bank), maps, reader)
        self.weight_records = records(WEIGHTS) + records("face-bank") + records("face-attributes")

    def completed(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """The masks, and the whole face up to the brows: half a face of another person is no face. On the
        forehead the other's hair would lie."""
        return masks | (batch.regions["face"] & ~_above_brows(batch))

    def doubts(self, batch: FrameBatch) -> list[str | None]:
        """Heads turned farther, and grimaces odder, than those that the generator draws."""
        points = ((batch.landmarks + 0.5) * (FRAME / batch.frames.shape[-1]) - 0.5).double().cpu().numpy()
        pictures = [to_pixels(frame) for frame in _resized(batch.frames, FRAME)]
        beside = [self.context.finder.misplaced(*face) for face in zip(pictures, points, strict=True)]
        doubtful = (self.donors.directions.oddness(points) > _ODDEST) | (np.array(beside) > _MISPLACED)
        return [_DOUBT if doubt else None for doubt in doubtful]

    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Frames in which another face stands."""
        return torch.cat([self._fill(batch[row], masks[row : row + 1]) for row in range(len(batch.frames))])

    def _fill(self, batch: FrameBatch, mask: Tensor) -> Tensor:
        """One face."""
        (generator,) = batch.generators()
        # What is hard to draw falls apart where it is moved far: the change is a smaller one, and told.
        strength = STRENGTHS["natural" if self.doubts(batch)[0] else self.strength]
        small = _resized(batch.frames, FRAME)
        landmarks = (batch.landmarks + 0.5) * (FRAME / batch.frames.shape[-1]) - 0.5
        face = batch.regions["face"].to(small)
        with torch.no_grad():
            embeddings = self.ensemble.embed(small, landmarks)
        shown = to_pixels(small[0]), landmarks[0].double().cpu().numpy()
        person = Person(
            looks_of(*shown),
            adaptive_avg_pool2d(face * (1 + _FOREHEAD * _above_brows(batch)), COARSE)[0, 0].cpu().numpy(),
            {name: values[0] for name, values in _arrays(embeddings).items()},
            bridge_step(*shown),
        )
        costs = self.donors.costs(person, strength.nearest)
        # A face and its mirror image are one person: both are in the pool, or neither.
        pool = torch.rand(len(costs) // 2, generator=generator).numpy() < self.options.pool
        costs = np.where(np.tile(pool, 2), costs, np.inf)
        pairs = costs.reshape(2, -1)
        people = np.argsort(pairs.min(0), kind="stable")[: strength.candidates]
        rows = people + len(pool) * pairs.argmin(0)[people]
        donors, drawn = self._placed(rows, person, strength.bound)
        seen = _Hole(small, _resized(face, FRAME), _resized(mask.to(small), FRAME))
        with torch.no_grad():
            others = seen.lay(drawn, donors.displacements)
            seen_as = self.ensemble.embed(seen.filled(others), landmarks.expand(len(others), -1, -1))
        nearness = self.donors.nearness(person, _arrays(seen_as))
        misfit = (
            costs[donors.rows]
            + donors.misfit
            + _LAID_NEAR * np.maximum(nearness - strength.nearest, 0)
            + _SEAM * seen.seams(others).cpu().numpy()
        )
        ranked = [donors.some(np.array([row])) for row in np.argsort(misfit, kind="stable")]
        chosen = ranked[0]
        if strength.steps:
            away = partial(self._moved, seen, person, embeddings, landmarks, strength, generator)
            chosen = _far_enough(away(donor) for donor in ranked[:_TRIES])
        with torch.no_grad():
            hole = _Hole(batch.frames, face, mask.to(small))
            return hole.filled(self._lay(hole, chosen))

    def _moved(
        self,
        seen: _Hole,
        person: Person,
        embeddings: Mapping[str, Tensor],
        landmarks: Tensor,
        strength: GanStrength,
        generator: torch.Generator,
        donor: _Donor,
    ) -> tuple[_Donor, float]:
        """One face, moved away from the person, and how near it still is, see `Donors.nearness`."""
        start, freed = donor.styles, self.donors.directions.freed
        shift = move_away(
            self.ensemble,
            embeddings,
            landmarks,
            lambda shift: seen.filled(self._lay(seen, replace(donor, styles=start + freed(shift)))),
            torch.zeros_like(start),
            [generator],
            steps=strength.steps,
            longest=strength.radius * float(torch.linalg.vector_norm(start - self.network.mean_style)),
            goal=self.donors.far_enough(person, _FAR_ENOUGH),
            step=1 / strength.steps,
        )
        with torch.no_grad():
            moved, drawn = self._clear(
                [replace(donor, styles=start + freed(share * shift)) for share in _SHARES],
                _OPEN * sum(eye_openings(person.looks.landmarks[0])),
            )
            laid = seen.filled(seen.lay(drawn, moved.displacements))
            nearness = self.donors.nearness(person, _arrays(self.ensemble.embed(laid, landmarks)))
        return moved, float(nearness[0])

    def _clear(self, moved: list[_Donor], open_eyes: float) -> tuple[_Donor, Tensor]:
        """The first of one face, moved less and less, whose eyes are clear and open, or the last; and its picture."""
        place = self.context.finder.landmark_model.place
        for donor in moved:
            drawn = self._draw(donor.styles, donor.flipped, FRAME)
            pixels = to_pixels(drawn[0])
            points = place(pixels)
            if eye_detail(pixels, points) >= _CLEAR and sum(eye_openings(points)) >= open_eyes:
                break
        return donor, drawn

    def _lay(self, hole: _Hole, donors: _Donor) -> Tensor:
        pictures = self._draw(donors.styles, donors.flipped, hole.frames.shape[-1])
        return hole.lay(pictures, donors.displacements)

    def _draw(self, styles: Tensor, flipped: Tensor, size: int) -> Tensor:
        """Pictures (N, 3, size, size) in [0, 1]."""
        drawn = self.network.synthesize(styles, FRAME if size <= FRAME else 1024)
        pictures = _resized(((drawn + 1) / 2).clamp(0, 1), size)
        return torch.where(flipped[:, None, None, None], pictures.flip(3), pictures)

    @torch.no_grad()
    def _placed(self, rows: NDArray[np.int64], person: Person, bound: float) -> tuple[_Donor, Tensor]:
        """Some of the donors, steered to the person's looks and moved to the person's places, and their pictures
        (K, 3, 256, 256): those that stay in one piece, or the one that comes nearest to it."""
        styles = torch.from_numpy(self.donors.steered(rows, person)).to(self.network.mean_style)
        flipped = torch.from_numpy(rows >= len(self.donors.bank)).to(styles.device)
        place = self.context.finder.landmark_model.place
        drawn = self._draw(styles, flipped, FRAME)
        theirs = person.looks.landmarks[0]
        pixels = [to_pixels(picture) for picture in drawn]
        own = np.stack([place(picture) for picture in pixels])
        moves = torch.stack([placement(points, theirs, bound) for points in own])
        eyes = np.linalg.norm(theirs[42:48].mean(0) - theirs[36:42].mean(0))
        apart = np.linalg.norm(own - theirs, axis=2)[:, _EYES_AND_MOUTH].mean(1) / eyes
        detail = np.array([eye_detail(*face) for face in zip(pixels, own, strict=True)])
        fringe = [forehead_covered(looks_of(*face))[0] for face in zip(pixels, own, strict=True)]
        misfit = _STEERED_SHAPE * apart + _BLURRED * np.maximum(_SHARP - detail, 0) + _FRINGE * np.array(fringe)
        stretch = np.array([least_stretch(move) for move in moves])
        kept = np.nonzero(stretch > min(_LEAST_STRETCH, stretch.max() - 1e-6))[0]
        return _Donor(rows, styles, flipped, moves.to(styles), misfit).some(kept), drawn[kept]


def _far_enough(moved: Iterable[tuple[_Donor, float]]) -> _Donor:
    """The first of these faces that is far enough from the person, or the farthest."""
    tried = []
    for found in moved:
        tried.append(found)
        if found[1] <= _STILL_NEAR:
            break
    return min(tried, key=lambda found: found[1])[0]


def _above_brows(batch: FrameBatch) -> Tensor:
    """(N, 1, S, S): what lies higher than the brows and a little more."""
    size = batch.frames.shape[-1]
    eyes = batch.landmarks[:, 42:48].mean(1) - batch.landmarks[:, 36:42].mean(1)
    top = batch.landmarks[:, 17:27, 1].amin(1) - _OVER_BROWS * torch.linalg.vector_norm(eyes, dim=1)
    above: Tensor = torch.arange(size, device=top.device) < top[:, None]
    return above[:, None, :, None].expand(-1, 1, -1, size)


def _arrays(embeddings: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: values.cpu().numpy() for name, values in embeddings.items()}


def _resized(pictures: Tensor, size: int) -> Tensor:
    return (
        pictures if pictures.shape[-1] == size else interpolate(pictures, (size, size), mode="bilinear", antialias=True)
    )
