"""The bank of generated faces: drawn, looked at, embedded, and evened out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from privacy_faces.methods.inpainting.inpainters.donors import Donors
from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_looks import Looks, looks_of
from privacy_faces.models.mobile_stylegan import MobileStyleGan
from privacy_faces.photos.detection.contract import LandmarkModel
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.training.generated import draw_faces

# Where dark, middle and light skin part, in CIE Lab's lightness; and heads that look left, ahead and right, by how far
# the tip of the nose lies from the middle of the eyes, in eye distances.
_LIGHTNESS, _TURN = (50.0, 64.0), (-0.12, 0.12)
_NOSE_TIP, _EYES = 30, (slice(36, 42), slice(42, 48))


def draw_bank(
    network: MobileStyleGan,
    landmark_model: LandmarkModel,
    recognizers: Sequence[Recognizer],
    count: int,
    seed: int,
    progress: Callable[[range], Iterable[int]],
) -> FaceBank:
    """Draw `count` faces.

    Args:
        network: the generator.
        landmark_model: places their landmarks.
        recognizers: embed them.
        count: faces to draw.
        seed: of the faces.
        progress: shows how far it is.
    """
    styles: list[Tensor] = []
    looks: list[Looks] = []
    embeddings: dict[str, list[Tensor]] = {recognizer.name: [] for recognizer in recognizers}
    for faces in draw_faces(network, landmark_model, count, seed, progress):
        styles.append(faces.styles.cpu())
        looks += map(looks_of, faces.pixels, faces.landmarks)
        points = torch.from_numpy(faces.landmarks).to(faces.pictures)
        for recognizer in recognizers:
            with torch.no_grad():
                embeddings[recognizer.name].append(recognizer.embed(faces.pictures, points).cpu())
    parts = ("landmarks", "tone", "coarse")
    return FaceBank(
        torch.cat(styles).numpy(),
        Looks(*(np.concatenate([getattr(face, part) for face in looks]) for part in parts)),
        {name: torch.cat(rows).numpy() for name, rows in embeddings.items()},
    )


def evened(donors: Donors, keep: int) -> FaceBank:
    """Some faces of a bank: half of them the first that were drawn, as they come, the others from all kinds of people
    alike, so that children, dark skin, old age and turned heads have more to choose from than the generator gives them.

    Kinds are age group by skin by turn of the head, 27 of them. Of the second half none wears sunglasses or has a
    covered forehead: those are never laid.

    Args:
        donors: the bank, and what reads age from its embeddings.
        keep: how many; the bank has at least as many.
    """
    bank, first = donors.bank, keep // 2
    points = bank.looks.landmarks
    left, right = (points[:, eye].mean(1) for eye in _EYES)
    turn = (points[:, _NOSE_TIP] - (left + right) / 2)[:, 0] / np.linalg.norm(right - left, axis=1)
    kinds = 9 * donors.kind.age_group + 3 * np.digitize(bank.looks.tone[:, 0], _LIGHTNESS) + np.digitize(turn, _TURN)
    usable = ~(donors.veiled | donors.covered)[: len(bank)]
    # How many of a face's kind come before it: those of the first half do in any case.
    before = np.zeros(len(bank), np.int64)
    for kind in np.unique(kinds):
        (members,) = np.nonzero((kinds == kind) & (usable | (np.arange(len(bank)) < first)))
        before[members] = np.arange(len(members))
    (others,) = np.nonzero(usable & (np.arange(len(bank)) >= first))
    chosen = others[np.argsort(before[others], kind="stable")[: keep - first]]
    return bank.rows(np.concatenate([np.arange(first), np.sort(chosen)]))
