"""The geometry of the report's charts: numbers in, places in an SVG out.

Rounded, so that the same numbers give the same file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from privacy_faces.evaluation.report.labels import LINE, Box, Label, place_labels
from privacy_faces.evaluation.results import Roc
from privacy_faces.judge.thresholds import Threshold as Operating

# The least that an axis spans, as a share of its values: small differences are not blown up.
_LEAST_SPAN = 0.3


@dataclass(frozen=True)
class Axis:
    """A scale from values to places.

    Attributes:
        low, high: values at the ends.
        start, end: places at the ends.
        logarithmic: whether equal steps are equal ratios.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of a value; one beyond the ends is put at the end."""
        inside = min(max(value, self.low), self.high)
        low, high, inside = (
            (math.log10(item) for item in (self.low, self.high, inside))
            if self.logarithmic
            else (self.low, self.high, inside)
        )
        return round(self.start + (inside - low) / (high - low) * (self.end - self.start), 1)


@dataclass(frozen=True)
class Tick:
    """A labelled line of a grid."""

    place: float
    text: str


@dataclass(frozen=True)
class Plot:
    """A drawing area: the size of the picture, and its axes with their ticks."""

    width: float
    height: float
    across: Axis
    up: Axis
    across_ticks: tuple[Tick, ...]
    up_ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Point:
    """What is drawn of one method: its quality, the share, and the ends of the share's interval."""

    x: float
    y: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A point in its place, with the ends of its interval and its label."""

    point: Point
    x: float
    y: float
    low: float
    high: float
    text: str
    label: Label


@dataclass(frozen=True)
class Scatter:
    """Privacy against quality."""

    plot: Plot
    marks: tuple[Mark, ...]


SCATTER_WIDTH, SCATTER_HEIGHT = 480.0, 400.0
# What the heading of the upward axis needs.
_HEADING = 18.0
# Letters of a label that are shown: always fewer than half of the plot's width holds.
_LONGEST = 22


def scatter(points: Sequence[Point], values: Sequence[float]) -> Scatter:
    """Points, with labels where they cover each other and the marks least.

    Args:
        points: what is drawn.
        values: what the axis must hold, the points' own x among them: charts that are to be compared get the same.
    """
    low, high, step = _round_range(min(values), max(values))
    across, up = Axis(low, high, 54, SCATTER_WIDTH - 16), Axis(0, 1, SCATTER_HEIGHT - 44, 44)
    ticks = tuple(
        Tick(across.at(low + index * step), f"{round(low + index * step, 6):g}")
        for index in range(round((high - low) / step) + 1)
    )
    plot = Plot(
        SCATTER_WIDTH,
        SCATTER_HEIGHT,
        across,
        up,
        ticks,
        tuple(Tick(up.at(share / 4), f"{25 * share} %") for share in range(5)),
    )
    places = [(across.at(point.x), up.at(point.y)) for point in points]
    texts = [
        point.label if len(point.label) <= _LONGEST else f"{point.label[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
        for point in points
    ]
    labels = place_labels(places, texts, Box(across.start + 2, _HEADING, plot.width - 2, up.start + LINE / 2))
    marks = [
        Mark(point, x, y, up.at(point.low), up.at(point.high), text, label)
        for point, (x, y), text, label in zip(points, places, texts, labels, strict=True)
    ]
    return Scatter(plot, tuple(marks))


def _round_range(low: float, high: float) -> tuple[float, float, float]:
    """Round ends around the values, and a round step of the ticks between them."""
    margin = max((high - low) * 0.08, (_LEAST_SPAN * abs(high) - (high - low)) / 2, 1e-3)
    step = _round_step((high - low + 2 * margin) / 5)
    return math.floor((low - margin) / step) * step, math.ceil((high + margin) / step) * step, step


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


HEAT_LEVELS = 10


def heat_level(share: float) -> int:
    """A step of the heat map's scale, from 0 (none) to 10 (all)."""
    return round(HEAT_LEVELS * share)


# Ends of the heat map's scale on a light and on a dark page: one blue hue, whose lightness alone says how much, so that
# it reads without seeing colours and on grey paper. Larger shares stand out more from the page.
_LIGHT, _DARK = ((240, 245, 251), (8, 62, 128)), ((28, 38, 50), (158, 203, 255))
# Black on white has a contrast of 21, so one of the two has at least the root of that, 4.58, on any ground.
_INKS = ((0, 0, 0), (255, 255, 255))


