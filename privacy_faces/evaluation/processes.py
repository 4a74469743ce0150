"""The work of a benchmark: each method in a process of its own, whose memory is measured with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from privacy_faces.config.run import RunOptions
from privacy_faces.evaluation.attackers.contract import Tools
from privacy_faces.evaluation.attackers.purification import purifier
from privacy_faces.evaluation.attackers.reversal import reversal
from privacy_faces.evaluation.entries import Entry
from privacy_faces.evaluation.measure import Scope, Seen, measure
from privacy_faces.evaluation.probes import Probe, by_photo, copy_of
from privacy_faces.judge.observations import Observer, make_observer
from privacy_faces.judge.store import Store
from privacy_faces.methods.contract import Method
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import Outcome, attempt
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import Collection
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.layouts import tree
from privacy_faces.pipeline.sharing.processes import fresh

if TYPE_CHECKING:
    from privacy_faces.pipeline.sharing import Engine

# What recognizers and detector saw of all methods' photos, shared by their processes.
STORE = "seen.sqlite"


@dataclass(frozen=True)
class Task:
    """What one process does: protect the photos with `entry` (None: copy them as they are), and see the results; its
    probes are the faces, side by side with `faces`."""

    entry: Entry | None
    run: RunOptions
    probes: Sequence[Probe]
    faces: Sequence[Face]
    output: Path
    robustness: bool
    attackers: bool
    threads: int
    overwrite: bool = False

    @property
    def photos(self) -> list[Probe]:
        """Each photo once."""
        return [photo for photo, _ in by_photo(self.probes)]


@dataclass(frozen=True)
class Done:
    """What a process found.

    Attributes:
        seen: the results.
        surrogates: recognizers that helped.
        failures: photo -> reason.
        seconds: a face, in the method itself, one for each photo.
        peak: memory of the process until the photos were done, in MiB; None when an earlier run had done them.
        target: name of whom the faces are to resemble.
    """

    seen: Seen
    surrogates: tuple[str, ...] = ()
    failures: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    peak: float | None = None
    target: str | None = None


def in_processes(tasks: Sequence[Task], workers: int, report: Callable[[int, int, str], None]) -> list[Done]:
    """Every task in a fresh process; the first error ends all."""
    context = fresh(__name__)
    counter = context.Value("q", 0)
    # Each photo is protected, then seen.
    total = sum((1 if task.entry is None else 2) * len(task.probes) for task in tasks)
    with ProcessPoolExecutor(workers, context, initializer=_share, initargs=(counter,), max_tasks_per_child=1) as pool:
        futures: list[Future[Done]] = [pool.submit(see, task) for task in tasks]
        left: set[Future[Done]] = set(futures)
        try:
            while left:
                finished, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                running = [
                    task.entry.label if task.entry else "unprotected"
                    for task, future in zip(tasks, futures, strict=True)
                    if future.running()
                ]
                report(counter.value, total, ", ".join(running[:workers]))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


_counter: Any = None


def _share(counter: Any) -> None:
    global _counter  # noqa: PLW0603 (one per process, set when it starts)
    _counter = counter


class _Counter(Watcher):
    """Adds the photos of this process to the count of all."""

    def outcome(self, outcome: Outcome) -> None:
        """One more."""
        _count()


def _count() -> None:
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += 1


def _counted(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        yield item
        _count()


def see(task: Task) -> Done:
    """Do a task, in this process."""
    torch.set_num_threads(task.threads)
    store = task.output / STORE
    if task.entry is None:
        versions = {photo.name: partial(copy_of, photo.photo) for photo in task.photos}
        return Done(_see(task, versions, make_observer(task.run, Store(store)), None))
    anonymizer = Anonymizer(task.entry.plan)
    anonymizer.judge.store = Store(store)
    surrogates = anonymizer.method.surrogates
    if task.entry.held_out in surrogates:
        reason = (
            f"Expected {anonymizer.plan.method} to be built without the held-out recognizer {task.entry.held_out}, "
            f"found it among its surrogates ({', '.join(surrogates)}). Its options must leave it out: see "
            "Options.without"
        )
        none = _see(task, {}, anonymizer.judge.observer(), None)
        return Done(none, surrogates, {photo.name: reason for photo in task.photos})
    made = protect(task, task.entry, lambda jobs, plan, report: (attempt(anonymizer, job) for job in jobs))
    peak = _peak_memory() if any(outcome.status == "done" for outcome in made) else None
    read = {outcome.job.name: partial(read_photo, outcome.job.target) for outcome in made if outcome.status != "failed"}
    receipts = [outcome.receipt for outcome in made if outcome.receipt]
    targets = {face.target.name for receipt in receipts for face in receipt.faces if face.target}
    return Done(
        _see(task, read, anonymizer.judge.observer(), anonymizer.method),
        surrogates,
        {outcome.job.name: _reason(outcome) for outcome in made if outcome.status == "failed"},
        [receipt.seconds.protect / len(receipt.faces) for receipt in receipts],
        peak,
        # Photos drawn to different faces have no one target to be compared with.
        targets.pop() if len(targets) == 1 else None,
    )


def _reason(outcome: Outcome) -> str:
    """Why a photo failed, without the folders of this machine."""
    reason, job = outcome.reason or "", outcome.job
    return reason.replace(str(job.source), job.name).replace(str(job.root), job.root.name)


def protect(task: Task, entry: Entry, engine: Engine) -> list[Outcome]:
    """What became of each photo; its folder is one that anonymize could have written."""
    collection = Collection([job(entry, task.output, photo) for photo in task.photos], [])
    folder = task.output / "photos" / entry.label
    return run(entry.plan, collection, folder, engine, _Counter(), overwrite=task.overwrite)


def _see(task: Task, versions: Mapping[str, Callable[[], Photo]], observer: Observer, method: Method | None) -> Seen:
    tools = Tools(purifier(), reversal(method) if method else None) if task.attackers else Tools()
    scope = Scope(task.robustness, task.attackers, tools)
    return measure(task.probes, task.faces, versions, observer, scope, _counted)


def job(entry: Entry, output: Path, probe: Probe) -> Job:
    """What protects a photo."""
    # The name of a probe is its path below the data's folder, so that two photos never share a result.
    return tree.job(probe.photo, probe.name, Path(probe.name), output / "photos" / entry.label, whole_name=True)


def _peak_memory() -> float | None:
    """Of this process, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
