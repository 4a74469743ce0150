"""Faces of nobody, two photos each: faces of the bank, and the same ones turned, in another mood and light; kept where
recognizers take the two photos for one person, and no two faces for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.methods.inpainting.inpainters.donors import Donors
from privacy_faces.models.face_looks import eye_detail
from privacy_faces.models.mobile_stylegan import CHANNELS, MobileStyleGan
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.recognizers.contract import Recognizer

# The pictures' side.
_PICTURE = 256
# How far, in standard deviations over the bank, each component of pose and expression goes in the second photo.
_OTHER_OCCASION = 1.0
# The levels of the generator that say color and texture, and how far the second photo's go to those of another face,
# one of so many with the most similar skin: light and background change, features stay.
_COLORS, _OTHER_LIGHT, _ALIKE = 5, 0.5, 200
# Second photos of a face that are tried.
_TRIES = 20
# A face that the detector is less sure of, or whose eyes have less detail (`eye_detail`), looks odd to people too.
_SURE, _SHARP = 0.99, 6.0
# Lightness (CIE Lab) below which skin counts as dark.
_DARK = 55.0


@dataclass(frozen=True)
class SyntheticFace:
    """A face that nobody has.

    Attributes:
        row: of the bank.
        again: seed of the second photo.
        pictures: two photos, (3, 256, 256) in [0, 1].
        scores: the detector's.
        alike: the recognizer's similarity of the two.
    """

    row: int
    again: int
    pictures: tuple[Tensor, Tensor]
    scores: tuple[float, float]
    alike: float


class Judge(NamedTuple):
    """Who says whether two photos show one person.

    Attributes:
        finder: finds the face.
        recognizer: embeds it.
        apart: recognizer -> similarity up to which two faces are different people's; of all whose embeddings the bank
            holds.
        together: similarity of the recognizer above which two photos are one person's.
    """

    finder: FaceFinder
    recognizer: Recognizer
    apart: Mapping[str, float]
    together: float


def draw_face(donors: Donors, network: MobileStyleGan, row: int) -> Tensor:
    """A face of the bank: (3, 256, 256) in [0, 1]."""
    return _picture(network, torch.from_numpy(donors.bank.styles[row])[None])


def draw_again(donors: Donors, network: MobileStyleGan, row: int, seed: int) -> Tensor:
    """Another photo of that face, (3, 256, 256) in [0, 1]: other pose, expression, light and background."""
    random = np.random.default_rng((seed, row))
    bank, directions = donors.bank, donors.directions
    own = directions.attributes(bank.looks.landmarks, donors.kind)[row]
    wanted = own.copy()
    count = len(directions.components)
    # Away from where the component is, so that a head that looks left looks right.
    wanted[:count] -= np.where(own[:count] > 0, 1, -1) * _OTHER_OCCASION * random.uniform(0.5, 1.5, count)
    turned = torch.from_numpy(directions.steered(bank.styles[row][None], own[None], wanted[None]))
    tones = np.abs(bank.looks.tone - bank.looks.tone[row]).sum(1)
    light = torch.from_numpy(bank.styles[random.choice(np.argsort(tones)[:_ALIKE])])
    styles = turned[:, None].repeat(1, len(CHANNELS), 1)
    styles[:, _COLORS:] = torch.lerp(styles[:, _COLORS:], light, _OTHER_LIGHT)
    return _picture(network, styles)


@torch.no_grad()
def _picture(network: MobileStyleGan, styles: Tensor) -> Tensor:
    drawn = network.synthesize(styles.to(network.mean_style), 1024)
    return interpolate(((drawn + 1) / 2).clamp(0, 1), (_PICTURE, _PICTURE), mode="bilinear", antialias=True)[0].cpu()


def synthesize(
    donors: Donors,
    network: MobileStyleGan,
    judge: Judge,
    count: int,
    seed: int,
    chosen: Sequence[int] | None = None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Iterator[SyntheticFace]:
    """The first `count` faces that are clear, the same person twice, and nobody else.

    Args:
        donors: the bank.
        network: draws it.
        judge: tells people apart.
        count: how many faces.
        seed: of the second photos; where one turns out another person, those after it are tried.
        chosen: rows of the bank to choose from, for a person who looked at them; by default all, all kinds of people
            in turn.
        progress: wraps the rows.

    Raises:
        ValueError: when these rows do not suffice.
    """
    found: list[int] = []
    rows = all_kinds(donors) if chosen is None else chosen
    for row in progress(rows):
        if any(_one_person(donors, judge, row, other) for other in found):
            continue
        if face := _twice(donors, network, judge, row, seed):
            found.append(row)
            yield face
        if len(found) == count:
            return
    raise ValueError(f"Expected {count} different faces, found {len(found)} among {len(rows)}. Ask for fewer.")


def all_kinds(donors: Donors) -> list[int]:
    """The rows of the bank but for covered foreheads and dark glasses, a kind of people after the other: sex, age
    group, and whether the skin is dark."""
    kind, count = donors.kind, len(donors.bank)
    groups = 6 * (kind.sex > 0) + 2 * kind.age_group + (donors.bank.looks.tone[:, 0] < _DARK)
    usable = np.nonzero(~(donors.veiled | donors.covered)[:count])[0]
    rank = np.zeros(count, dtype=np.int64)
    for group in np.unique(groups):
        members = usable[groups[usable] == group]
        rank[members] = np.arange(len(members))
    return [int(row) for row in usable[np.lexsort((groups[usable], rank[usable]))]]


def _twice(donors: Donors, network: MobileStyleGan, judge: Judge, row: int, seed: int) -> SyntheticFace | None:
    """A face in two photos; None where one is not clear, or no second one shows the same person."""
    picture = draw_face(donors, network, row)
    first = _look(picture, judge)
    for again in range(seed, seed + _TRIES) if first else ():
        other = draw_again(donors, network, row, again)
        second = _look(other, judge)
        if first and second and (alike := float(judge.recognizer.similarity(first[1], second[1]))) > judge.together:
            return SyntheticFace(row, again, (picture, other), (first[0], second[0]), alike)
    return None


def _one_person(donors: Donors, judge: Judge, row: int, other: int) -> bool:
    """Whether any recognizer takes two faces of the bank for one person."""
    embeddings = donors.bank.embeddings
    return any(
        float(embeddings[name][row] @ embeddings[name][other]) > threshold for name, threshold in judge.apart.items()
    )


def _look(picture: Tensor, judge: Judge) -> tuple[float, Tensor] | None:
    """The detector's score and the embedding (1, D) of the one face; None where there is no clear one."""
    pixels: NDArray[np.uint8] = to_pixels(picture)
    faces = judge.finder.find(pixels)
    if len(faces) != 1 or faces[0].score < _SURE or eye_detail(pixels, faces[0].landmarks) < _SHARP:
        return None
    frame = torch.from_numpy(faces[0].frame(pixels, _PICTURE)).permute(2, 0, 1)
    places = torch.from_numpy(faces[0].frame_landmarks(_PICTURE)).float()
    with torch.no_grad():
        return faces[0].score, judge.recognizer.embed(frame[None], places[None])
