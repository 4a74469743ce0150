"""report.html from results.json: one file that needs nothing else, and the same file for the same results."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from privacy_faces.config.printable import printable
from privacy_faces.evaluation.report import charts, colors, panels, weakest, wording
from privacy_faces.evaluation.report.terms import TERMS
from privacy_faces.evaluation.results import MethodResults, Results, ResultsError


def render(results: Results) -> str:
    """The page.

    Raises:
        ResultsError: for a picture that is not part of results.json itself.
    """
    _check_pictures(results)
    judged = list(panels.panels_of(results))
    environment = _environment()
    style = environment.get_template("report.css").render(
        light=colors.heat_colors(dark=False), dark=colors.heat_colors(dark=True)
    )
    script = environment.get_template("report.js").render()
    far = results.far[0]
    resting = {
        evidence: [method.label for method in results.methods if method.evidence == evidence]
        for evidence in wording.EVIDENCE
    }
    return environment.get_template("report.html.j2").render(
        results=results,
        far=far,
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
        panels=judged,
        verdicts=[(panel, panels.verdicts(panel, far)) for panel in judged],
        surrogate_only=resting["surrogate-only"],
        unknown=resting["unknown"],
        reasons=wording.reasons(results),
        operations={row.operation: row.summary for method in results.methods for row in method.robustness},
        protects=wording.percent(weakest.PROTECTS),
        judges=panels.judges(results),
        protecting=panels.protecting(judged, far),
        too_few=weakest.too_few_to_show(
            row.protected
            for method in results.methods
            for row in method.success
            if (row.measure, row.far, row.group) == ("dodging", far, None)
        ),
        psnrs=[method.quality.psnr.value for method in results.methods if method.quality.psnr.value is not None],
        attackers={row.attacker: row.summary for method in results.methods for row in method.attacks},
        threshold_of=lambda name: panels.threshold_of(results, name),
        options=[_options(method) for method in results.methods],
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("privacy_faces.evaluation.report", "."),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (
        wording.value,
        wording.interval,
        wording.spelled,
        wording.reason,
        wording.percent,
        wording.signed,
        wording.decimals,
    ):
        environment.filters[word.__name__] = word
    environment.filters |= {"listed": wording.listed, "rate": wording.rate}
    environment.globals |= {"charts": charts, "colors": colors, "wording": wording, "TERMS": TERMS}
    for function in (
        panels.find,
        panels.columns,
        panels.price_chart,
        panels.undrawn,
        panels.unmeasured,
        panels.against_first,
        panels.main_spreads,
        panels.roc_charts,
        panels.score_charts,
        panels.role_of,
    ):
        environment.globals[function.__name__] = function
    return environment


def _shown(value: Any) -> Any:
    """Names as they may be printed, so that none turns the direction of the text; markup of our own stays."""
    return printable(value, keep="\n\t") if type(value) is str else value


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
