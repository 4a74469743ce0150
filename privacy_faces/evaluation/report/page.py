"""report.html from results.json: one file that needs nothing else, and the same file for the same results."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined

from privacy_faces.evaluation.report import charts, wording
from privacy_faces.evaluation.results import (
    MethodResults,
    RecognizerInfo,
    Results,
    ResultsError,
    Success,
)
from privacy_faces.judge.receipt import Role
from privacy_faces.judge.thresholds import Threshold as Operating

_Item = TypeVar("_Item")
# In the summary, a method protects where even the low end of the interval says that so many faces are hidden.
_PROTECTS = 0.9
_STRONG = f"Shown to hide at least {wording.percent(_PROTECTS)} of the faces (low end of the interval)"


@dataclass(frozen=True)
class Row:
    """A method as one recogniser judges it.

    Attributes:
        anchor: where the page says everything about the method.
        info: the recogniser; None where results.json does not describe it.
    """

    anchor: str
    method: MethodResults
    recognizer: str
    role: Role
    info: RecognizerInfo | None

    def success(self, measure: str, far: float | None) -> Success | None:
        """A measure of all faces."""
        return find(self.method.success, measure=measure, recognizer=self.recognizer, far=far, group=None)


@dataclass(frozen=True)
class Panel:
    """What one recogniser says in one role.

    Numbers are compared within a panel only: surrogates and held-out recognisers never share one.
    """

    recognizer: str
    role: Role
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Who judges, and in which role."""
        return f"{self.recognizer}, {wording.ROLES[self.role]}"


@dataclass(frozen=True)
class Verdict:
    """One line of the summary: a heading, and the rows under it."""

    heading: str
    rows: tuple[tuple[Row, Success], ...]


