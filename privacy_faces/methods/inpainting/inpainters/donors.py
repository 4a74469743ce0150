"""Who appears: which faces of the bank fit a photo and are far from the person in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy_faces.models.face_attributes import FaceAttributes, Scores
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_directions import Directions, fit
from privacy_faces.models.face_looks import COARSE, FRAME, Looks

Array = NDArray[np.float32]

# What one unit of misfit costs. Landmarks in eye distances, the mouth and the jaw once more; colors in Lab; sex and age
# in their scores' units, another age group once more; nearness to the person in standard deviations of the bank.
_FEATURES, _MOUTH, _JAW = 8.0, 6.0, 0.75
_COARSE, _TONE = 0.1, 0.3
_SEX, _AGE = 14.0, 6.0
_OTHER_AGE = 24.0
_GLASSES = 25.0
_NEAR = 4.0

# Lightness in Lab of an eye's coarse pixel, less that of the skin, below which a dark glass lies over it.
_DARK = -38.0

# How far above the brows, in eye distances, a forehead is looked at, and how much its color may differ from the skin's.
_LIFT, _OTHER_THAN_SKIN = 0.5, 20.0

_BROWS = (slice(17, 22), slice(20, 24), slice(22, 27))
_JAW_POINTS, _MOUTH_POINTS = slice(0, 17), slice(48, 68)
_EYES = (slice(36, 42), slice(42, 48))


@dataclass(frozen=True)
class Person:
    """Whose face another one is to replace.

    Attributes:
        looks: of one face.
        face: (16, 16), how much each coarse pixel counts; none where no face is.
        embeddings: surrogate -> (D,).
        bridge: `face_looks.bridge_step`, by which glasses are told.
    """

    looks: Looks
    face: Array
    embeddings: Mapping[str, Array]
    bridge: float


@dataclass(frozen=True)
class Donors:
    """The faces of a bank, and their mirror images: 2 N of them.

    Attributes:
        bank: N faces.
        attributes: reads sex and age.
        reader: the recognizer whose embeddings it reads them from.
    """

    bank: FaceBank
    attributes: FaceAttributes
    reader: str

    def __len__(self) -> int:
        return 2 * len(self.bank)

    @cached_property
    def looks(self) -> Looks:
        """Of all donors, the mirrored ones last."""
        plain, turned = self.bank.looks, self.bank.looks.mirrored()
        parts = ((getattr(plain, part), getattr(turned, part)) for part in ("landmarks", "tone", "coarse"))
        return Looks(*(np.concatenate(pair) for pair in parts))

    @cached_property
    def kind(self) -> Scores:
        """Of the N faces."""
        return self.attributes.scores(self.reader, self.bank.embeddings[self.reader])

    @cached_property
    def directions(self) -> Directions:
        """In which styles change looks."""
        return fit(self.bank, self.kind)

    def kind_of(self, person: Person) -> Scores:
        """Of one person."""
        return self.attributes.scores(self.reader, person.embeddings[self.reader][None]).decided(person.bridge)

    def steered(self, rows: NDArray[np.int64], person: Person) -> Array:
        """Styles (K, 512) of some donors, in the person's pose, expression, sex and age; those of mirror images are
        not mirrored."""
        plain, kind = person.looks, self.kind_of(person)
        wanted = [self.directions.attributes(looks.landmarks, kind) for looks in (plain, plain.mirrored())]
        turned = rows >= len(self.bank)
        own = self.directions.attributes(self.bank.looks.landmarks, self.kind)[rows % len(self.bank)]
        return self.directions.steered(
            self.bank.styles[rows % len(self.bank)], own, np.where(turned[:, None], wanted[1], wanted[0])
        )

    def costs(self, person: Person, nearest: float) -> NDArray[np.float64]:
        """(2 N,): how badly each donor fits.

        Args:
            person: the photo's.
            nearest: how near a donor may be to the person, in standard deviations from the bank's mean similarity.
        """
        looks, theirs = self.looks, person.looks
        eyes = theirs.landmarks[0, _EYES[1]].mean(0) - theirs.landmarks[0, _EYES[0]].mean(0)
        apart = np.linalg.norm(looks.landmarks - theirs.landmarks, axis=-1) / np.linalg.norm(eyes)
        shape = (
            _FEATURES * apart[:, 17:].mean(1)
            + _MOUTH * apart[:, _MOUTH_POINTS].mean(1)
            + _JAW * apart[:, _JAW_POINTS].mean(1)
        )
        layout = np.abs(looks.coarse - theirs.coarse).sum(-1)
        layout = (layout * person.face).sum((1, 2)) / max(float(person.face.sum()), 1e-6)
        tone = np.abs(looks.tone - theirs.tone).sum(1)
        kind, own = self.kind, self.kind_of(person)
        # A mirror image is as near as the picture.
        once = (
            _SEX * np.abs(kind.sex - own.sex)
            + _AGE * np.abs(kind.ages - own.ages).sum(1)
            + _OTHER_AGE * (kind.age_group != own.age_group)
            + _GLASSES * np.abs(kind.glasses - own.glasses)
            + _NEAR * np.maximum(self.nearness(person, self.bank.embeddings) - nearest, 0)
        )
        costs = shape + _COARSE * layout + _TONE * tone + np.tile(once, 2)
        return np.where(self.veiled | self.covered, np.inf, costs)

    @cached_property
    def veiled(self) -> NDArray[np.bool_]:
        """(2 N,): who wears sunglasses: both eyes lie in the dark."""
        light = [_coarse_at(self.looks, self.looks.landmarks[:, part].mean(1))[:, 0] for part in _EYES]
        return np.asarray(np.max(light, axis=0) < _DARK)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """(2 N,): see `forehead_covered`."""
        return forehead_covered(self.looks)

    def far_enough(self, person: Person, deviations: float) -> float:
        """The similarity to the person, by every surrogate that the bank knows, so many standard deviations above the
        bank's mean."""
        known = [
            self.bank.embeddings[name] @ own for name, own in person.embeddings.items() if name in self.bank.embeddings
        ]
        return min(float(spread.mean() + deviations * spread.std()) for spread in known)

    def nearness(self, person: Person, embeddings: Mapping[str, Array]) -> Array:
        """(K,): how near faces are to the person: their largest similarity over the surrogates, in standard deviations
        from the bank's mean; by a surrogate that the bank does not know, from the mean of these K.

        Args:
            person: the photo's.
            embeddings: surrogate -> (K, D); of others nothing is read.
        """
        rows = []
        for name in person.embeddings.keys() & embeddings.keys():
            similarity = embeddings[name] @ person.embeddings[name]
            known = self.bank.embeddings.get(name)
            spread = similarity if known is None else known @ person.embeddings[name]
            rows.append((similarity - spread.mean()) / max(float(spread.std()), 1e-6))
        return np.asarray(np.max(rows, axis=0))


def forehead_covered(looks: Looks) -> NDArray[np.bool_]:
    """(N,): whose forehead a hat, a scarf or a fringe covers down to the brows: it would lie like a band over the
    person's own."""
    points = looks.landmarks
    apart = np.linalg.norm(points[:, _EYES[1]].mean(1) - points[:, _EYES[0]].mean(1), axis=1)
    above = [points[:, brow].mean(1) for brow in _BROWS]
    lift = np.stack([np.zeros(len(points)), _LIFT * apart], axis=1)
    colors = [_coarse_at(looks, point - lift) for point in above]
    return np.asarray(np.median([np.abs(color).sum(1) for color in colors], axis=0) > _OTHER_THAN_SKIN)


def _coarse_at(looks: Looks, points: NDArray[np.floating]) -> Array:
    """(N, 3): Lab, less that of the skin, at a point (N, 2) of each frame."""
    column, row = (points * COARSE / FRAME).astype(int).clip(0, COARSE - 1).T
    colors: Array = looks.coarse[np.arange(len(points)), row, column]
    return colors