def heat_colors(dark: bool) -> list[tuple[str, str]]:
    """Background and text colour of each step of the scale; the text is black or white, whichever differs more."""
    low, high = _DARK if dark else _LIGHT
    colors = []
    for level in range(HEAT_LEVELS + 1):
        part = level / HEAT_LEVELS
        ground = tuple(round(first + (last - first) * part) for first, last in zip(low, high, strict=True))
        ink = max(_INKS, key=lambda ink: contrast(ink, ground))
        colors.append((_hex(ground), _hex(ink)))
    return colors


def contrast(first: Sequence[int], second: Sequence[int]) -> float:
    """The contrast ratio of two colours, 0 to 255 (WCAG 2.2); 4.5 is asked of text (AA)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Sequence[int]) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(color: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in color)


ROC_WIDTH, ROC_HEIGHT = 320.0, 240.0
# No impostor pairs can tell rates below this apart in a chart.
_LEAST_FAR = 1e-6


@dataclass(frozen=True)
class Threshold:
    """Where a threshold in use lies along the false accept rates of the judged data.

    Attributes:
        place: along the axis.
        operating: the threshold.
        far: the smallest drawn rate at which the curve is no stricter.
        below: it is stricter than the whole curve: it lies left of the chart.
    """

    place: float
    operating: Operating
    far: float
    below: bool


@dataclass(frozen=True)
class RocChart:
    """ROC curves of one method and recogniser.

    Attributes:
        curves: those drawn.
        lines: points of SVG polylines, with the pairs that they show and whether the photos were protected.
        thresholds: those in use.
    """

    plot: Plot
    curves: tuple[Roc, ...]
    lines: tuple[tuple[str, bool, str], ...]
    thresholds: tuple[Threshold, ...] = field(default=())


def roc_chart(curves: Sequence[Roc], operating: Sequence[Operating]) -> RocChart:
    """Curves (at least one) of the same recogniser on the same impostor pairs: false accept rates along a logarithmic
    axis."""
    least = max(_LEAST_FAR, min(min(curve.far, default=_LEAST_FAR) for curve in curves))
    across, up = Axis(min(least, 0.1), 1, 52, ROC_WIDTH - 12, logarithmic=True), Axis(0, 1, ROC_HEIGHT - 40, 24)
    decades = range(math.ceil(math.log10(across.low) - 1e-9), 1)
    plot = Plot(
        ROC_WIDTH,
        ROC_HEIGHT,
        across,
        up,
        tuple(Tick(across.at(10.0**decade), f"{10.0**decade:g}") for decade in decades),
        tuple(Tick(up.at(share / 2), f"{50 * share} %") for share in range(3)),
    )
    lines = [
        (curve.pairs, protected, _polyline(plot, curve.far, values))
        for curve in curves
        for protected, values in ((False, curve.clean), (True, curve.protected))
    ]
    return RocChart(plot, tuple(curves), tuple(lines), tuple(_threshold(plot, curves[0], point) for point in operating))


def _polyline(plot: Plot, far: Sequence[float], values: Sequence[float]) -> str:
    return " ".join(f"{plot.across.at(rate)},{plot.up.at(value)}" for rate, value in zip(far, values, strict=True))


def _threshold(plot: Plot, curve: Roc, operating: Operating) -> Threshold:
    # Thresholds fall as the rate rises: the first that is no stricter has at least the rate of the one in use.
    rates = sorted(zip(curve.far, curve.threshold, strict=True))
    far = next((far for far, threshold in rates if threshold <= operating.threshold), 1.0)
    return Threshold(plot.across.at(far), operating, far, bool(rates) and operating.threshold > rates[0][1])


def read_off(curve: Roc, far: float) -> tuple[float, float, float]:
    """The point of a curve at the smallest of its false accept rates that is not below `far`: that rate, and the clean
    and protected true accept rate there."""
    points = sorted(zip(curve.far, curve.clean, curve.protected, strict=True))
    return next((point for point in points if point[0] >= far), points[-1])
