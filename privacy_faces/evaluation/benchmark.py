"""Methods x photos x recognisers: protect, see, and put the tables together; each method in a process of its own, whose
memory is measured with it."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from privacy_faces.config.run import RunOptions
from privacy_faces.evaluation import assemble
from privacy_faces.evaluation.attackers import purifier
from privacy_faces.evaluation.entries import Entry
from privacy_faces.evaluation.intervals import mean
from privacy_faces.evaluation.measure import Probe, Scope, Seen, copy_of, find_probes, measure, originals, seen_in
from privacy_faces.evaluation.results import Cost, Number, Results, Role
from privacy_faces.evaluation.services import ask
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.tables import Result
from privacy_faces.evaluation.verifiers import Verifier
from privacy_faces.judge.observations import Observer, make_observer
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import load_thresholds, threshold_for
from privacy_faces.methods.targets import scored_image
from privacy_faces.photos.faces import Face
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import Outcome, attempt
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import Collection
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.layouts import tree

if TYPE_CHECKING:
    from privacy_faces.pipeline.sharing import Engine

# Recognisers and detector results of all methods, shared by their processes.
_STORE = "seen.sqlite"


@dataclass(frozen=True)
class Task:
    """What one process does: protect the probes with `entry` (None: copy them as they are), and see the results."""

    entry: Entry | None
    run: RunOptions
    probes: Sequence[Probe]
    faces: Sequence[Face]
    output: Path
    robustness: bool
    attackers: bool
    threads: int
    overwrite: bool = False


@dataclass(frozen=True)
class Done:
    """What a process found.

    Attributes:
        seen: the results.
        surrogates: recognisers that helped.
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


