"""What the report compares: methods as one recognizer judges them, in one role, and what may be said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from markupsafe import Markup

from privacy_faces.evaluation.report import charts, wording
from privacy_faces.evaluation.report.weakest import PROTECTS, Verdict, Weakest, weakest
from privacy_faces.evaluation.results import MethodResults, RecognizerInfo, Results
from privacy_faces.evaluation.rows import Difference, Roc, Spread, Success
from privacy_faces.judge.receipt import Role
from privacy_faces.judge.thresholds import Threshold as Operating

_Item = TypeVar("_Item")
_HEADINGS = {
    Verdict.STRONG: f"Shown to hide at least {wording.percent(PROTECTS)} of the faces (low end of the interval)",
    Verdict.SOME: f"Hides more than no protection does, not shown to hide {wording.percent(PROTECTS)}",
    Verdict.TOO_FEW: "Undecided: too few faces to be told from no protection, even if all were hidden",
    Verdict.SAME_AS_NOTHING: "Not told apart from no protection at all",
}

# Of the roles that a recognizer has over all methods, what that means for it.
_TAKING_PART: tuple[tuple[str, Callable[[set[Role]], bool]], ...] = (
    ("took no part in any change", lambda roles: roles == {"held-out"}),
    ("helped to make some of the changes", lambda roles: "surrogate" in roles and len(roles) > 1),
    ("helped to make every change", lambda roles: roles == {"surrogate"}),
    ("may have helped", lambda roles: "unknown" in roles and "surrogate" not in roles),
)
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Row:
    """A method as one recognizer judges it.

    Attributes:
        anchor: where the page says everything about the method.
        info: the recognizer; None where results.json does not describe it.
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
    """What one recognizer says in one role.

    Numbers are compared within a panel only: surrogates and held-out recognizers never share one.
    """

    recognizer: str
    role: Role
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """Who judges, and in which role."""
        return f"{self.recognizer}, {wording.ROLES[self.role]}"


@dataclass(frozen=True)
class Judged:
    """The methods of one verdict, and the weakest result of each.

    Attributes:
        heading: what the verdict says.
    """

    verdict: Verdict
    heading: str
    rows: tuple[tuple[Row, Weakest], ...]


def panels_of(results: Results) -> Iterator[Panel]:
    """What each recognizer says in each role: held-out recognizers first, those who judged most methods before others.

    Within a panel the methods whose dodging is highest come first, those without a value last.
    """
    names = _unique(
        [
            *(info.name for info in results.recognizers),
            *(row.recognizer for method in results.methods for row in method.success),
        ]
    )
    for role in wording.ROLES:
        panels = [
            Panel(name, role, tuple(sorted(rows, key=lambda row: _sort_key(row, results.far[0]))))
            for name in names
            if (rows := _judged_by(results, name, role))
        ]
        yield from sorted(panels, key=lambda panel: -len(panel.rows))


def _judged_by(results: Results, name: str, role: Role) -> list[Row]:
    info = find(results.recognizers, name=name)
    return [
        Row(f"method-{index}", method, name, role, info)
        for index, method in enumerate(results.methods, 1)
        if any((row.recognizer, row.role) == (name, role) for row in method.success)
    ]


def _sort_key(row: Row, far: float) -> float:
    dodging = row.success("dodging", far)
    return 1.0 if dodging is None or dodging.protected.value is None else -dodging.protected.value


def protecting(panels: Sequence[Panel], far: float) -> list[str]:
    """The methods that hide nearly every face from each held-out recognizer that judged them."""
    strong: dict[str, tuple[str, bool]] = {}
    for panel in panels:
        if panel.role == "held-out":
            hidden = {
                row.anchor
                for judged in verdicts(panel, far)
                if judged.verdict is Verdict.STRONG
                for row, _ in judged.rows
            }
            for row in panel.rows:
                strong[row.anchor] = row.method.label, row.anchor in hidden and strong.get(row.anchor, ("", True))[1]
    return [label for label, always in strong.values() if always]


def verdicts(panel: Panel, far: float) -> list[Judged]:
    """The methods of a panel by what the weakest of their results allows to say: same photo, other photo, searches,
    each operation, each attacker. Those whose weakest result is best come first."""
    found = [(row, worst) for row in panel.rows if (worst := weakest(row.method, panel.recognizer, far))]
    found.sort(key=lambda item: -(item[1].condition.protected.value or 0))
    judged = [
        Judged(verdict, heading, tuple((row, worst) for row, worst in found if worst.verdict is verdict))
        for verdict, heading in _HEADINGS.items()
    ]
    return [some for some in judged if some.rows]


def unmeasured(panel: Panel, far: float) -> list[str]:
    """The methods of a panel of which nothing was measured."""
    return [row.method.label for row in panel.rows if weakest(row.method, panel.recognizer, far) is None]


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


