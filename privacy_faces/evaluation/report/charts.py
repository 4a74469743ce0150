"""The report's charts, drawn by matplotlib: privacy beside quality, histograms of scores, and ROC curves."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from privacy_faces.evaluation.report import svg, wording
from privacy_faces.evaluation.report.colors import ACCENT, INK, LINE, OTHER, PAGE, SOFT
from privacy_faces.evaluation.rows import Histogram, Roc
from privacy_faces.judge.thresholds import Threshold as Operating

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Sizes in SVG units. Room is left for the larger type of small screens.
PRICE_WIDTH, _ABOVE, _BELOW = 440.0, 34.0, 28.0
_SHARES, _COSTS = (154.0, 268.0), (328.0, 396.0)
# Letters in a line of a name, of which it may have two; the height of a row with names of one line and of two.
_LETTERS, _ROWS = 20, (24.0, 38.0)
# The least that an axis of quality spans, as a share of its values: small differences are not blown up.
_LEAST_SPAN = 0.3

ROC_WIDTH, ROC_HEIGHT = 320.0, 240.0
# No impostor pairs can tell rates below this apart in a chart.
_LEAST_FAR = 1e-6


@dataclass(frozen=True)
class Point:
    """What is drawn of one method: its PSNR in dB, its share of faces that dodge, and the ends of the share's
    interval."""

    psnr: float
    share: float
    low: float
    high: float
    label: str

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.label}: {wording.percent(self.share)} at {wording.decimals(self.psnr, 1)} dB"


@dataclass(frozen=True)
class Threshold:
    """Where a threshold in use lies along the false accept rates of the judged data.

    Attributes:
        operating: the threshold.
        far: the smallest drawn rate at which the curve is no stricter.
        below: it is stricter than the whole curve: it lies left of the chart.
    """

    operating: Operating
    far: float
    below: bool

    @property
    def said(self) -> str:
        """In words."""
        here = "stricter than any rate that these photos can show" if self.below else f"here {self.far:.2g}"
        rate = wording.rate(self.operating.far)
        return f"{self.operating.threshold}, of FAR {rate} ({self.operating.source}), {here}"


@dataclass(frozen=True)
class RocChart:
    """ROC curves of one method and recognizer, and the thresholds that are marked in them."""

    drawing: Markup
    thresholds: tuple[Threshold, ...]


def price_chart(points: Sequence[Point], psnrs: Sequence[float], filled: bool, label: str, salt: str) -> Markup:
    """A row for each method: how many faces dodge, with the interval, and beside it how close the face stays.

    Args:
        points: what is drawn, from the top.
        psnrs: what the axis of quality must hold, the points' own among them: charts that are to be compared get the
            same.
        filled: whether marks are full (held-out recognizers) or rings (surrogates).
        label: what the chart is about; the numbers are added.
        salt: tells the chart from all others of the page.
    """
    names = [textwrap.wrap(svg.plain(point.label), _LETTERS, max_lines=2, placeholder="…") for point in points]
    height = _ABOVE + _ROWS[any(len(name) > 1 for name in names)] * len(points) + _BELOW

    def draw(figure: Figure) -> None:
        shares = _axes(figure, PRICE_WIDTH, height, _SHARES, (_ABOVE, height - _BELOW), "Dodging, same photo")
        costs = _axes(figure, PRICE_WIDTH, height, _COSTS, (_ABOVE, height - _BELOW), "PSNR, dB")
        shares.set_xlim(0, 1)
        shares.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        margin = (_LEAST_SPAN * max(psnrs) - (max(psnrs) - min(psnrs))) / 2
        costs.locator_params(axis="x", nbins=3)
        costs.set_xlim(min(psnrs) - max(margin, 1), max(psnrs) + max(margin, 1))
        for axes in (shares, costs):
            axes.set_ylim(len(points) - 0.5, -0.5)
            axes.set_yticks(range(len(points)), [])
        for row, (name, point) in enumerate(zip(names, points, strict=True)):
            _write(shares, (-_SHARES[0] / (_SHARES[1] - _SHARES[0]), row), "\n".join(name))
            _write(shares, (1.08, row), wording.percent(point.share))
            _write(costs, (1.13, row), wording.decimals(point.psnr, 1))
            shares.plot([point.low, point.high], [row, row], color=ACCENT, alpha=0.55, linewidth=2, clip_on=False)
            for axes, value in ((shares, point.share), (costs, point.psnr)):
                (mark,) = axes.plot([value], [row], "o", color=ACCENT, markersize=8, markeredgewidth=2, clip_on=False)
                mark.set_markerfacecolor(ACCENT if filled else PAGE)
                mark.set_zorder(3)
                mark.set_gid(svg.title(point.said))

    return svg.element(draw, PRICE_WIDTH, height, f"{label}: {', '.join(point.said for point in points)}", salt)


def roc_chart(curves: Sequence[Roc], operating: Sequence[Operating], label: str, salt: str) -> RocChart:
    """Curves (at least one) of the same recognizer on the same impostor pairs, false accept rates along a logarithmic
    axis, and the thresholds in use."""
    thresholds = tuple(_locate(point, curves[0]) for point in operating)
    least = min(0.1, max(_LEAST_FAR, min(min(curve.far) for curve in curves)))

    def draw(figure: Figure) -> None:
        axes = _axes(figure, ROC_WIDTH, ROC_HEIGHT, (52, ROC_WIDTH - 12), (30, ROC_HEIGHT - 40), "true accept rate")
        axes.set_xscale("log")
        axes.set_xlim(least, 1)
        decades = [10.0**decade for decade in range(math.ceil(math.log10(least) - 1e-9), 1)]
        axes.set_xticks(decades, [f"{rate:g}" for rate in decades])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("false accept rate on these photos", loc="right", color=SOFT, labelpad=7)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        for threshold in thresholds:
            line = axes.axvline(
                max(least, threshold.far), color=INK, linewidth=1, linestyle=(0, (1.5, 3)), clip_on=False
            )
            line.set_gid(svg.title(f"Threshold {threshold.said}"))
        for curve in curves:
            color = ACCENT if curve.pairs == "same-photo" else OTHER
            rates = [max(least, rate) for rate in curve.far]
            axes.plot(rates, curve.clean, color=color, linewidth=1.5, linestyle=(0, (3.3, 2.7)), clip_on=False)
            axes.plot(rates, curve.protected, color=color, linewidth=2.25, clip_on=False)

    return RocChart(svg.element(draw, ROC_WIDTH, ROC_HEIGHT, label, salt), thresholds)


def score_chart(histogram: Histogram, operating: Sequence[Operating], label: str, salt: str) -> Markup:
    """Shares of the pairs by how alike they are: strangers, and faces with themselves before, unprotected and
    protected; and the thresholds in use."""
    edges = histogram.edges
    heights = [
        [count / max(1, sum(counts)) for count in counts]
        for counts in (histogram.strangers, histogram.clean, histogram.protected)
    ]
    highest = max(max(side) for side in heights)

    def draw(figure: Figure) -> None:
        axes = _axes(figure, ROC_WIDTH, ROC_HEIGHT, (52, ROC_WIDTH - 12), (30, ROC_HEIGHT - 40), "share of the pairs")
        axes.set_xlim(edges[0], edges[-1])
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("similarity", loc="right", color=SOFT, labelpad=7)
        axes.set_ylim(0, highest)
        axes.set_yticks([0, highest / 2, highest], [wording.percent(share) for share in (0, highest / 2, highest)])
        strangers, clean, protected = heights
        axes.stairs(strangers, edges, fill=True, color=OTHER, alpha=0.35, linewidth=0, clip_on=False)
        axes.stairs(clean, edges, color=ACCENT, linewidth=1.5, linestyle=(0, (3.3, 2.7)), clip_on=False)
        axes.stairs(protected, edges, color=ACCENT, linewidth=2.25, clip_on=False)
        for point in operating:
            if edges[0] <= point.threshold <= edges[-1]:
                line = axes.axvline(point.threshold, color=INK, linewidth=1, linestyle=(0, (1.5, 3)), clip_on=False)
                line.set_gid(svg.title(f"Threshold {point.threshold}, of FAR {wording.rate(point.far)}"))

    return svg.element(draw, ROC_WIDTH, ROC_HEIGHT, label, salt)


def _locate(operating: Operating, curve: Roc) -> Threshold:
    """Where a threshold lies along a curve."""
    # Thresholds fall as the rate rises: the first that is no stricter has at least the rate of the one in use.
    rates = sorted(zip(curve.far, curve.threshold, strict=True))
    far = next((far for far, threshold in rates if threshold <= operating.threshold), 1.0)
    return Threshold(operating, far, operating.threshold > rates[0][1])


def read_off(curve: Roc, far: float) -> tuple[float, float, float]:
    """The point of a curve at the smallest of its false accept rates that is not below `far`: that rate, and the clean
    and protected true accept rate there."""
    points = sorted(zip(curve.far, curve.clean, curve.protected, strict=True))
    return next((point for point in points if point[0] >= far), points[-1])


def _axes(
    figure: Figure, width: float, height: float, across: tuple[float, float], down: tuple[float, float], heading: str
) -> Axes:
    """Axes with a light grid, no frame and a heading, between two places across and two down, in SVG units."""
    (left, right), (top, bottom) = across, down
    axes = figure.add_axes((left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height))
    axes.patch.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(color=LINE, linewidth=1, clip_on=False)
    axes.tick_params(which="both", left=False, bottom=False, labelcolor=SOFT)
    axes.set_title(heading, loc="left", color=SOFT, fontsize=10, pad=8)
    return axes


def _write(axes: Axes, place: tuple[float, float], text: str) -> None:
    """Text beside a row: across in shares of the axes' width, down in rows."""
    across = axes.get_yaxis_transform()
    axes.text(*place, text, color=INK, transform=across, verticalalignment="center_baseline", linespacing=1.4)
