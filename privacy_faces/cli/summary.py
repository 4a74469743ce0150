"""What came of a run in plain words, and its table in colors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from privacy_faces.judge.words import in_words
from privacy_faces.pipeline.attempt import Outcome

# The last column of the table tells what came of a face; on a terminal its color does, too.
_COLORS = {"no longer matched": "green", "NOT PROTECTED": "red"}


def sentence(outcomes: Sequence[Outcome]) -> str:
    """What was done, and whether it worked, for whoever never heard of a receipt."""
    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt]
    return in_words(receipts, failed=sum(outcome.status == "failed" for outcome in outcomes))


def colored(table: str) -> str:
    """The table, its results in color where stdout is a terminal and NO_COLOR is not set (https://no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return table
    lines = []
    for line in table.splitlines():
        result = next((result for result in _COLORS if line.endswith(result)), None)
        lines.append(line.removesuffix(result) + click.style(result, fg=_COLORS[result], bold=True) if result else line)
    return "\n".join(lines)