def price_chart(panel: Panel, far: float, psnrs: Sequence[float]) -> Markup | None:
    """The panel's chart of dodging beside PSNR, of the methods of which both are known; None where there are none.

    Args:
        panel: what is drawn.
        far: the false accept rate.
        psnrs: the PSNR of all methods, in dB: panels share an axis.
    """
    points = []
    for row in panel.rows:
        dodging, psnr = row.success("dodging", far), row.method.quality.psnr.value
        if dodging is not None and dodging.protected.value is not None and psnr is not None:
            share = dodging.protected.value
            low, high = (share if end is None else end for end in (dodging.protected.low, dodging.protected.high))
            points.append(charts.Point(psnr, share, low, high, row.method.label))
    label = f"Share of faces that dodge {panel.title}, and PSNR"
    salt = f"price {panel.role} {panel.recognizer}"
    return charts.price_chart(points, psnrs, panel.role == "held-out", label, salt) if points else None


def undrawn(panel: Panel, far: float) -> list[tuple[str, str]]:
    """The methods that the panel's chart of dodging and PSNR leaves out, and why."""
    left_out = []
    for row in panel.rows:
        dodging = row.success("dodging", far)
        missing = [
            number
            for number in (dodging.protected if dodging else None, row.method.quality.psnr)
            if number and number.value is None
        ]
        if dodging and missing:
            left_out.append((row.method.label, wording.reason(missing[0])))
    return left_out


def roc_charts(panel: Panel, far: float) -> list[tuple[Row, charts.RocChart]]:
    """The panel's ROC charts, one for each method that has curves."""
    drawn = []
    for row in panel.rows:
        curves = [curve for curve in row.method.roc if curve.recognizer == panel.recognizer and curve.far]
        if curves:
            label = f"ROC of {row.method.label}, {panel.title}. {' '.join(_said(curve, far) for curve in curves)}"
            salt = f"roc {panel.role} {panel.recognizer} {row.anchor}"
            drawn.append((row, charts.roc_chart(curves, row.info.thresholds if row.info else [], label, salt)))
    return drawn


def score_charts(panel: Panel) -> list[tuple[Row, Markup]]:
    """The panel's histograms of similarities, one for each method that has one."""
    drawn = []
    for row in panel.rows:
        found = find(row.method.histograms, recognizer=panel.recognizer)
        if found is not None:
            label = (
                f"Similarities of {row.method.label}, {panel.title}: {sum(found.strangers)} pairs of different people, "
                f"{sum(found.clean)} faces with themselves unprotected, {sum(found.protected)} protected."
            )
            salt = f"scores {panel.role} {panel.recognizer} {row.anchor}"
            drawn.append((row, charts.score_chart(found, row.info.thresholds if row.info else [], label, salt)))
    return drawn


def _said(curve: Roc, far: float) -> str:
    far_there, clean, protected = charts.read_off(curve, far)
    return (
        f"{'Same photo' if curve.pairs == 'same-photo' else 'Other photo'}, at a false accept rate of "
        f"{wording.rate(far_there)} on these photos: {wording.percent(clean)} of unprotected and "
        f"{wording.percent(protected)} of protected pairs are recognized."
    )


def judges(results: Results) -> str:
    """How many recognizers judged, and how many of them helped, in words."""
    roles: dict[str, set[Role]] = {}
    for method in results.methods:
        for row in method.success:
            roles.setdefault(row.recognizer, set()).add(row.role)
    known = {info.name for info in results.recognizers}
    judged = {name: found for name, found in roles.items() if name in known or not known}
    parts = []
    for text, wanted in _TAKING_PART:
        if count := sum(wanted(found) for found in judged.values()):
            parts.append(f"{_in_words(count)} that {text}")
    total = f"{_in_words(len(judged))} recognizer{'' if len(judged) == 1 else 's'}"
    return f"{total}: {'; '.join(parts)}" if parts else total


def _in_words(count: int) -> str:
    return _WORDS[count] if count < len(_WORDS) else str(count)


def against_first(results: Results, panel: Panel, far: float) -> list[Difference]:
    """How the panel's first method differs from the others, by dodging of the same photo."""
    first = panel.rows[0].method.label
    found = []
    for row in results.differences:
        if (row.recognizer, row.role, row.measure, row.far) != (panel.recognizer, panel.role, "dodging", far):
            continue
        if row.first == first:
            found.append(row)
        elif row.second == first:
            turned = row.difference.model_copy(
                update={
                    name: None if (end := getattr(row.difference, other)) is None else 0.0 - end
                    for name, other in (("value", "value"), ("low", "high"), ("high", "low"))
                }
            )
            update = {"first": first, "second": row.first, "difference": turned}
            found.append(row.model_copy(update=update | {"only_first": row.only_second, "only_second": row.only_first}))
    return found


def main_spreads(results: Results, far: float) -> list[Spread]:
    """Of dodging the same photo, how the shares spread over seeds."""
    return [row for row in results.spreads if (row.measure, row.far) == ("dodging", far)]


def role_of(method: MethodResults, recognizer: str) -> Role:
    """How a recognizer took part in making a method's change."""
    row = find(method.success, recognizer=recognizer)
    return row.role if row else "unknown"


def threshold_of(results: Results, recognizer: str) -> Operating | None:
    """The threshold that an example's margin is measured from."""
    info = find(results.recognizers, name=recognizer)
    return find(info.thresholds, far=results.far[0]) if info else None


def find(items: Sequence[_Item], **wanted: Any) -> _Item | None:
    """The first item with these attributes."""
    return next((item for item in items if all(getattr(item, name) == value for name, value in wanted.items())), None)


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
