"""What the page says of results."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_faces.judge.receipt import FaceReceipt, Receipt, Role
from privacy_faces.judge.words import in_words
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.listing import ListedFace

_ROLES: dict[Role, str] = {
    "surrogate": "helped to make the change",
    "held-out": "took no part in the change",
    "unknown": "it is not known whether it helped",
}


def about(receipt: Receipt, listed: Sequence[ListedFace] = ()) -> tuple[str, list[str]]:
    """A receipt: what came of the photo in a sentence or two, then a line for each face, and what must be told.

    Args:
        receipt: of one photo.
        listed: the faces of the list that it was made by, in their order; those that it did not have come last.
    """
    people = {index: face.person for index, face in enumerate(listed)}
    lines = [_face(face, people.get(face.index)) for face in receipt.faces]
    return in_words([receipt]), lines + receipt.warnings


def about_all(outcomes: Sequence[Outcome]) -> tuple[str, list[str]]:
    """All photos: a sentence or two, then what must be told of each."""
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt]
    lines = []
    for outcome in outcomes:
        told = [f"FAILED: {outcome.reason}"] if outcome.status == "failed" else outcome.warnings
        lines += [f"{outcome.job.name}: {line}" for line in told]
    return in_words(receipts, failed=sum(outcome.status == "failed" for outcome in outcomes)), lines


def _face(face: FaceReceipt, person: int | None) -> str:
    who = f"Face {face.index + 1}{f' (person {person})' if person else ''}"
    if face.decision == "kept":
        return f"{who} stays as it is."
    verdicts = [
        f"{name} ({_ROLES[verdict.role]}) {'STILL MATCHES it' if verdict.matched else 'no longer matches it'}"
        for name, verdict in face.recognizers.items()
    ]
    return f"{who} is {'changed' if face.changed else 'NOT changed'}: {'; '.join(verdicts)}."
