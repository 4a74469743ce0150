"""Where the labels of a scatter go: one after the other, each near its mark, in the place that covers and crosses
least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# In SVG units. Text is planned for the larger type of small screens.
LETTER, LINE = 8.0, 15.0
RADIUS = 5.0
# Other marks keep labels at this distance, lest one be read as theirs.
_APART = 14.0
_BESIDE, _ABOVE = RADIUS + 4, 14.0
# How far apart from its mark a label may stand: lines of text up or down, and shifts to the side.
_STEPS, _SHIFTS = 20, (_BESIDE, 30.0, 60.0)
# What covering a square unit and crossing something by a tenth of a line cost, in units of distance.
_COVERING, _CROSSING = 4.0, 40.0


@dataclass(frozen=True)
class Box:
    """A rectangle; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        return max(0.0, min(self.right, other.right) - max(self.left, other.left)) * max(
            0.0, min(self.bottom, other.bottom) - max(self.top, other.top)
        )

    def within(self, other: Box) -> bool:
        """Whether all of it lies in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True)
class Label:
    """A label in its place.

    Attributes:
        x, y: where the text's `anchor` ("start", "middle" or "end") stands, at half its height.
        leader: whether a line joins the label, which stands apart, to its mark.
        width: room that the text is given.
    """

    x: float
    y: float
    anchor: str
    leader: bool
    width: float

    @property
    def box(self) -> Box:
        """The room that it takes."""
        left = {"start": self.x, "middle": self.x - self.width / 2, "end": self.x - self.width}[self.anchor]
        return Box(left, self.y - LINE / 2, left + self.width, self.y + LINE / 2)

    def line(self, x: float, y: float) -> list[Box]:
        """The line to its mark at (x, y), as a row of small boxes; empty without one."""
        parts = range(2, 10) if self.leader else range(0)
        return [_around(x + (self.x - x) * part / 10, y + (self.y - y) * part / 10, 1, 1) for part in parts]


def place_labels(marks: Sequence[tuple[float, float]], texts: Sequence[str], room: Box) -> list[Label]:
    """A label for each mark (x, y), all inside `room`."""
    # From the right edge inwards: labels there have the fewest places to go.
    order = sorted(range(len(marks)), key=lambda index: (-marks[index][0], marks[index][1], texts[index], index))
    placed: dict[int, Label] = {}
    for index in order:
        own = marks[index]
        others = [mark for place, mark in enumerate(marks) if place != index]
        labels = [label.box for label in placed.values()]
        lines = [box for place, label in placed.items() for box in label.line(*marks[place])]
        kept = [*labels, *lines, _around(*own, RADIUS, RADIUS), *(_around(*mark, _APART, RADIUS) for mark in others)]
        crossed = [*labels, *(_around(*mark, RADIUS, RADIUS) for mark in others)]
        candidates = [label for label in _candidates(*own, len(texts[index]) * LETTER) if label.box.within(room)]
        placed[index] = min(candidates, key=lambda label: _cost(label, own, kept, crossed))
    return [placed[index] for index in range(len(marks))]


def _cost(label: Label, mark: tuple[float, float], kept: Sequence[Box], crossed: Sequence[Box]) -> float:
    """How bad a place is: what it covers, what its line crosses, and how far it is from the mark."""
    covered = sum(label.box.overlap(box) for box in kept)
    crossings = sum(1 for part in label.line(*mark) if any(part.overlap(box) for box in crossed))
    return _COVERING * covered + _CROSSING * crossings + abs(label.x - mark[0]) + abs(label.y - mark[1])


def _candidates(x: float, y: float, width: float) -> Iterator[Label]:
    """Beside the mark, above, below, and farther away with a line; of equally good ones the first is taken."""
    yield Label(x + _BESIDE, y, "start", False, width)
    yield Label(x - _BESIDE, y, "end", False, width)
    yield Label(x, y - _ABOVE, "middle", False, width)
    yield Label(x, y + _ABOVE, "middle", False, width)
    for step in range(1, _STEPS):
        for away in (-step * LINE, step * LINE):
            for shift in _SHIFTS:
                yield Label(x + shift, y + away, "start", True, width)
                yield Label(x - shift, y + away, "end", True, width)


def _around(x: float, y: float, wide: float, high: float) -> Box:
    return Box(x - wide, y - high, x + wide, y + high)
