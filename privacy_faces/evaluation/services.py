"""The column of verification services: their confidence that protected and original photo show one person.

Every answer is kept at once: none is paid twice.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from privacy_faces.evaluation.intervals import mean, share
from privacy_faces.evaluation.results import Service
from privacy_faces.evaluation.rows import Number
from privacy_faces.evaluation.verifiers import Comparison, Verifier
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import Threshold
from privacy_faces.judge.verdicts import dodging
from privacy_faces.photos.faces import to_uint8
from privacy_faces.photos.photo import Photo

_QUALITY = 95
_NO_FACE = "the service finds no face in any of the protected photos"

# What a photo is read with, when it is its turn.
Read = Callable[[], Photo]


def uploaded(photo: Photo, side: int) -> bytes:
    """The JPEG that a service gets: at most `side` pixels long, without any metadata."""
    image = Image.fromarray(np.ascontiguousarray(to_uint8(photo.rgb)))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def compared(verifier: Verifier, store: Store, first: bytes, second: bytes) -> Comparison:
    """The answer to a pair in either order: from the store, or from the service and then in the store.

    Raises:
        VerifierError: of the service; earlier answers stay in the store.
    """
    digests = sorted(hashlib.sha256(image).hexdigest() for image in (first, second))
    key = f"{verifier.name} {verifier.endpoint} {' '.join(digests)}"
    if (known := store.get(key)) is not None:
        answer = json.loads(known)
        return Comparison(answer["confidence"], {float(rate): value for rate, value in answer["thresholds"].items()})
    found = verifier.compare(first, second)
    store.put(
        key,
        json.dumps(
            {
                "confidence": found.confidence,
                "thresholds": {str(rate): value for rate, value in found.thresholds.items()},
            }
        ).encode(),
    )
    return found


def ask(
    verifier: Verifier,
    store: Store,
    photos: Sequence[tuple[Read, ...]],
    people: Sequence[str],
    far: float,
) -> Service:
    """One service's rows for one method.

    Args:
        verifier: the service.
        store: remembers answers.
        photos: readers of the original, an unprotected copy and the protected photo of each face.
        people: the person in each.
        far: the false accept rate whose threshold is wanted; the largest that the service states, if not this one.

    Raises:
        VerifierError: of the service; what it answered before is kept, and a second call goes on from there.
    """
    pairs = []
    for original, copy, protected in photos:
        first = uploaded(original(), verifier.side)
        pairs.append(
            tuple(compared(verifier, store, first, uploaded(read(), verifier.side)) for read in (copy, protected))
        )
    stated = {rate: value for pair in pairs for answer in pair for rate, value in answer.thresholds.items()}
    rate = far if far in stated else max(stated, default=far)
    clean, after = (
        np.array(
            [np.nan if pair[side].confidence is None else pair[side].confidence for pair in pairs], dtype=np.float64
        )
        for side in (0, 1)
    )
    # A face that the service does not find is not matched.
    unmatched = np.isnan(after)
    if stated:
        threshold = Threshold(far=rate, threshold=stated[rate])
        unmatched[~unmatched] = dodging(after[~unmatched], threshold)
    missing = Number(value=None, n=0, missing=_NO_FACE)
    return Service(
        service=verifier.name,
        far=rate,
        threshold=stated.get(rate),
        clean=mean(clean, people),
        protected=missing if np.isnan(after).all() else mean(after, people),
        dodging=share(unmatched, people),
    )
