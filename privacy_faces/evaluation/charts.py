"""The geometry of the report's charts: numbers in, places in an SVG out. Rounded, so that the same numbers give the same file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from privacy_faces.evaluation.results import Operating, Roc

# In SVG units. Text is planned at this width of a letter, which is that of the larger type of small screens.
_LETTER, _LINE = 7.0, 15.0
_RADIUS = 5.0


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
        low, high, inside = (math.log10(item) for item in (self.low, self.high, inside)) if self.logarithmic else (self.low, self.high, inside)
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
    """A point in its place, with the ends of its interval, and its label: where that begins, and, where it stands apart, where a line from the mark meets it.

    Attributes:
        anchor_x: end of that line along the axis; None for a label that stands beside its mark.
    """

    point: Point
    x: float
    y: float
    low: float
    high: float
    label_x: float
    label_y: float
    anchor_x: float | None


@dataclass(frozen=True)
class Scatter:
    """Privacy against quality."""

    plot: Plot
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Box) -> float:
        """The area that both cover."""
        return max(0.0, min(self.right, other.right) - max(self.left, other.left)) * max(0.0, min(self.bottom, other.bottom) - max(self.top, other.top))


SCATTER_WIDTH, SCATTER_HEIGHT = 480.0, 400.0


def scatter(points: Sequence[Point]) -> Scatter:
    """At least one point, with labels where they cover each other and the marks least."""
    low, high, step = _round_range(min(point.x for point in points), max(point.x for point in points))
    across, up = Axis(low, high, 46, SCATTER_WIDTH - 14), Axis(0, 1, SCATTER_HEIGHT - 44, 30)
    ticks = tuple(Tick(across.at(low + index * step), f"{round(low + index * step, 6):g}") for index in range(round((high - low) / step) + 1))
    plot = Plot(SCATTER_WIDTH, SCATTER_HEIGHT, across, up, ticks, tuple(Tick(up.at(share / 4), f"{25 * share} %") for share in range(5)))
    places = [(across.at(point.x), up.at(point.y)) for point in points]
    taken = [_Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]
    marks = []
    # From the right edge inwards: labels there have the fewest places to go.
    for point, (x, y) in sorted(zip(points, places, strict=True), key=lambda item: (-item[1][0], item[1][1], item[0].label)):
        box, joined = _label_box(plot, x, y, len(point.label) * _LETTER, taken)
        taken.append(box)
        anchor = round(min(max(x, box.left), box.right), 1) if joined else None
        marks.append(Mark(point, x, y, up.at(point.low), up.at(point.high), round(box.left, 1), round(box.bottom - 4, 1), anchor))
    return Scatter(plot, tuple(marks))


def _label_box(plot: Plot, x: float, y: float, width: float, taken: Sequence[_Box]) -> tuple[_Box, bool]:
    """The place of a label near a mark: the first that covers nothing, otherwise the one that covers least. Whether it stands apart."""
    best: tuple[float, _Box, bool] | None = None
    for left, middle, joined in _label_places(x, y, width):
        left = min(max(left, plot.across.start + 2), plot.across.end + 12 - width)
        box = _Box(left, middle - _LINE / 2, left + width, middle + _LINE / 2)
        if box.top < 2 or box.bottom > plot.up.start:
            continue
        covered = sum(box.overlap(other) for other in taken)
        if best is None or covered < best[0]:
            best = (covered, box, joined)
        if covered == 0:
            break
    if best is None:
        raise AssertionError("a mark lies outside its plot")
    return best[1], best[2]


def _label_places(x: float, y: float, width: float) -> Iterator[tuple[float, float, bool]]:
    """Left end and middle line of candidate places, the nicest first, and whether a line must join it to its mark."""
    yield from ((x + _RADIUS + 4, y, False), (x - _RADIUS - 4 - width, y, False), (x - width / 2, y - 14, False), (x - width / 2, y + 14, False))
    for step in range(1, 24):
        for away in (step * _LINE, -step * _LINE):
            yield from ((x + 12, y + away, True), (x - 12 - width, y + away, True))


def _round_range(low: float, high: float) -> tuple[float, float, float]:
    """Round ends around the values, and a round step of the ticks between them."""
    margin = max((high - low) * 0.08, abs(high) * 0.005, 1e-3)
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


# Ends of the heat map's scale on a light and on a dark page: one blue hue, whose lightness alone says how much, so that it reads without seeing colours and on
# grey paper. Larger shares stand out more from the page.
_LIGHT, _DARK = ((240, 245, 251), (8, 62, 128)), ((28, 38, 50), (158, 203, 255))
_INKS = ((16, 24, 32), (255, 255, 255))


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
    red, green, blue = (part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color)
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
    """Curves (at least one) of the same recogniser on the same impostor pairs: false accept rates along a logarithmic axis."""
    least = max(_LEAST_FAR, min(min(curve.far, default=_LEAST_FAR) for curve in curves))
    across, up = Axis(min(least, 0.1), 1, 44, ROC_WIDTH - 12, logarithmic=True), Axis(0, 1, ROC_HEIGHT - 40, 24)
    decades = range(math.ceil(math.log10(across.low) - 1e-9), 1)
    plot = Plot(
        ROC_WIDTH,
        ROC_HEIGHT,
        across,
        up,
        tuple(Tick(across.at(10.0**decade), f"{10.0**decade:g}") for decade in decades),
        tuple(Tick(up.at(share / 2), f"{50 * share} %") for share in range(3)),
    )
    lines = [(curve.pairs, protected, _polyline(plot, curve.far, values)) for curve in curves for protected, values in ((False, curve.clean), (True, curve.protected))]
    return RocChart(plot, tuple(curves), tuple(lines), tuple(_threshold(plot, curves[0], point) for point in operating))


def _polyline(plot: Plot, far: Sequence[float], values: Sequence[float]) -> str:
    return " ".join(f"{plot.across.at(rate)},{plot.up.at(value)}" for rate, value in zip(far, values, strict=True))


def _threshold(plot: Plot, curve: Roc, operating: Operating) -> Threshold:
    # Thresholds fall as the rate rises: the first that is no stricter has at least the rate of the one in use.
    rates = sorted(zip(curve.far, curve.threshold, strict=True))
    far = next((far for far, threshold in rates if threshold <= operating.threshold), 1.0)
    return Threshold(plot.across.at(far), operating, far, bool(rates) and operating.threshold > rates[0][1])


def read_off(curve: Roc, far: float) -> tuple[float, float, float]:
    """The point of a curve at the smallest of its false accept rates that is not below `far`: that rate, and the clean and protected true accept rate there."""
    points = sorted(zip(curve.far, curve.clean, curve.protected, strict=True))
    return next((point for point in points if point[0] >= far), points[-1])
