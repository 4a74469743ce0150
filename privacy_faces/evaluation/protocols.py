"""Protocols of papers as functions, beside our own judgment; like the functions in `verbs`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_faces.config.files import write_atomic
from privacy_faces.evaluation.calls import Progress, called, counted, silent
from privacy_faces.evaluation.options import DiffamOptions

if TYPE_CHECKING:
    from privacy_faces.evaluation.diffam import Row


@dataclass(frozen=True)
class DiffamResults:
    """What DiffAM's protocol measured; `command` is what was called."""

    command: str
    rows: Sequence[Row]

    def as_json(self) -> str:
        """The content of diffam.json."""
        rows = [row.described() for row in self.rows]
        return json.dumps({"schema": 1, "protocol": "diffam", "command": self.command, "rows": rows}, indent=2)


def evaluate_diffam(
    originals: str | Path,
    protected: str | Path,
    targets: str | Path,
    surrogates: Sequence[str] | str,
    *,
    command: str | None = None,
    progress: Progress = silent,
    **options: Any,
) -> DiffamResults:
    """Judge as DiffAM's paper does (whole pictures, its thresholds), as `evaluate --protocol diffam`.

    Args:
        originals: folder of the photos before protection.
        protected: folder with a folder of protected photos for each target.
        targets: folder with the scored image of each target.
        surrogates: recognizers that helped to protect the photos.
        command: what was called, for the results; by default this call.
        progress: is told how far the work is.
        options: see `DiffamOptions`. With output=DIR, diffam.json is left there; otherwise nothing is written.

    Raises:
        ValueError: (or a named subclass) for options that do not fit, folders that do not match, a missing weight.

    Example:
        >>> found = evaluate_diffam("originals/", "protected/", "targets/", ["irse50", "mobileface", "facenet"])
        >>> found.rows[0].impersonation
    """
    named = {"originals": originals, "protected": protected, "targets": targets, "surrogates": surrogates}
    chosen = DiffamOptions.validated(named | options, "DiffAM's protocol")

    from privacy_faces.evaluation.diffam import OPTIONS, RECOGNIZERS, attack_success, find_groups
    from privacy_faces.judge.thresholds import load_thresholds
    from privacy_faces.methods.context import Context

    groups = find_groups(chosen.originals, chosen.protected, chosen.targets)
    names = list(RECOGNIZERS) if chosen.recognizers == ["all"] else chosen.recognizers
    rows = attack_success(
        groups,
        Context(chosen.device, OPTIONS),
        names,
        chosen.surrogates,
        load_thresholds(chosen.thresholds),
        partial(counted, what="embedding", progress=progress),
    )
    results = DiffamResults(command or called("evaluation.protocols.evaluate_diffam", chosen), rows)
    if chosen.output:
        chosen.output.mkdir(parents=True, exist_ok=True)
        write_atomic(chosen.output / "diffam.json", (results.as_json() + "\n").encode())
    return results