def render(results: Results) -> str:
    """The page.

    Raises:
        ResultsError: for a picture that is not part of results.json itself.
    """
    _check_pictures(results)
    panels = list(_panels(results))
    environment = _environment()
    style = environment.get_template("report.css").render(
        light=charts.heat_colors(dark=False), dark=charts.heat_colors(dark=True)
    )
    script = environment.get_template("report.js").render()
    far = results.far[0]
    return environment.get_template("report.html.j2").render(
        results=results,
        far=far,
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
        panels=panels,
        verdicts=[(panel, _verdicts(panel, far)) for panel in panels],
        surrogate_only=[method.label for method in results.methods if method.evidence == "surrogate-only"],
        reasons=wording.reasons(results),
        operations={row.operation: row.summary for method in results.methods for row in method.robustness},
        protects=wording.percent(_PROTECTS),
        protecting=_protecting(panels, far),
        psnrs=[method.quality.psnr.value for method in results.methods if method.quality.psnr.value is not None],
        attackers={row.attacker: row.summary for method in results.methods for row in method.attacks},
        threshold_of=lambda name: _threshold_of(results, name),
        options=[_options(method) for method in results.methods],
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("privacy_faces.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        wording.value,
        wording.interval,
        wording.brackets,
        wording.spelled,
        wording.reason,
        wording.percent,
        wording.signed,
        wording.decimals,
    ):
        environment.filters[word.__name__] = word
    environment.filters |= {"listed": wording.listed, "rate": wording.rate}
    environment.globals |= {"charts": charts, "wording": wording}
    for function in (find, columns, points_of, undrawn, roc_charts):
        environment.globals[function.__name__] = function
    return environment


def find(items: Sequence[_Item], **wanted: Any) -> _Item | None:
    """The first item with these attributes."""
    return next((item for item in items if all(getattr(item, name) == value for name, value in wanted.items())), None)


def _panels(results: Results) -> Iterator[Panel]:
    """Held-out recognisers first; within a panel the methods whose dodging is highest first, those without a value
    last."""
    names = _unique(
        [
            *(info.name for info in results.recognizers),
            *(row.recognizer for method in results.methods for row in method.success),
        ]
    )
    roles: tuple[Role, ...] = ("held-out", "unknown", "surrogate")
    for role in roles:
        for name in names:
            info = find(results.recognizers, name=name)
            rows = [
                Row(f"method-{index}", method, name, role, info)
                for index, method in enumerate(results.methods, 1)
                if any((row.recognizer, row.role) == (name, role) for row in method.success)
            ]
            if rows:
                yield Panel(name, role, tuple(sorted(rows, key=lambda row: _sort_key(row, results.far[0]))))


def _sort_key(row: Row, far: float) -> float:
    dodging = row.success("dodging", far)
    return 1.0 if dodging is None or dodging.protected.value is None else -dodging.protected.value


def _protecting(panels: Sequence[Panel], far: float) -> list[str]:
    """The methods that hide nearly every face from each held-out recogniser that judged them."""
    strong: dict[str, tuple[str, bool]] = {}
    for panel in panels:
        if panel.role == "held-out":
            hidden = {
                row.anchor
                for verdict in _verdicts(panel, far)[:1]
                if verdict.heading == _STRONG
                for row, _ in verdict.rows
            }
            for row in panel.rows:
                strong[row.anchor] = row.method.label, row.anchor in hidden and strong.get(row.anchor, ("", True))[1]
    return [label for label, always in strong.values() if always]


def _verdicts(panel: Panel, far: float) -> list[Verdict]:
    """The methods of a panel by what their dodging of the same photo at the main false accept rate allows to say;
    interval ends count, not luck."""
    groups: dict[str, list[tuple[Row, Success]]] = {
        _STRONG: [],
        f"Hides more than no protection does, not shown to hide {wording.percent(_PROTECTS)}": [],
        "Not told apart from no protection at all": [],
        "Not measured": [],
    }
    strong, some, none, unknown = groups.values()
    for row in panel.rows:
        dodging = row.success("dodging", far)
        if dodging is None:
            continue
        share, lift = dodging.protected, dodging.lift
        if share.value is None or lift.value is None:
            unknown.append((row, dodging))
        elif (lift.value if lift.low is None else lift.low) <= 0:
            none.append((row, dodging))
        elif (share.value if share.low is None else share.low) >= _PROTECTS:
            strong.append((row, dodging))
        else:
            some.append((row, dodging))
    return [Verdict(heading, tuple(rows)) for heading, rows in groups.items() if rows]


def columns(panel: Panel, far: float) -> list[tuple[str, float | None]]:
    """The measures that the panel's leaderboard has, with their rate: the main one, or none where no threshold takes
    part."""
    known = {
        (item.measure, item.far)
        for row in panel.rows
        for item in row.method.success
        if item.recognizer == panel.recognizer and item.group is None
    }
    return [(measure, rate) for measure in wording.MEASURES for rate in (far, None) if (measure, rate) in known]


def points_of(panel: Panel, far: float, quality: str) -> list[charts.Point]:
    """The panel's scatter: each method whose dodging and quality are both known."""
    points = []
    for row in panel.rows:
        dodging, cost = row.success("dodging", far), getattr(row.method.quality, quality).value
        if dodging is not None and dodging.protected.value is not None and cost is not None:
            share = dodging.protected.value
            low, high = (share if end is None else end for end in (dodging.protected.low, dodging.protected.high))
            points.append(charts.Point(cost, share, low, high, row.method.label))
    return points


def undrawn(panel: Panel, far: float, quality: str) -> list[tuple[str, str]]:
    """The methods that the panel's scatter leaves out, and why."""
    left_out = []
    for row in panel.rows:
        dodging = row.success("dodging", far)
        missing = [
            number
            for number in (dodging.protected if dodging else None, getattr(row.method.quality, quality))
            if number and number.value is None
        ]
        if dodging and missing:
            left_out.append((row.method.label, wording.reason(missing[0])))
    return left_out


def roc_charts(panel: Panel) -> list[tuple[Row, charts.RocChart]]:
    """The panel's ROC charts, one for each method that has curves."""
    drawn = []
    for row in panel.rows:
        curves = [curve for curve in row.method.roc if curve.recognizer == panel.recognizer and curve.far]
        if curves:
            drawn.append((row, charts.roc_chart(curves, row.info.thresholds if row.info else [])))
    return drawn


def _threshold_of(results: Results, recognizer: str) -> Operating | None:
    """The threshold that an example's margin is measured from."""
    info = find(results.recognizers, name=recognizer)
    return find(info.thresholds, far=results.far[0]) if info else None


def _check_pictures(results: Results) -> None:
    for method in results.methods:
        for example in method.examples:
            for name in ("before", "mask", "after"):
                if not (picture := getattr(example, name)).startswith("data:image/"):
                    raise ResultsError(
                        f"Expected pictures inside results.json, as data:image/... URIs, found {picture[:40]!r} "
                        f"({name}, {example.photo}, {method.label}). "
                        "A report loads nothing from elsewhere; make the results again: privacy-faces benchmark"
                    )


def _options(method: MethodResults) -> str:
    # As JSON would give them back, so that results from a file and results in memory are said alike.
    return json.dumps(method.model_dump(mode="json", include={"options"})["options"], ensure_ascii=False)


def _digest(text: str) -> str:
    """The source expression of a Content-Security-Policy that allows exactly this inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _unique(items: Any) -> list[str]:
    return list(dict.fromkeys(items))
