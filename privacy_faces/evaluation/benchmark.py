"""Methods x photos x recognizers: protect, see, and put the tables together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from privacy_faces.config.run import RunOptions
from privacy_faces.evaluation import assemble
from privacy_faces.evaluation.attackers.registry import NOT_ASKED
from privacy_faces.evaluation.entries import Entry
from privacy_faces.evaluation.exports.photos import Judged
from privacy_faces.evaluation.gallery import read_gallery
from privacy_faces.evaluation.intervals import mean
from privacy_faces.evaluation.probes import Probe, copy_of, find_probes, originals, seen_in
from privacy_faces.evaluation.processes import STORE, Done, Task, in_processes, job, protect
from privacy_faces.evaluation.results import Cost, MethodResults, Results
from privacy_faces.evaluation.rows import Number
from privacy_faces.evaluation.services import ask
from privacy_faces.evaluation.setting import Gallery, Setting
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.trained import told_once, with_trained_attackers
from privacy_faces.evaluation.verifiers import Verifier
from privacy_faces.judge.observations import make_observer
from privacy_faces.judge.receipt import Role
from privacy_faces.judge.store import Store
from privacy_faces.judge.thresholds import load_thresholds, threshold_for
from privacy_faces.methods.targets import scored_image
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.photos.photo import Photo

if TYPE_CHECKING:
    from privacy_faces.pipeline.sharing import Engine


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
    trained_attackers: bool = False,
    workers: int = 1,
    engine: Engine | None = None,
    overwrite: bool = False,
    notes: Sequence[str] = (),
    services: Sequence[Verifier] = (),
    gallery: Path | None = None,
    report: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> tuple[Results, list[Judged]]:
    """Judge every entry on the same probes.

    Args:
        entries: the methods.
        run: recognizers, seed, device, thresholds; the same for all entries.
        probes: photos of people; every face in them is judged.
        output: holds protected photos, one folder for each entry, and what was seen; a second call does only what is
            missing.
        data_name, command, notes: for results.json.
        far: false accept rates, the main one first.
        robustness, attackers, trained_attackers: whether to measure these.
        workers: processes at a time.
        engine: does the photos of all methods before they are judged; without it each method does its own, in a process
            whose memory is measured.
        overwrite: protect the photos again that an earlier call has done.
        services: verification services to ask; photos are sent to them.
        gallery: folder of other people, whom searches look through too.
        report: told (steps done, steps in all, what is done) about twice a second.

    Returns:
        What was found, and what it was made of, entry by entry.

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
    observer = make_observer(run, Store(output / STORE))
    found_faces, faces, unusable = find_probes(probes, observer)
    if not found_faces:
        raise ValueError(
            f"Expected at least one photo with a face in {data_name}, found none. {next(iter(unusable.values()), '')}"
        )
    threads = max(1, (os.cpu_count() or 1) // workers)
    tasks = [
        Task(entry, run, found_faces, faces, output, robustness, attackers, threads, overwrite)
        for entry in (None, *entries)
    ]
    if engine:
        for place, (entry, task) in enumerate(zip(entries, tasks[1:], strict=True)):
            report(place, len(entries), f"{entry.label}, in all processes")
            protect(task, entry, engine)
        tasks = [replace(task, overwrite=False) for task in tasks]
    clean, *done = in_processes(tasks, workers, report)
    original = originals(found_faces, faces, observer)
    others, left_out = read_gallery(gallery, observer, original) if gallery else (Gallery(), [])
    setting = Setting(found_faces, original, clean.seen, thresholds, far, others)
    methods: list[MethodResults] = []
    judged: list[Judged] = []
    unasked: list[tuple[str, str]] = []
    for entry, found in zip(entries, done, strict=True):
        roles: dict[str, Role] = {
            name: "surrogate" if name in found.surrogates else "held-out" for name in observer.ensemble.names
        }
        image = scored_image(found.target) if found.target else None
        result = Result(setting, found.seen, roles, seen_in(image, observer) if image else None)
        if trained_attackers:
            report(len(methods), len(entries), f"attackers who train, {entry.label}")
            result, told = with_trained_attackers(result, observer)
            unasked += [(entry.label, note) for note in told]
        judged.append(Judged(entry.label, result))
        methods.append(
            assemble.method_results(
                result,
                name=entry.plan.method,
                label=entry.label,
                device=observer.device,
                failures=found.failures,
                surrogates=found.surrogates,
                options=entry.plan.options.model_dump(mode="json"),
                held_out=entry.held_out,
                target=found.target,
                cost=_cost(found, result.labeled.names, shared=engine is not None),
                attackers=attackers,
                services=[
                    ask(service, observer.store, _versions(result, entry, output), result.labeled.names, far[0])
                    for service in services
                ],
            )
        )
    left_out += told_once(unasked)
    if attackers and not trained_attackers:
        left_out.append(NOT_ASKED)
    if workers > 1:
        left_out.append(f"{workers} methods ran at a time: each would be faster alone.")
    results = assemble.results(
        setting,
        methods,
        judged,
        observer.ensemble,
        kind="benchmark",
        data_name=data_name,
        unusable=unusable,
        command=command,
        seed=run.seed,
        notes=[*notes, *left_out],
        repeats={entry.label: entry.repeats for entry in entries if entry.repeats},
    )
    return results, judged


def _versions(result: Result, entry: Entry, output: Path) -> list[tuple[Callable[[], Photo], ...]]:
    """Readers of original, copy and protected photo."""
    return [
        (
            partial(read_photo, photo.photo),
            partial(copy_of, photo.photo),
            partial(read_photo, job(entry, output, photo).target),
        )
        for photo in (result.setting.probes[row] for row in result.seen.rows)
        if photo.labeled
    ]


def _cost(done: Done, people: Sequence[str], shared: bool) -> Cost:
    earlier = "the photos were done by an earlier run; --overwrite does them again"
    if shared:
        earlier = "the photos were shared out to many processes; a run without a launcher measures it"
    peak = Number(value=None, n=0, missing=earlier) if done.peak is None else Number(value=round(done.peak, 1), n=1)
    return Cost(seconds=mean(torch.tensor(done.seconds).double().numpy(), people), peak_memory=peak)
