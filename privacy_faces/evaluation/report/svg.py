"""A matplotlib figure as an SVG element inside an HTML page: no external reference, no inline style (the page's
Content-Security-Policy forbids both), the page's own font and colors, and the same bytes for the same drawing."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from privacy_faces.evaluation.report.colors import VARIABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Points in an inch: with these, a unit of the SVG is a point of the figure.
_POINTS = 72
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "figure.dpi": _POINTS,
    "path.simplify": False,
}
_TITLE = "title: "
# What the page's style sheet says better: the font, for one.
_PAGE_DECIDES = {"font", "font-family", "font-size", "font-style", "font-weight"}


def element(draw: Callable[[Figure], None], width: float, height: float, label: str, salt: str) -> Markup:
    """A drawing as `<svg role="img">`.

    Args:
        draw: draws on an empty figure, in colors of `colors.VARIABLES` only.
        width, height: of the figure in points, which become the units of the SVG.
        label: what the drawing says, for those who do not see it.
        salt: distinguishes the drawing from all others of the page; the identifiers inside are made from it.
    """
    # Here, because matplotlib takes long to import, and only rendering needs it.
    import matplotlib
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Whatever a user's matplotlibrc says: the same results give the same page.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": salt})
        # The page's fonts draw the text; matplotlib only measures it, with a font that lacks some scripts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width / _POINTS, height / _POINTS))
        figure.patch.set_visible(False)
        draw(figure)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = ElementTree.fromstring(buffer.getvalue())
    svg.attrib = {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": plain(label)}
    _clean(svg)
    return Markup(ElementTree.tostring(svg, encoding="unicode"))


def title(text: str) -> str:
    """The `gid` that gives a matplotlib artist a title, which browsers show under the pointer."""
    return _TITLE + plain(text)


def plain(text: str) -> str:
    """The text without characters that XML does not allow or that are not seen."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _clean(parent: ElementTree.Element) -> None:
    """Makes SVG that stands alone into SVG for a page, recursively: plain names, attributes instead of styles,
    variables instead of colors, no identifier but those that something refers to, no metadata."""
    parent.tag = _local(parent.tag)
    for child in list(parent):
        if _local(child.tag) in {"metadata", "style"}:
            parent.remove(child)
            continue
        child.attrib = {_local(name): value for name, value in child.attrib.items()}
        identifier = child.get("id", "")
        if child.tag.endswith("}g"):
            child.attrib.pop("id", None)
        for name, value in re.findall(r"([\w-]+):\s*([^;]+)", child.attrib.pop("style", "")):
            if name not in _PAGE_DECIDES:
                child.set(name, f"var(--{VARIABLES[value]})" if value.startswith("#") else value)
        if child.get("transform", "").startswith("rotate(-0 "):
            del child.attrib["transform"]
        _clean(child)
        if identifier.startswith(_TITLE):
            ElementTree.SubElement(child, "title").text = identifier.removeprefix(_TITLE)
    if parent.tag != "text" and not (parent.text or "").strip():
        parent.text = None
    for child in parent:
        child.tail = None
    for child in list(parent):
        if child.tag in {"g", "defs"} and not len(child):
            parent.remove(child)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
