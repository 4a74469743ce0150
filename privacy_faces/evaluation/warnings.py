"""What a reader must know before any number: photos that thresholds or models were made with, thresholds that mean
something else here."""

from __future__ import annotations

import numpy as np

from privacy_faces.evaluation.calibration import ENOUGH_PEOPLE
from privacy_faces.evaluation.known import seen_before
from privacy_faces.evaluation.rows import Number
from privacy_faces.evaluation.setting import Setting
from privacy_faces.evaluation.tables.strangers import compared
from privacy_faces.judge.candidates import Candidates


def warnings_of(setting: Setting, sha256: str, false_accepts: dict[str, list[Number]]) -> list[str]:
    """Lines for the first screen.

    Args:
        setting: what was judged on.
        sha256: content of the photos.
        false_accepts: of `measured_rates`.
    """
    photos = list(dict.fromkeys(setting.probes[row].photo for row in setting.labeled))
    found = []
    for known, count in seen_before(photos):
        if known.role == "training" or set(known.of) & set(setting.original):
            found.append(
                f"SEEN BEFORE: {known.made} with {count} of these {len(photos)} photos ({known.name}); what is found "
                "on photos of others may be worse."
            )
    for name in setting.original:
        calibrated = setting.thresholds.calibrated.get(name)
        if calibrated is None:
            source = setting.thresholds.legacy[name].data.get("name", "published by others")
            found.append(
                f"LEGACY THRESHOLDS: those of {name} were {source}; how many strangers they accept here is not known."
            )
            continue
        if calibrated.data.get("sha256") == sha256 and not any(name in known.of for known, _ in seen_before(photos)):
            found.append(f"SEEN BEFORE: the thresholds of {name} were calibrated with these very photos.")
        if 0 < int(calibrated.data.get("people", 0)) < ENOUGH_PEOPLE:
            found.append(f"FEW PEOPLE: the thresholds of {name} were calibrated on {calibrated.data['people']} people.")
    for name, numbers in false_accepts.items():
        above = [
            f"{100 * (number.value or 0):.2g} % at FAR {far:g}"
            for far, number in zip(setting.far, numbers, strict=True)
            if number.low is not None and number.low > far
        ]
        if above:
            found.append(
                f"STRANGERS MATCH: {name} takes more of these people for one another than its thresholds say: "
                f"{', '.join(above)}. A face that is still matched here may be anybody's."
            )
    return found


def measured_rates(setting: Setting) -> dict[str, list[Number]]:
    """Recognizer -> the share of pairs of different people that match at each rate, both photos as they are."""
    labeled = setting.take(setting.labeled)
    found = {}
    for name, gallery in labeled.original.items():
        whole = compared(Candidates.single(gallery), gallery, labeled.names, labeled.names)
        once = np.triu(whole.strangers, 1)
        found[name] = [whole.false_accepts(labeled.threshold(name, far), once) for far in labeled.far]
    return found
