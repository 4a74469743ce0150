"""results.csv: every number of results.json in a row of its own. The points of ROC curves stay in results.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from privacy_faces.evaluation.exports.table import as_csv
from privacy_faces.evaluation.results import MethodResults, Results
from privacy_faces.evaluation.rows import Number, Part, Separation
from privacy_faces.evaluation.utility import MEANS

COLUMNS = (
    "method",
    "target",
    "recognizer",
    "role",
    "condition",
    "measure",
    "statistic",
    "version",
    "far",
    "group",
    "value",
    "low",
    "high",
    "n",
    "missing",
)
#: The condition of photos as they were written, beside the names of operations and attackers.
WRITTEN = "written"
_SHARES = ("detected",)
_SEPARATIONS = {"separation": "protected", "clean_separation": "unprotected"}


def results_csv(results: Results) -> str:
    """The table.

    `condition` is "written", an operation, an attacker or a service; `statistic` a share, mean, difference ("lift"),
    "false accepts", "auc", "eer" or "deviation over seeds", whose low and high are the smallest and the largest share;
    `version` whose it is: of the protected or of the unprotected photos, or of both.
    """
    return as_csv(COLUMNS, _rows(results))


def _rows(results: Results) -> Iterator[dict[str, Any]]:
    for method in results.methods:
        for row in _of_method(method):
            yield {"method": method.label, "target": method.target} | row
    for spread in results.spreads:
        about = {"method": spread.method, "recognizer": spread.recognizer, "role": spread.role, "condition": WRITTEN}
        yield about | {
            "measure": spread.measure,
            "statistic": "deviation over seeds",
            "version": "protected",
            "far": spread.far,
            "value": spread.deviation,
            "low": min(spread.shares),
            "high": max(spread.shares),
            "n": len(spread.shares),
        }
    for difference in results.differences:
        yield {
            "method": f"{difference.first} less {difference.second}",
            "recognizer": difference.recognizer,
            "role": difference.role,
            "condition": WRITTEN,
            "measure": difference.measure,
            "statistic": "difference",
            "version": "both",
            "far": difference.far,
        } | _number(difference.difference)


def _of_method(method: MethodResults) -> Iterator[dict[str, Any]]:
    for success in method.success:
        group = f"{success.group.column}={success.group.value}" if success.group else None
        about = _about(success, WRITTEN, success.measure) | {"group": group}
        yield about | {"statistic": "share", "version": "unprotected"} | _number(success.clean)
        yield about | {"statistic": "share", "version": "protected"} | _number(success.protected)
        yield about | {"statistic": "lift", "version": "both"} | _number(success.lift)
        yield from _separations(success, about)
    for name, number in _numbers(method.quality):
        statistic = "share" if name in _SHARES else "mean"
        yield {"condition": WRITTEN, "measure": name, "statistic": statistic, "version": "protected"} | _number(number)
    for name, number in _numbers(method.utility) if method.utility else ():
        statistic = "mean" if name in MEANS else "share"
        yield {"condition": WRITTEN, "measure": name, "statistic": statistic, "version": "protected"} | _number(number)
    for name, number in _numbers(method.cost) if method.cost else ():
        yield {"condition": WRITTEN, "measure": name, "statistic": "mean", "version": "protected"} | _number(number)
    for operation in method.robustness:
        for name, number in _numbers(operation):
            measure, version = ("dodging", "unprotected") if name == "clean" else (name, "protected")
            about = _about(operation, operation.operation, measure)
            yield about | {"statistic": "share", "version": version} | _number(number)
        yield from _separations(operation, _about(operation, operation.operation, "dodging"))
    for attack in method.attacks:
        about = _about(attack, attack.attacker, "dodging")
        yield about | {"statistic": "share", "version": "unprotected"} | _number(attack.clean)
        yield about | {"statistic": "share", "version": "protected"} | _number(attack.protected)
        yield from _separations(attack, about)
    for service in method.services:
        about = {"recognizer": service.service, "condition": service.service, "far": service.far}
        for version, confidence in (("unprotected", service.clean), ("protected", service.protected)):
            yield about | {"measure": "confidence", "statistic": "mean", "version": version} | _number(confidence)
        yield about | {"measure": "dodging", "statistic": "share", "version": "protected"} | _number(service.dodging)


def _separations(row: Any, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field, version in _SEPARATIONS.items():
        found: Separation | None = getattr(row, field, None)
        for name, number in _numbers(found) if found else ():
            yield about | {"statistic": name.replace("_", " "), "version": version} | _number(number)


def _about(row: Any, condition: str, measure: str) -> dict[str, Any]:
    return {
        "recognizer": row.recognizer,
        "role": row.role,
        "condition": condition,
        "measure": measure,
        "far": row.far,
    }


def _numbers(part: Part) -> Iterator[tuple[str, Number]]:
    return ((name, value) for name, value in part if isinstance(value, Number))


def _number(number: Number) -> dict[str, Any]:
    return number.model_dump()
