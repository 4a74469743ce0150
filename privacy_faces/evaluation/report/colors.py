"""Colors of the report: those that charts may use, the scale of the heat maps, and the contrast of two colors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEAT_LEVELS = 10

# Stand-ins under which charts are drawn -> the variables of report.css that take their place on the page, so that one
# drawing serves light and dark screens and paper.
VARIABLES: Mapping[str, str] = {
    "#000001": "ink",
    "#000002": "soft",
    "#000003": "line",
    "#000004": "page",
    "#000005": "accent",
    "#000006": "other",
}
INK, SOFT, LINE, PAGE, ACCENT, OTHER = VARIABLES

# Ends of the heat map's scale on a light and on a dark page: one blue hue, whose lightness alone says how much, so that
# it reads without seeing colors and on gray paper. Larger shares stand out more from the page.
_LIGHT, _DARK = ((240, 245, 251), (8, 62, 128)), ((28, 38, 50), (158, 203, 255))
# Black on white has a contrast of 21, so one of the two has at least the root of that, 4.58, on any ground.
_INKS = ((0, 0, 0), (255, 255, 255))


def heat_level(share: float) -> int:
    """A level of the heat map's scale, from 0 (none) to 10 (all)."""
    return round(HEAT_LEVELS * share)


def heat_colors(dark: bool) -> list[tuple[str, str]]:
    """Background and text color of each level; the text is black or white, whichever differs more."""
    low, high = _DARK if dark else _LIGHT
    colors = []
    for level in range(HEAT_LEVELS + 1):
        part = level / HEAT_LEVELS
        ground = tuple(round(first + (last - first) * part) for first, last in zip(low, high, strict=True))
        ink = max(_INKS, key=lambda ink: contrast(ink, ground))
        colors.append((_hex(ground), _hex(ink)))
    return colors


def contrast(first: Sequence[int], second: Sequence[int]) -> float:
    """The contrast ratio of two colors, 0 to 255 (WCAG 2.2); 4.5 is asked of text (AA)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Sequence[int]) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(color: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in color)
