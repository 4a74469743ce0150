"""Receipts in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from privacy_faces.judge.receipt import Receipt


def in_words(receipts: Sequence[Receipt], failed: int = 0) -> str:
    """What was done, and whether it worked, for whoever never heard of a receipt.

    Args:
        receipts: of photos that were done.
        failed: photos that were not.
    """
    faces = [face for receipt in receipts for face in receipt.faces]
    changed = [face for face in faces if face.changed]
    kept = sum(face.decision == "kept" for face in faces)
    photos = sum(any(face.changed for face in receipt.faces) for receipt in receipts)
    what = f"{_counted(len(changed), 'face')} changed in {_counted(photos, 'photo')}" if changed else "No face changed"
    parts = [f"{what}, {kept} kept as {'it was' if kept == 1 else 'they were'}" if kept else what]
    matched = [face for face in changed if not face.protected]
    if matched and len(changed) > 1:
        parts.append(f"{len(matched)} of them can still be recognized: see NOT PROTECTED below")
    elif matched:
        parts.append("It can still be recognized: see NOT PROTECTED below")
    elif changed and all(face.evidence == "held-out" for face in changed):
        parts.append(f"A recognizer that took no part no longer matches {'any of them' if len(changed) > 1 else 'it'}")
    elif changed:
        parts.append(
            f"The recognizers that helped to make the change no longer match {'them' if len(changed) > 1 else 'it'}; "
            "whether others do was not measured"
        )
    if left := [face for face in faces if not face.changed and face.decision != "kept"]:
        parts.append(f"{_counted(len(left), 'face')} more came to light, unchanged: see NOT PROTECTED below")
    if copied := sum(not receipt.faces for receipt in receipts):
        parts.append(f"{_counted(copied, 'photo')} without a face copied")
    if failed:
        parts.append(f"{_counted(failed, 'photo')} failed")
    return ". ".join(parts) + "."


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
