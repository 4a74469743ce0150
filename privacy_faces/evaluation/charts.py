"""Coordinates of the report's charts: numbers to places in an SVG, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from privacy_faces.evaluation.results import MethodResults, Number, Operating, Roc, Success

# Drawing areas in SVG units, with room for axes left and below.
WIDTH, HEIGHT, LEFT, BELOW, TOP, RIGHT = 640, 360, 52, 44, 14, 16
ROC_WIDTH, ROC_HEIGHT = 260, 190
# A false accept rate below this is not drawn.
_LEAST_FAR = 1e-5


@dataclass(frozen=True)
class Axis:
    """A scale from values to places.

    Attributes:
        low, high: values at the ends.
        start, end: places at the ends.
        logarithmic: whether the scale is.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value, rounded so that the same numbers give the same file."""
        low, high, value = (math.log10(item) for item in (self.low, self.high, value)) if self.logarithmic else (self.low, self.high, value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)


@dataclass(frozen=True)
class Mark:
    """One method in the scatter: where, its label and where that stands, and how to draw it."""

    x: float
    y: float
    label: str
    label_y: float
    anchor: str
    held_out: bool
    title: str


def percent(value: float) -> str:
    """A share as text, such as "97 %"."""
    return f"{100 * value:.0f} %"


def spelled(number: Number, *, share: bool = False, digits: int = 2) -> str:
    """A number with its interval and n; the reason where there is none."""
    if number.value is None:
        return "n/a"

    def one(value: float) -> str:
        return f"{100 * value:.0f}" if share else f"{value:.{digits}f}"

    unit = " %" if share else ""
    interval = f"{one(number.low)} to {one(number.high)}, " if number.low is not None and number.high is not None else ""
    return f"{one(number.value)}{unit} ({interval}n = {number.n})"


def main_success(method: MethodResults, measure: str, recognizer: str, far: float | None) -> Success | None:
    """The row of a measure for all faces."""
    for row in method.success:
        if (row.measure, row.recognizer, row.far, row.group) == (measure, recognizer, far, None):
            return row
    return None


def scatter(methods: Sequence[MethodResults], recognizer: str, far: float) -> tuple[list[Mark], list[tuple[float, str]], list[tuple[float, str]]]:
    """Privacy against quality: marks, and the ticks (place, text) of PSNR below and of the share dodged at the left."""
    points = []
    for method in methods:
        row, psnr = main_success(method, "dodging", recognizer, far), method.quality.psnr.value
        if row is not None and row.protected.value is not None and psnr is not None:
            points.append((psnr, row.protected.value, method.label, row.role == "held-out"))
    if not points:
        return [], [], []
    low, high = min(point[0] for point in points), max(point[0] for point in points)
    start, end = 5 * math.floor((low - 1) / 5), 5 * math.ceil((high + 1) / 5)
    across = Axis(start, end, LEFT, WIDTH - RIGHT)
    up = Axis(0, 1, HEIGHT - BELOW, TOP + 12)
    marks: list[Mark] = []
    for psnr, share, label, held_out in sorted(points, key=lambda point: (-point[1], point[0], point[2])):
        x, y = across(psnr), up(share)
        anchor = "end" if x > WIDTH * 0.7 else "start"
        label_y = y + 4
        # Labels of marks at one place are set below each other.
        while any(abs(mark.label_y - label_y) < 13 and abs(mark.x - x) < 150 for mark in marks):
            label_y += 13
        marks.append(Mark(x, y, label, round(label_y, 1), anchor, held_out, f"{label}: {percent(share)} dodged, PSNR {psnr:.1f} dB"))
    return marks, [(across(tick), str(tick)) for tick in range(start, end + 1, 5)], [(up(tick / 4), percent(tick / 4)) for tick in range(5)]


def roc_axes(curve: Roc) -> tuple[Axis, Axis]:
    """False accept rates along a logarithmic scale, true accept rates upwards."""
    return Axis(max(_LEAST_FAR, min(curve.far)), 1, 34, ROC_WIDTH - 8, logarithmic=True), Axis(0, 1, ROC_HEIGHT - 28, 8)


def polyline(curve: Roc, values: Sequence[float]) -> str:
    """The points of a curve for an SVG polyline."""
    across, up = roc_axes(curve)
    return " ".join(f"{across(far)},{up(value)}" for far, value in zip(curve.far, values, strict=True) if far >= _LEAST_FAR)


def threshold_places(curve: Roc, thresholds: Sequence[Operating]) -> list[tuple[float, str]]:
    """Where the thresholds in use lie along the false accept rates of this data: places and titles."""
    across, _ = roc_axes(curve)
    places = []
    for point in thresholds:
        # The thresholds fall as the rate rises: the first that is no higher than the one in use.
        far = next((far for far, threshold in zip(curve.far, curve.threshold, strict=True) if threshold <= point.threshold), 1.0)
        if far >= across.low:
            places.append((across(far), f"threshold {point.threshold} of FAR {point.far:g} ({point.source}); {far:.2g} on this data"))
    return places


def heat(value: float | None) -> str:
    """The style of a heat map's cell: from pale to deep blue, light differing more than hue, so that it reads without colour."""
    if value is None:
        return ""
    return f"background:hsl(212 62% {96 - 66 * value:.0f}%);color:{'#fff' if value > 0.5 else '#10243d'}"
