"""Many photos: skip what is done, share out the rest, and say in run.json what became of each."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.config.files import readable, write_atomic
from privacy_faces.pipeline.attempt import Outcome, finished
from privacy_faces.pipeline.inputs import Collection
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.ours import RUN_FILE
from privacy_faces.weights.places import require

if TYPE_CHECKING:
    from privacy_faces.config.plan import Plan
    from privacy_faces.pipeline.sharing import Engine

# Whose versions run.json tells.
_PACKAGES = ("torch", "numpy", "pillow", "opencv-python-headless", "dlib-bin")


class Watcher:
    """Is told how a run gets on; this one says nothing."""

    def stage(self, name: str) -> None:
        """A stage of loading, or of a photo, begins."""

    def photos(self, outcomes: Iterator[Outcome], count: int) -> Iterable[Outcome]:
        """Everything is loaded, and the photos that remain begin; a bar may be wrapped around their outcomes."""
        del count
        return outcomes

    def outcome(self, outcome: Outcome) -> None:
        """A photo is done, was done already, or failed."""


def run(
    plan: Plan, collection: Collection, folder: Path, engine: Engine, watcher: Watcher, *, overwrite: bool = False
) -> list[Outcome]:
    """Do every photo that is not done yet; one photo's failure does not touch the others.

    Args:
        plan: what to do; what was done with another is done again.
        collection: from `collect`.
        folder: gets run.json, before the first photo and after the last.
        engine: does the photos that remain; called only when there are any.
        watcher: is told how it gets on.
        overwrite: redo what is done.

    Returns:
        One outcome for each photo, in the order of the collection.

    Raises:
        ValueError: before the first photo: something is missing that the plan needs, or run.json cannot be written.
    """
    outcomes: dict[Job, Outcome] = {}

    def add(outcome: Outcome) -> None:
        outcomes[outcome.job] = outcome
        watcher.outcome(outcome)

    def described() -> Sequence[Outcome]:
        return [outcomes.get(job, Outcome(job, "pending")) for job in collection.jobs]

    fingerprint = plan.fingerprint()
    for job in collection.jobs:
        if not overwrite and (receipt := finished(job, fingerprint)):
            add(Outcome(job, "skipped", receipt=receipt))
    if todo := [job for job in collection.jobs if job not in outcomes]:
        watcher.stage("loading")
        # Missing weights are refused before torch is imported.
        require(plan.weights())
        try:
            found = engine(todo, plan, watcher.stage)
        except KeyboardInterrupt:  # what an earlier run, which was killed, said of the folder is not true
            write_run(folder, plan, described(), collection)
            raise
        # Should the run be killed, the folder still says what was meant to happen in it.
        write_run(folder, plan, described(), collection)
        try:
            for outcome in watcher.photos(found, len(todo)):
                add(outcome)
        except BaseException:  # Ctrl-C above all: what is done by then is told, also of other processes
            for job in todo:
                if job not in outcomes and (receipt := finished(job, fingerprint)):
                    outcomes[job] = Outcome(job, "done", receipt=receipt)
            write_run(folder, plan, described(), collection)
            raise
    for job, outcome in list(outcomes.items()):
        if outcome.status != "failed" and not job.target.is_file():
            add(Outcome(job, "failed", f"{job.target} was written, and has been removed since by somebody else"))
    write_run(folder, plan, described(), collection)
    return list(described())


def write_run(folder: Path, plan: Plan, outcomes: Sequence[Outcome], collection: Collection) -> None:
    """run.json: what became of every photo and, with full receipts, the resolved options, versions, weights and
    reasons; nothing with none."""
    place = folder / RUN_FILE
    if plan.run.receipts == "none":
        place.unlink(missing_ok=True)  # of an earlier run, and no longer true
        return
    described = plan.described()
    if plan.run.receipts == "short":
        content = {
            "schema": 1,
            **{name: described[name] for name in ("method", "profile", "version")},
            "photos": [
                {"photo": readable(outcome.job.target.relative_to(folder).as_posix()), "status": outcome.status}
                for outcome in outcomes
            ],
        }
    else:
        receipts = [outcome.receipt for outcome in outcomes if outcome.receipt]
        weights = {record.id: record.model_dump() for receipt in receipts for record in receipt.weights}
        content = {
            "schema": 1,
            **described,
            "seed": plan.run.seed,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
            "weights": list(weights.values()),
            "photos": [outcome.described() for outcome in outcomes],
            "ignored": collection.ignored,
            "left_out": collection.left_out,
        }
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(place, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
