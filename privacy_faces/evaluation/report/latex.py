"""results.tex: the leaderboard as tables for a paper (booktabs), one for each recognizer and role."""

from __future__ import annotations

from privacy_faces.evaluation.report import panels, wording
from privacy_faces.evaluation.report.panels import Panel
from privacy_faces.evaluation.results import Results
from privacy_faces.evaluation.rows import Number

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\N{MINUS SIGN}": r"$-$",
}
_PRICE = tuple(column for column in wording.QUALITY if column.name in ("detected", "psnr", "ssim"))


def results_tex(results: Results) -> str:
    """Tables for `\\input`; they ask for the package booktabs."""
    about = f"{results.data.photos} photos of {results.data.people} people ({results.data.name})"
    lines = [f"% privacy-faces {results.version}, {results.created}; {about}".replace("\n", " ")]
    for panel in panels.panels_of(results):
        lines += ["", *_table(panel, results.far[0], about)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Text as LaTeX prints it.

    >>> escaped("50 % of a_b")
    '50 \\% of a\\_b'
    """
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))


def _table(panel: Panel, far: float, about: str) -> list[str]:
    columns = panels.columns(panel, far)
    titles = [wording.MEASURES[measure].title for measure, _ in columns] + [column.title for column in _PRICE]
    rows = []
    for row in panel.rows:
        found = [row.success(measure, rate) for measure, rate in columns]
        cells = [_cell(item.protected) if item else "--" for item in found]
        cells += [_cell(getattr(row.method.quality, column.name), column.kind) for column in _PRICE]
        rows.append(" & ".join([escaped(row.method.label), *cells]) + r" \\")
    caption = (
        f"{panel.recognizer}, {wording.ROLES[panel.role]}. Shares in percent with 95 % intervals, at FAR "
        f"{wording.rate(far)}; {about}."
    )
    return [
        r"\begin{table}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(titles)}}}",
        r"\toprule",
        " & ".join(["Method", *map(escaped, titles)]) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _cell(number: Number, kind: str = "share") -> str:
    if number.value is None:
        return "--"
    text, between = wording.value(number, kind).removesuffix(" %"), wording.interval(number, kind)
    return escaped(text) + (rf" {{\scriptsize {escaped(between)}}}" if between else "")
