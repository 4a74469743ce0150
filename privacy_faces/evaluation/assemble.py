"""The parts of results.json, put together from tables."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.config.version import __version__
from privacy_faces.datasets.folder import LabeledPhoto, content_hash
from privacy_faces.evaluation.detectability import detectability
from privacy_faces.evaluation.differences import differences
from privacy_faces.evaluation.examples import worst_examples
from privacy_faces.evaluation.exports.photos import MOST_FACES
from privacy_faces.evaluation.fidelity import fid_and_kid, lpips
from privacy_faces.evaluation.intervals import mean, share
from privacy_faces.evaluation.measure import WRITTEN
from privacy_faces.evaluation.results import (
    Cost,
    Data,
    Failure,
    MethodResults,
    Quality,
    RecognizerInfo,
    Results,
    Service,
    Utility,
)
from privacy_faces.evaluation.rows import Number
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.spread import spreads
from privacy_faces.evaluation.tables.attacks import attack_table
from privacy_faces.evaluation.tables.histograms import histogram_table
from privacy_faces.evaluation.tables.result import Result
from privacy_faces.evaluation.tables.robustness import robustness_table
from privacy_faces.evaluation.tables.roc import roc_table
from privacy_faces.evaluation.tables.success import success_table
from privacy_faces.evaluation.utility import MEANS, SHARES
from privacy_faces.evaluation.warnings import measured_rates, warnings_of
from privacy_faces.judge.receipt import Found, evidence_of
from privacy_faces.recognizers.ensemble import Ensemble

_PACKAGES = ("torch", "numpy", "pillow", "opencv-python-headless", "dlib-bin", "scikit-learn", "scipy")

_EQUAL = "no frame differs from its original"
_NO_MAP = "no recognizer that judged has a map of attributes"
_NOT_PLACED = "no photo lies pixel on pixel on its original"


def method_results(
    result: Result,
    *,
    name: str,
    label: str,
    device: torch.device,
    failures: Mapping[str, str],
    surrogates: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    held_out: str | None = None,
    target: str | None = None,
    cost: Cost | None = None,
    services: Sequence[Service] = (),
    attackers: bool = True,
) -> MethodResults:
    """All of one method.

    Args:
        result: what was seen.
        name, label, options, held_out, target, cost, services: as in `MethodResults`.
        device: where networks run.
        failures: photo -> reason.
        surrogates: recognizers that helped to make the change, in addition to those that judged.
        attackers: whether to measure adaptive attackers.
    """
    return MethodResults(
        name=name,
        label=label,
        options=dict(options or {}),
        surrogates=list(
            dict.fromkeys([*(name for name, role in result.roles.items() if role == "surrogate"), *surrogates])
        ),
        held_out=held_out,
        target=target,
        evidence=evidence_of(list(result.roles.values())),
        photos=len(_photos(result)),
        faces=len(result.seen.rows),
        found={where: int((result.seen.found[WRITTEN] == where).sum()) for where in get_args(Found)},
        failures=[Failure(photo=photo, reason=reason) for photo, reason in failures.items()],
        flags=_flags(result, failures),
        success=success_table(result),
        quality=_quality(result, device),
        utility=_utility(result),
        cost=cost,
        robustness=robustness_table(result),
        attacks=attack_table(result) if attackers else [],
        roc=roc_table(result),
        histograms=histogram_table(result),
        services=list(services),
        examples=worst_examples(result),
    )


def results(
    setting: Setting,
    methods: Sequence[MethodResults],
    judged: Sequence[tuple[str, Result]],
    ensemble: Ensemble,
    *,
    kind: str,
    data_name: str,
    unusable: Mapping[str, str],
    command: str,
    seed: int | None,
    notes: Sequence[str],
    repeats: Mapping[str, str] | None = None,
) -> Results:
    """The whole of results.json."""
    rates = measured_rates(setting)
    data = _data(setting, data_name, unusable)
    return Results.model_validate(
        {
            "kind": kind,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "versions": {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES},
            "command": command,
            "seed": seed,
            "data": data,
            "far": list(setting.far),
            "recognizers": [
                _recognizer(setting, recognizer.name, recognizer.weight_records, rates[recognizer.name])
                for recognizer in ensemble
            ],
            "methods": list(methods),
            "differences": differences(judged),
            "spreads": spreads(methods, repeats or {}),
            "flags": warnings_of(setting, data.sha256, rates),
            "notes": [*notes, *_left_out(setting)],
        }
    )


def _left_out(setting: Setting) -> list[str]:
    few = len(setting.probes) <= MOST_FACES
    return [] if few else [f"similarities.csv is not written: it would be large, with more than {MOST_FACES} faces."]


def _flags(result: Result, failures: Mapping[str, str]) -> list[str]:
    probes, photos = result.setting.probes, _photos(result)
    unchanged = len({probes[row].name for row in result.seen.rows[result.seen.unchanged]})
    count = len(photos)
    flags = []
    if unchanged:
        flags.append(
            f"UNCHANGED: {unchanged} of {count} photos came back with the very same pixels: nothing was protected in "
            "them."
        )
    if failures:
        flags.append(
            f"FAILED: {len(failures)} of {len(failures) + count} photos have no result, and count nowhere below."
        )
    return flags


def _photos(result: Result) -> set[str]:
    """The names of the photos that were judged."""
    return {result.setting.probes[row].name for row in result.seen.rows}


def _quality(result: Result, device: torch.device) -> Quality:
    seen, people = result.seen, result.names
    untouched = result.setting.clean.frames[seen.rows]
    before, after = (torch.from_numpy(frames).permute(0, 3, 1, 2) for frames in (untouched, seen.frames))
    fid, kid = fid_and_kid(before, after, device)
    psnr = np.where(np.isinf(seen.quality["psnr"]), np.nan, seen.quality["psnr"])
    return Quality(
        psnr=mean(psnr, people)
        if (~np.isnan(psnr)).any()
        else Number(value=None, n=0, missing=_EQUAL if seen.placed.any() else _NOT_PLACED),
        ssim=mean(seen.quality["ssim"], people),
        lpips=lpips(before, after, people, device),
        fid=fid,
        kid=kid,
        detected=share(seen.detected(), people),
        landmark_shift=mean(seen.quality["landmark_shift"], people),
        color_shift=mean(seen.quality["color_shift"], people),
        detectability=detectability(untouched, seen.frames, people),
    )


def _utility(result: Result) -> Utility:
    kept = result.attributes_kept()
    values = {**result.seen.quality, **kept}
    none = Number(value=None, n=0, missing=_NO_MAP)
    shares = {name: _known_share(values[name], result.names) if name in values else none for name in SHARES}
    return Utility(**shares, **{name: mean(values[name], result.names) for name in MEANS})


def _known_share(values: NDArray[np.float64], people: Sequence[str]) -> Number:
    """Of the faces (N,) that have a value."""
    known = ~np.isnan(values)
    return share(values[known], np.asarray(people, dtype=str)[known].tolist())


def _data(setting: Setting, name: str, unusable: Mapping[str, str]) -> Data:
    labeled = [setting.probes[row] for row in setting.labeled]
    people = {probe.person for probe in labeled}
    several = len(
        {probe.person for probe, other in zip(labeled, setting.has_other_photo[setting.labeled], strict=True) if other}
    )
    photos = list(dict.fromkeys(LabeledPhoto(probe.photo, probe.person) for probe in labeled))
    others = setting.gallery
    return Data(
        name=name,
        photos=len(photos),
        faces=len(setting.probes),
        people=len(people),
        people_with_other_photos=several,
        shots=setting.take(setting.labeled).shots,
        sha256=content_hash(photos),
        groups=setting.columns,
        gallery=(
            f"the {len(photos)} unprotected photos of {len(people)} people"
            + (f", and {len(others.names)} of {len(set(others.people))} other people" if others.names else "")
            + f"; where another photo is asked for, the {several} people with photos of several shots are looked up, "
            "and what shows the probe's own shot does not count"
        ),
        unusable=[Failure(photo=photo, reason=reason) for photo, reason in unusable.items()],
    )


def _recognizer(setting: Setting, name: str, weights: list[dict[str, str]], rates: Sequence[Number]) -> RecognizerInfo:
    table = setting.thresholds.calibrated if name in setting.thresholds.calibrated else setting.thresholds.legacy
    return RecognizerInfo(
        name=name,
        weights=weights,
        thresholds=[setting.threshold(name, far) for far in setting.far],
        calibrated_on=str(table[name].data.get("name", "")),
        calibration_sha256=table[name].data.get("sha256"),
        false_accepts=list(rates),
    )
