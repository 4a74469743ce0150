"""What came of a run in plain words, and its table in colors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from privacy_faces.pipeline.attempt import Outcome

# The last column of the table tells what came of a face; on a terminal its color does, too.
_COLORS = {"no longer matched": "green", "NOT PROTECTED": "red"}


def sentence(outcomes: Sequence[Outcome]) -> str:
    """What was done, and whether it worked, for whoever never heard of a receipt."""
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt]
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
    if failed := sum(outcome.status == "failed" for outcome in outcomes):
        parts.append(f"{_counted(failed, 'photo')} failed")
    return ". ".join(parts) + "."


def colored(table: str) -> str:
    """The table, its results in color where stdout is a terminal and NO_COLOR is not set (https://no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return table
    lines = []
    for line in table.splitlines():
        result = next((result for result in _COLORS if line.endswith(result)), None)
        lines.append(line.removesuffix(result) + click.style(result, fg=_COLORS[result], bold=True) if result else line)
    return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