def benchmark(
    entries: Sequence[Entry],
    run: RunOptions,
    probes: Sequence[Probe],
    output: Path,
    *,
    data_name: str,
    command: str,
    far: Sequence[float],
    robustness: bool = True,
    attackers: bool = True,
    workers: int = 1,
    engine: Engine | None = None,
    overwrite: bool = False,
    notes: Sequence[str] = (),
    services: Sequence[Verifier] = (),
    report: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Results:
    """Judge every entry on the same probes.

    Args:
        entries: the methods.
        run: recognisers, seed, device, thresholds; the same for all entries.
        probes: photos of people.
        output: holds protected photos, one folder for each entry, and what was seen; a second call does only what is
            missing.
        data_name, command, notes: for results.json.
        far: false accept rates, the main one first.
        robustness, attackers: whether to measure these.
        workers: processes at a time.
        engine: does the photos of all methods before they are judged; without it each method does its own, in a process
            whose memory is measured.
        overwrite: protect the photos again that an earlier call has done.
        services: verification services to ask; photos are sent to them.
        report: told (steps done, steps in all, what is done) about twice a second.

    Raises:
        ValueError: when no photo has a face, or a method cannot be built (a missing weight, for instance).
    """
    # A threshold that does not exist is better known now than when the photos are done.
    thresholds = load_thresholds(run.thresholds)
    for choice in run.recognizers:
        for rate in far:
            threshold_for(thresholds, choice.name, rate)
    output.mkdir(parents=True, exist_ok=True)
    report(0, 1, "finding faces")
    observer = make_observer(run, Store(output / _STORE))
    usable, faces, unusable = find_probes(probes, observer)
    if not usable:
        raise ValueError(
            f"Expected at least one photo with a face in {data_name}, found none. {next(iter(unusable.values()), '')}"
        )
    threads = max(1, (os.cpu_count() or 1) // workers)
    tasks = [
        Task(entry, run, usable, faces, output, robustness, attackers, threads, overwrite) for entry in (None, *entries)
    ]
    if engine:
        for place, (entry, task) in enumerate(zip(entries, tasks[1:], strict=True)):
            report(place, len(entries), f"{entry.label}, in all processes")
            _protect(task, entry, engine)
        tasks = [replace(task, overwrite=False) for task in tasks]
    clean, *done = _in_processes(tasks, workers, report)
    setting = Setting(usable, originals(usable, faces, observer), clean.seen, thresholds, far)
    methods = []
    for entry, found in zip(entries, done, strict=True):
        roles: dict[str, Role] = {
            name: "surrogate" if name in found.surrogates else "held-out" for name in observer.ensemble.names
        }
        image = scored_image(found.target) if found.target else None
        result = Result(setting, found.seen, roles, seen_in(image, observer) if image else None)
        methods.append(
            assemble.method_results(
                result,
                name=entry.plan.method,
                label=entry.label,
                device=observer.device,
                failures=found.failures,
                options=entry.plan.options.model_dump(mode="json"),
                held_out=entry.held_out,
                target=found.target,
                cost=_cost(found, result.names, shared=engine is not None),
                attackers=attackers,
                services=[
                    ask(service, observer.store, _versions(usable, entry, output, found), result.names, far[0])
                    for service in services
                ],
            )
        )
    return assemble.results(
        setting,
        methods,
        observer.ensemble,
        kind="benchmark",
        data_name=data_name,
        unusable=unusable,
        command=command,
        seed=run.seed,
        notes=[*notes, *([f"{workers} methods ran at a time: each would be faster alone."] if workers > 1 else [])],
    )


def _versions(probes: Sequence[Probe], entry: Entry, output: Path, done: Done) -> list[tuple[Callable[[], Photo], ...]]:
    """Readers of original, copy and protected photo."""
    chosen = [probes[row] for row in done.seen.rows]
    return [
        (
            partial(read_photo, probe.photo),
            partial(copy_of, probe.photo),
            partial(read_photo, _job(entry, output, probe).target),
        )
        for probe in chosen
    ]


def _cost(done: Done, people: Sequence[str], shared: bool) -> Cost:
    earlier = "the photos were done by an earlier run; --overwrite does them again"
    if shared:
        earlier = "the photos were shared out to many processes; a run without a launcher measures it"
    peak = Number(value=None, n=0, missing=earlier) if done.peak is None else Number(value=round(done.peak, 1), n=1)
    return Cost(seconds=mean(torch.tensor(done.seconds).double().numpy(), people), peak_memory=peak)


def _in_processes(tasks: Sequence[Task], workers: int, report: Callable[[int, int, str], None]) -> list[Done]:
    """Every task in a fresh process; the first error ends all."""
    # A server that has imported torch, and forks: each process starts at once, and with little memory of its own.
    context = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
    if sys.platform != "win32":
        context.set_forkserver_preload([__name__])
    counter = context.Value("q", 0)
    # Each photo is protected, then seen.
    total = sum((1 if task.entry is None else 2) * len(task.probes) for task in tasks)
    with ProcessPoolExecutor(workers, context, initializer=_share, initargs=(counter,), max_tasks_per_child=1) as pool:
        futures: list[Future[Done]] = [pool.submit(_do, task) for task in tasks]
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


def _do(task: Task) -> Done:
    torch.set_num_threads(task.threads)
    store = task.output / _STORE
    if task.entry is None:
        return Done(
            _see(task, [partial(copy_of, probe.photo) for probe in task.probes], make_observer(task.run, Store(store)))
        )
    anonymizer = Anonymizer(task.entry.plan)
    made = _protect(task, task.entry, lambda jobs, plan, report: (attempt(anonymizer, job) for job in jobs))
    peak = _peak_memory() if any(outcome.status == "done" for outcome in made) else None
    versions = [None if outcome.status == "failed" else partial(read_photo, outcome.job.target) for outcome in made]
    observer = Observer(anonymizer.finder, anonymizer.ensemble, anonymizer.context.device, Store(store))
    receipts = [outcome.receipt for outcome in made if outcome.receipt]
    targets = [face.target.name for receipt in receipts for face in receipt.faces if face.target]
    return Done(
        _see(task, versions, observer),
        anonymizer.method.surrogates,
        {outcome.job.name: outcome.reason or "" for outcome in made if outcome.status == "failed"},
        [receipt.seconds.protect / len(receipt.faces) for receipt in receipts],
        peak,
        targets[0] if targets else None,
    )


def _protect(task: Task, entry: Entry, engine: Engine) -> list[Outcome]:
    """What became of each probe; its folder is one that anonymize could have written."""
    collection = Collection([_job(entry, task.output, probe) for probe in task.probes], [])
    folder = task.output / "photos" / entry.label
    return run(entry.plan, collection, folder, engine, _Counter(), overwrite=task.overwrite)


def _see(task: Task, versions: Sequence[Callable[[], Photo] | None], observer: Observer) -> Seen:
    scope = Scope(task.robustness, task.attackers, purifier() if task.attackers else None)
    return measure(task.probes, task.faces, versions, observer, scope, _counted)


def _job(entry: Entry, output: Path, probe: Probe) -> Job:
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
