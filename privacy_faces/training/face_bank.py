"""The bank of generated faces: drawn, looked at, embedded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from privacy_faces.models.face_bank import FaceBank
from privacy_faces.models.face_looks import FRAME, Looks, looks_of
from privacy_faces.models.mobile_stylegan import STYLE, MobileStyleGan
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.recognizers.contract import Recognizer

# Below 1 faces are more alike and fewer are spoiled; all of the package's own are drawn near this.
TRUNCATION = 0.75
_BATCH = 8
# How far, as a share of the frame, a found face's landmarks may lie from where they are in a frame of its own.
_OFF = 0.05


@torch.no_grad()
def draw_bank(
    network: MobileStyleGan,
    finder: FaceFinder,
    recognizers: Sequence[Recognizer],
    count: int,
    seed: int,
    progress: Callable[[range], Iterable[int]],
) -> FaceBank:
    """Draw `count` faces and keep those that the detector finds where a face lies in its frame.

    Args:
        network: the generator.
        finder: finds them, and places their landmarks.
        recognizers: embed them.
        count: faces to draw.
        seed: of the faces.
        progress: shows how far it is.

    Raises:
        ValueError: when no face is kept.
    """
    generator = torch.Generator().manual_seed(seed)
    styles: list[Tensor] = []
    looks: list[Looks] = []
    embeddings: dict[str, list[Tensor]] = {recognizer.name: [] for recognizer in recognizers}
    for start in progress(range(0, count, _BATCH)):
        drawn = network.mapping(torch.randn(min(_BATCH, count - start), STYLE, generator=generator), TRUNCATION)
        pictures = ((network.synthesize(drawn, FRAME) + 1) / 2).clamp(0, 1)
        for style, picture in zip(drawn, pictures, strict=True):
            rgb = to_pixels(picture)
            face = max((found.face for found in finder.upright(rgb)), key=lambda face: face.score, default=None)
            if face is None or np.abs(face.landmarks - face.frame_landmarks(FRAME)).mean() > _OFF * FRAME:
                continue
            landmarks = finder.landmark_model.place(rgb)
            styles.append(style)
            looks.append(looks_of(rgb, landmarks))
            for recognizer in recognizers:
                points = torch.from_numpy(landmarks).float()[None]
                embeddings[recognizer.name].append(recognizer.embed(picture[None], points)[0])
    if not styles:
        raise ValueError(f"Expected a face in at least one of {count} drawn pictures, found none. Draw more: --count.")
    parts = ("landmarks", "tone", "coarse")
    return FaceBank(
        torch.stack(styles).numpy(),
        Looks(*(np.concatenate([getattr(face, part) for face in looks]) for part in parts)),
        {name: torch.stack(rows).numpy() for name, rows in embeddings.items()},
    )
