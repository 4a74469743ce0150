"""report.html from results.json: one file that needs nothing else, and the same file for the same results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from privacy_faces.evaluation import charts
from privacy_faces.evaluation.results import MethodResults, Results

_MEASURES = {
    "dodging": ("Dodging, same photo", "The protected photo no longer matches the photo before protection."),
    "dodging-other-photo": ("Dodging, other photo", "It no longer matches any other, unprotected photo of the person."),
    "dodging-protected": ("Dodging, protected", "It no longer matches any other photo of the person that was protected in the same way."),
    "impersonation": (
        "Impersonation (ASR)",
        "It matches the target's test image, which the method never saw. This says nothing about whether the person is found.",
    ),
    "dodging-and-impersonation": ("Both at once", "It no longer matches the person, and matches the target."),
    "rank-1": ("Not rank 1", "In a search of the gallery, the person is not the first answer."),
    "rank-5": ("Not rank 5", "The person is not among the first five answers."),
    "targeted-rank-1": ("Target rank 1", "The target is the first answer."),
    "targeted-rank-5": ("Target rank 5", "The target is among the first five answers."),
    "misclassification": ("Misclassified", "A closed-set classifier names somebody else."),
    "fooling": ("Fooling rate", "A closed-set classifier was right before and is wrong after; of those it was right about before."),
}


def render(results: Results) -> str:
    """The page."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            far=results.far[0],
            names=[info.name for info in results.recognizers],
            summary=_summary(results),
            missing=_missing(results.methods),
            measures=_MEASURES,
            operations=list(dict.fromkeys(row.operation for method in results.methods for row in method.robustness)),
            attackers={row.attacker: row.summary for method in results.methods for row in method.attacks},
            services=[(method, service) for method in results.methods for service in method.services],
            charts=charts,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("privacy_faces.evaluation", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": charts.percent, "spelled": charts.spelled}
    environment.globals |= {"find": _find, "main": charts.main_success}
    return environment


def _find(rows: Sequence[Any], **wanted: Any) -> Any:
    """The first row with these attributes, or None."""
    return next((row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())), None)


def _summary(results: Results) -> list[str]:
    """What a reader must take away, one sentence for each recogniser and role; surrogates and held-out recognisers never share one."""
    lines = []
    for role, meaning in (("held-out", "which no method of this group had seen"), ("surrogate", "which had helped to make the change (white-box)")):
        for info in results.recognizers:
            rows = [
                (method, row) for method in results.methods if (row := charts.main_success(method, "dodging", info.name, results.far[0])) and row.role == role
            ]
            known = [(method.label, row.protected.value) for method, row in rows if row.protected.value is not None]
            if not known:
                continue
            best = max(value for _, value in known)
            leaders = [label for label, value in known if value == best]
            rest = min(known, key=lambda item: item[1])
            weakest = f"; {rest[0]}, the weakest of {len(known)}, {charts.percent(rest[1])}" if rest[1] < best else ""
            lines.append(
                f"Against {info.name}, {meaning}: {_listed(leaders)} let{'s' if len(leaders) == 1 else ''} {charts.percent(best)} of the faces dodge at "
                f"FAR {results.far[0]:g}{weakest}."
            )
    return lines


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _missing(methods: Sequence[MethodResults]) -> list[str]:
    """Why quality or cost could not be measured, each reason once."""
    numbers = [(name, number) for method in methods for name, number in method.quality]
    numbers += [(name, number) for method in methods if method.cost for name, number in method.cost]
    reasons: dict[str, list[str]] = {}
    for name, number in numbers:
        if number.missing and name not in reasons.setdefault(number.missing, []):
            reasons[number.missing].append(name)
    return [f"{', '.join(name.replace('_', ' ') for name in names)}: {reason}" for reason, names in reasons.items()]
