"""The verbs that judge, as functions; the commands of the same names call them.

Keyword arguments are the fields of the verb's option model in `evaluation.options`, which validates them: an unknown
name or a value outside its range is an OptionError. Nothing is printed; `progress` is told (photos done, photos in all,
what is done). Light: torch is imported by the first call.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privacy_faces.config.files import write_atomic
from privacy_faces.config.options import Choice, merge
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.config.profiles import ConfigFile, load_config, load_profile
from privacy_faces.config.registry import METHODS
from privacy_faces.config.run import RunOptions
from privacy_faces.config.version import __version__
from privacy_faces.evaluation.calls import Progress, called, counted, kept, silent, write_evaluation
from privacy_faces.evaluation.inputs import (
    chosen_recognizers,
    chosen_services,
    far_levels,
    judged_as_samples,
    probes_of,
    unpaired,
)
from privacy_faces.evaluation.known import left_out
from privacy_faces.evaluation.options import (
    SAMPLES,
    BenchmarkOptions,
    CalibrateOptions,
    EvaluateOptions,
)

# Files that a note names, of those that were left out.
_NAMED = 5

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from privacy_faces.evaluation.results import Results
    from privacy_faces.judge.thresholds import ThresholdFile
    from privacy_faces.pipeline.sharing import Engine


def benchmark(
    methods: Sequence[str] | str | None = None,
    data: str | Path | None = None,
    *,
    engine: Engine | None = None,
    command: str | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Results:
    """Judge methods on the same photos, as `privacy-faces benchmark` does.

    Each method runs in a process of its own: a script that calls this needs `if __name__ == "__main__":`.

    Args:
        methods: names; all that are installed by default.
        data: folder of photos, one sub-folder per person; by default the synthetic faces that ship.
        engine: shares out the photos to many processes, see `pipeline.sharing`.
        command: what was called, for the results; by default this call.
        progress: is told how far the work is.
        options: see `BenchmarkOptions`. With output=DIR, protected photos, results.json and report.html are left there,
            and a second call does only what is missing; otherwise the protected photos are thrown away.

    Raises:
        ValueError: (or a named subclass) for options that do not fit, a folder without faces, a missing weight.

    Example:
        >>> results = benchmark(["pixelate", "inpaint-gradcam"], "photos/", output="outputs/benchmark")
        >>> results.methods[0].success
    """
    from privacy_faces.evaluation.benchmark import benchmark as judge_entries
    from privacy_faces.evaluation.entries import held_out_entries, judges, seeded

    chosen = BenchmarkOptions.validated({"methods": methods, "data": data} | options, "benchmark")
    # Before anything is loaded: nothing may be sent unasked, and nobody should wait to be told so.
    services = chosen_services(chosen.services, chosen.allow_upload)
    names, notes = chosen_recognizers(chosen.recognizers)
    compared = chosen.methods or list(METHODS.entries())
    for name in compared:
        METHODS.spec(name)
    # Only what was given lies above the config file.
    of_run = {name: getattr(chosen, name) for name in chosen.model_fields_set & RunOptions.model_fields.keys()}
    of_run["recognizers"] = judges(names, _configured(chosen))
    of_run["receipts"] = "full"  # a second call reads the seconds there

    def plan(method: str, values: dict[str, Any]) -> Plan:
        return make_plan(method, profile=chosen.profile, config=chosen.config, options=values, run=of_run)

    entries = held_out_entries({method: partial(plan, method) for method in compared}, names, chosen.held_out)
    entries = seeded(entries, chosen.seeds)
    run = entries[0].plan.run
    if chosen.data is None:
        run, told = judged_as_samples(run)
        notes += told
    if len(names) == 1:
        notes.append(
            f"{names[0]} is the only recognizer here: where a method used it as a surrogate, nothing is known about "
            "other recognizers. Bring another: privacy-faces weights list."
        )
    limit = chosen.limit if chosen.limit is not None else SAMPLES if chosen.data is None else 0
    # Before the limit: the first photos may be those that models were trained on.
    probes, told = left_out(
        probes_of(chosen.data), lambda probe: probe.photo, lambda probe: probe.person, chosen.people
    )
    notes += told
    with kept(chosen.output) as folder:
        results, judged = judge_entries(
            entries,
            run,
            probes[: limit or None],
            folder,
            data_name="synthetic faces" if chosen.data is None else chosen.data.resolve().name,
            command=command or called("benchmark", chosen),
            far=far_levels(run.far),
            robustness=chosen.robustness,
            attackers=chosen.attackers,
            trained_attackers=chosen.attackers and chosen.trained_attackers,
            engine=engine,
            workers=chosen.workers or _workers(run.device),
            overwrite=chosen.overwrite,
            notes=notes,
            services=services,
            gallery=chosen.gallery,
            report=progress,
        )
    if chosen.output:
        write_evaluation(results, judged, chosen.output)
    return results


def evaluate(
    originals: str | Path,
    protected: str | Path,
    *,
    command: str | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Results:
    """Judge protected photos of any tool, as `privacy-faces evaluate` does.

    Args:
        originals: folder of the photos before protection.
        protected: folder of the protected photos.
        command: what was called, for the results; by default this call.
        progress: is told how far the work is.
        options: see `EvaluateOptions`. With output=DIR, results.json and report.html are left there, and what was seen
            of a photo, which a second call does not look at again; otherwise nothing is written.

    Raises:
        ValueError: (or a named subclass) for options that do not fit, folders that do not match, a missing weight.

    Example:
        >>> results = evaluate("originals/", "protected/", surrogates=["facenet"], output="outputs/evaluate")
        >>> results.methods[0].success
    """
    chosen = EvaluateOptions.validated({"originals": originals, "protected": protected} | options, "evaluate")
    services = chosen_services(chosen.services, chosen.allow_upload)
    names, notes = chosen_recognizers(chosen.recognizers)

    from privacy_faces.evaluation.folders import Request, evaluate_pairs
    from privacy_faces.judge.observations import make_observer
    from privacy_faces.judge.store import Store
    from privacy_faces.judge.thresholds import load_thresholds
    from privacy_faces.pipeline.layouts.pairs import find_pairs
    from privacy_faces.recognizers.closed_set import load_classifier

    pairs = find_pairs(chosen.originals, chosen.protected, chosen.pairs)
    chosen_pairs, told = left_out(pairs, lambda pair: pair.original, lambda pair: pair.person, chosen.people)
    notes += told
    images = sorted(chosen.targets.iterdir()) if chosen.targets else []
    request = Request(
        chosen.protected.resolve().name,
        chosen.surrogates,
        {path.stem: path for path in images if path.is_file()},
        load_classifier(chosen.classifier) if chosen.classifier else None,
        far_levels(chosen.far),
        chosen.robustness,
        chosen.attackers,
        chosen.attackers and chosen.trained_attackers,
        services,
        chosen.gallery,
    )
    seeing = {name: getattr(chosen, name) for name in ("detector", "min_face", "device")}
    run = RunOptions.validated({"recognizers": names} | seeing, "the run")
    results, judged = evaluate_pairs(
        chosen_pairs,
        make_observer(run, Store(chosen.output / "seen.sqlite" if chosen.output else None)),
        load_thresholds(chosen.thresholds),
        request,
        data_name=chosen.originals.resolve().name,
        command=command or called("evaluate", chosen),
        progress=partial(counted, progress=progress),
    )
    alone = [] if chosen.pairs else unpaired(pairs, chosen.protected)
    if alone:
        notes.append(
            f"{len(alone)} photos in {chosen.protected.name} belong to no original, and count nowhere: "
            f"{', '.join(alone[:_NAMED])}{', ...' if len(alone) > _NAMED else ''}."
        )
    results = results.model_copy(update={"notes": [*notes, *results.notes]})
    if chosen.output:
        write_evaluation(results, judged, chosen.output)
    return results


def calibrate(data: str | Path, *, progress: Progress = silent, **options: Any) -> ThresholdFile:
    """Measure the thresholds of recognizers at FAR 0.1, 0.01 and 0.001, as `privacy-faces calibrate` does.

    Args:
        data: folder with one sub-folder of photos per person.
        progress: is told how far the work is.
        options: see `CalibrateOptions`. With output=FILE, the thresholds are written there, beside those of other
            recognizers that it holds already; otherwise nothing is written.

    Returns:
        What a threshold file holds; `calibrated` has an entry for each recognizer.

    Raises:
        ValueError: (or a named subclass) for options that do not fit, too few people, a missing weight.

    Example:
        >>> thresholds = calibrate("people/", recognizers=["dlib-resnet"])
        >>> thresholds.calibrated["dlib-resnet"].points
    """
    chosen = CalibrateOptions.validated({"data": data} | options, "calibrate")

    from privacy_faces.datasets.folder import content_hash, identity_folders
    from privacy_faces.evaluation.calibration import ENOUGH_PEOPLE, operating_points
    from privacy_faces.evaluation.embedding import embed_photos
    from privacy_faces.judge.thresholds import Calibration, ThresholdFile, load_thresholds
    from privacy_faces.methods.context import Context
    from privacy_faces.recognizers.ensemble import Ensemble

    photos = identity_folders(chosen.data)[: chosen.limit or None]
    context = Context(chosen.device, detector=chosen.detector, min_face=chosen.min_face)
    finder, ensemble = context.finder, Ensemble([context.recognizer(name) for name in chosen.recognizers])
    identity = {photo.path: photo.identity for photo in photos}
    paths, embeddings = embed_photos(
        counted(list(identity), "embedding", progress=progress), finder, ensemble, context.device
    )
    people = [identity[path] for path in paths]
    if (count := len(set(people))) < ENOUGH_PEOPLE:
        log.warning(
            "calibrated on %d people: thresholds at a false accept rate of 0.001 ask for about %d or more, and their "
            "intervals say how little these know",
            count,
            ENOUGH_PEOPLE,
        )
    measured = {name: operating_points(embeddings[name], people) for name in chosen.recognizers}
    file = load_thresholds(chosen.output) if chosen.output and chosen.output.exists() else ThresholdFile()
    provenance = {
        "name": chosen.name or chosen.data.name,
        "photos": len(paths),
        "people": len(set(people)),
        "sha256": content_hash(photos),
        "date": datetime.now(UTC).date().isoformat(),
        "detector": finder.detector.name,
        "version": __version__,
    }
    calibrated = {
        name: Calibration(similarity="cosine", points=tuple(points), eer=eer, data=provenance)
        for name, (points, eer) in measured.items()
    }
    file = file.model_copy(update={"calibrated": file.calibrated | calibrated})
    if chosen.output:
        chosen.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(chosen.output, (file.model_dump_json(indent=2) + "\n").encode())
    return file


def _configured(chosen: BenchmarkOptions) -> Sequence[Choice]:
    """The recognizers that profile and config file name, with their options."""
    file = load_config(chosen.config) if chosen.config else ConfigFile()
    named = merge(load_profile(chosen.profile).run, file.run).get("recognizers")
    run = RunOptions.validated({"recognizers": named} if named else {}, "the run")
    return run.recognizers


def _workers(device: str) -> int:
    """Methods that run at a time: a GPU holds one."""
    import torch

    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    return 1 if cuda else min(2, os.cpu_count() or 1)
