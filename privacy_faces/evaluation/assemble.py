"""The parts of results.json, put together from tables."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from privacy_faces.config.version import __version__
from privacy_faces.datasets.folder import LabelledPhoto, content_hash
from privacy_faces.evaluation.examples import worst_examples
from privacy_faces.evaluation.fidelity import fid_and_kid, lpips
from privacy_faces.evaluation.intervals import mean, share
from privacy_faces.evaluation.measure import WRITTEN
from privacy_faces.evaluation.results import (
    Cost,
    Data,
    Failure,
    MethodResults,
    Number,
    Operating,
    Quality,
    RecognizerInfo,
    Results,
    Service,
)
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.tables import Result, attack_table, robustness_table, roc_table, success_table
from privacy_faces.judge.thresholds import threshold_for
from privacy_faces.recognizers.ensemble import Ensemble

_PACKAGES = ("torch", "numpy", "pillow", "opencv-python-headless", "dlib-bin", "scikit-learn", "scipy")


def method_results(
    result: Result,
    *,
    name: str,
    label: str,
    device: torch.device,
    failures: Mapping[str, str],
    options: Mapping[str, Any] | None = None,
    held_out: str | None = None,
    target: str | None = None,
    cost: Cost | None = None,
    services: Sequence[Service] = (),
    attackers: bool = True,
) -> MethodResults:
    """All of one method."""
    return MethodResults(
        name=name,
        label=label,
        options=dict(options or {}),
        surrogates=[recognizer for recognizer, role in result.roles.items() if role == "surrogate"],
        held_out=held_out,
        target=target,
        evidence="held-out" if "held-out" in result.roles.values() else "surrogate-only",
        photos=len(result.seen.rows),
        failures=[Failure(photo=photo, reason=reason) for photo, reason in failures.items()],
        flags=_flags(result, failures),
        success=success_table(result),
        quality=_quality(result, device),
        cost=cost,
        robustness=robustness_table(result),
        attacks=attack_table(result) if attackers else [],
        roc=roc_table(result),
        services=list(services),
        examples=worst_examples(result),
    )


def results(
    setting: Setting,
    methods: Sequence[MethodResults],
    ensemble: Ensemble,
    *,
    kind: str,
    data_name: str,
    unusable: Mapping[str, str],
    command: str,
    seed: int | None,
    notes: Sequence[str],
) -> Results:
    """The whole of results.json."""
    return Results.model_validate(
        {
            "kind": kind,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": __version__,
            "versions": {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES},
            "command": command,
            "seed": seed,
            "data": _data(setting, data_name, unusable),
            "far": list(setting.far),
            "recognizers": [
                _recognizer(setting, recognizer.name, recognizer.weight_records) for recognizer in ensemble
            ],
            "methods": list(methods),
            "notes": list(notes),
        }
    )


def _flags(result: Result, failures: Mapping[str, str]) -> list[str]:
    unchanged, count = int(result.seen.unchanged.sum()), len(result.seen.rows)
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


def _quality(result: Result, device: torch.device) -> Quality:
    seen, people = result.seen, result.names
    before, after = (
        torch.from_numpy(frames).permute(0, 3, 1, 2) for frames in (result.setting.clean.frames[seen.rows], seen.frames)
    )
    fid, kid = fid_and_kid(before, after, device)
    psnr = np.where(np.isinf(seen.quality["psnr"]), np.nan, seen.quality["psnr"])
    return Quality(
        psnr=mean(psnr, people)
        if (~np.isnan(psnr)).any()
        else Number(value=None, n=0, missing="no frame differs from its original"),
        ssim=mean(seen.quality["ssim"], people),
        lpips=lpips(before, after, people, device),
        fid=fid,
        kid=kid,
        detected=share(seen.detected[WRITTEN]),
        landmark_shift=mean(seen.quality["landmark_shift"], people),
        color_shift=mean(seen.quality["color_shift"], people),
    )


def _data(setting: Setting, name: str, unusable: Mapping[str, str]) -> Data:
    people, counts = np.unique(setting.people, return_counts=True)
    several = int((counts > 1).sum())
    photos = [LabelledPhoto(probe.photo, probe.person) for probe in setting.probes]
    return Data(
        name=name,
        photos=len(photos),
        people=len(people),
        people_with_other_photos=several,
        sha256=content_hash(photos),
        groups=setting.columns,
        gallery=(
            f"the {len(photos)} unprotected photos of {len(people)} people; of the {several} people with several, a "
            "probe's own photo does not count"
        )
        + (f"; for the other {len(people) - several} it is the only one" if several < len(people) else ""),
        unusable=[Failure(photo=photo, reason=reason) for photo, reason in unusable.items()],
    )


def _recognizer(setting: Setting, name: str, weights: list[dict[str, str]]) -> RecognizerInfo:
    thresholds = [threshold_for(setting.thresholds, name, far) for far in setting.far]
    table = setting.thresholds.calibrated if name in setting.thresholds.calibrated else setting.thresholds.legacy
    return RecognizerInfo.model_validate(
        {
            "name": name,
            "weights": weights,
            "thresholds": [
                Operating.model_validate({"far": item.far, "threshold": item.value, "source": item.source})
                for item in thresholds
            ],
            "calibrated_on": str(table[name].data.get("name", "")),
        }
    )
