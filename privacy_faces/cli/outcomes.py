"""What `anonymize` shows: progress, warnings and failures on stderr as they come, the result as a table or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from privacy_faces.cli.progress import bar
from privacy_faces.cli.table import table
from privacy_faces.config.files import readable
from privacy_faces.config.plan import Plan
from privacy_faces.config.printable import printable
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.batch import Watcher


class _Shown(Watcher):
    """Progress on stderr: a bar over the photos, and the stage that runs."""

    def __init__(self) -> None:
        self._bar: Any = None

    def stage(self, name: str) -> None:
        """The stage that starts now."""
        if self._bar is not None:
            self._bar.set_postfix_str(name)
        elif sys.stderr.isatty():
            click.echo(f"{name} ...", err=True)

    def photos(self, outcomes: Iterator[Outcome], count: int) -> Iterable[Outcome]:
        """The outcomes, behind a bar."""
        self._bar = bar(outcomes, total=count)
        return self._bar  # type: ignore[no-any-return]

    def outcome(self, outcome: Outcome) -> None:
        """Name a failure or a warning as soon as it is known."""
        from tqdm import tqdm

        lines = [f"FAILED: {outcome.reason}"] if outcome.status == "failed" else outcome.warnings
        for line in lines:
            tqdm.write(printable(f"{outcome.job.name}: {line}"), file=sys.stderr)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def shown() -> Iterator[Watcher]:
    """A watcher that shows on stderr how a run gets on."""
    watcher = _Shown()
    try:
        yield watcher
    finally:
        watcher.close()


def as_json_text(plan: Plan, output: Path, outcomes: Sequence[Outcome]) -> str:
    """One JSON object."""
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in ("done", "skipped", "failed")}
    photos = [
        outcome.described() | {"receipt": outcome.receipt and json.loads(outcome.receipt.dump())}
        for outcome in outcomes
    ]
    content = {"schema": 1, **plan.described(), "output": readable(str(output)), **counts, "photos": photos}
    return json.dumps(content, indent=2, allow_nan=False)


def as_table(outcomes: Sequence[Outcome], output: Path) -> str:
    """A row for each face and recognizer."""
    rows = []
    for outcome in outcomes:
        name = outcome.job.name
        if outcome.status == "failed":
            rows.append([name, "", "", "", "", "", f"FAILED: {outcome.reason}"])
        for face in outcome.receipt.faces if outcome.receipt else ():
            if face.decision == "kept":
                who = f": {face.likeness.person}" if face.likeness else ""
                rows.append([name, str(face.index + 1), "", "", "", "", f"kept as it is{who}"])
            for recognizer, result in face.recognizers.items():
                verdict = "NOT PROTECTED" if result.matched else "no longer matched"
                numbers = (result.similarity_before, result.similarity, result.threshold)
                scores = ["" if number is None else f"{number:.3f}" for number in numbers]
                rows.append([name, str(face.index + 1), f"{recognizer} ({result.role})", *scores, verdict])
        if outcome.receipt and not outcome.receipt.faces:
            rows.append([name, "", "", "", "", "", "copied: no face found"])
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    text = table(["photo", "face", "recognizer", "before", "after", "threshold", "result"], rows)
    return f"{text}\n\nwritten to {printable(str(output))}" + (
        f" ({skipped} {'was' if skipped == 1 else 'were'} done already)" if skipped else ""
    )
