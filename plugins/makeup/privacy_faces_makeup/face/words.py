"""A look from its description, such as "red lipstick and smoky eyes".

Colors are those of the products in `look.COLORS` and the 949 names of the XKCD color survey (CC0), which matplotlib
carries. Every word has to be understood: one that is not would be left out of the makeup without a word said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from privacy_faces_makeup.face.look import COLORS, Look, Paint

Item = Literal["lipstick", "eyeshadow", "eyeliner", "blush", "foundation"]
_RGB = tuple[int, int, int]

_ITEMS: dict[str, Item] = {
    "lipstick": "lipstick", "lips": "lipstick", "lip": "lipstick", "mouth": "lipstick",
    "eyeshadow": "eyeshadow", "shadow": "eyeshadow", "eyes": "eyeshadow", "eye": "eyeshadow",
    "eyelids": "eyeshadow", "lids": "eyeshadow", "lid": "eyeshadow",
    "eyeliner": "eyeliner", "liner": "eyeliner",
    "blush": "blush", "blusher": "blush", "rouge": "blush", "cheeks": "blush",
    "foundation": "foundation", "powder": "foundation",
}  # fmt: skip
# Two words for one.
_JOINED = {"eye shadow": "eyeshadow", "eye liner": "eyeliner", "eye lids": "eyelids", "lip gloss": "glossy lipstick"}
_SPELLED = {"gray": "grey", "smokey": "smoky", "rosy": "rose", "golden": "gold", "shimmery": "shimmering"}
# The color of an item that is named without one.
_USUAL = {"lipstick": "red", "eyeshadow": "brown", "eyeliner": "black", "blush": "rose"}
# Of makeup alone, which no list of colors has.
_OWN: dict[str, _RGB] = {"nude": (190, 124, 108), "champagne": (222, 194, 156)}
_SMOKY, _SMOKE = "smoky", "charcoal"
_OPACITY = dict.fromkeys(("sheer", "soft", "light", "subtle", "natural"), 0.5) | dict.fromkeys(
    ("bold", "strong", "intense", "dark", "heavy"), 0.97
)
# Which rather say which color it is, where the survey knows that color.
_SHADES = {"light", "dark"}
_GLOSS = {"matte": 0.0} | dict.fromkeys(("glossy", "shiny", "shimmering", "glitter", "metallic"), 0.8)
_FILLERS = {"a", "an", "the", "of", "in", "on", "her", "his", "their", "some", "very", "face", "makeup", "look"}
_SEPARATORS = {",", "and", "with", "plus"}
_USUAL_OPACITY, _USUAL_GLOSS, _FOUNDATION = 0.9, 0.3, 0.6
# Words that the longest names of colors have.
_LONGEST = 4


class WordsError(ValueError):
    """A description that is not understood; the message says which words are."""


@dataclass
class _Phrase:
    """Items, and what is said of them."""

    items: list[Item] = field(default_factory=list)
    color: str | None = None
    smoky: bool = False
    opacity: float = _USUAL_OPACITY
    gloss: float = _USUAL_GLOSS


def look_of(description: str) -> Look:
    """The look that a description names: items with colors and finishes before or after them; phrases are separated by
    commas, "and", or "with". Lips or lids without a color have the one last named.

    Raises:
        WordsError: for a word that is not understood, or when no item is named.
    """
    worn: dict[str, Paint] = {}
    foundation, last = 0.0, None
    for phrase in _phrases(description):
        if not phrase.items and phrase != _Phrase():
            raise _error(description, f"it does not say of what {phrase.color or 'a finish'} is")
        last = phrase.color or (_SMOKE if phrase.smoky else last)
        for item in phrase.items:
            if item == "foundation":
                if phrase.color is not None:
                    raise _error(description, f"foundation has the skin's color, not {phrase.color}")
                foundation = _FOUNDATION
                continue
            inherited = last if item in ("lipstick", "eyeshadow") else phrase.color
            worn[item] = _paint(item, inherited or _USUAL[item], phrase)
        if phrase.smoky and "eyeshadow" in phrase.items:
            worn.setdefault("eyeliner", Paint("black", 0.9))
    if not worn and not foundation:
        raise _error(description, "it names nothing to put on")
    return Look(**worn, foundation=foundation)


def understood() -> str:
    """What may be said, in a sentence or two."""
    colors = ", ".join(sorted({name for named in COLORS.values() for name in named} | set(_OWN)))
    return (
        f"Words for what is put on: {', '.join(_ITEMS)}. Colors: {colors}, and the names of the XKCD survey such as "
        f"dark teal. How: {_SMOKY}, {', '.join(_OPACITY | _GLOSS)}."
    )


def _phrases(description: str) -> list[_Phrase]:
    text = " ".join(re.findall(r"[a-z]+|,|[^\sa-z,-]+", description.lower()))
    for two, one in _JOINED.items():
        text = re.sub(rf"\b{two}\b", one, text)
    words = [_SPELLED.get(word, word) for word in text.split()]
    phrases, place = [_Phrase()], 0
    while place < len(words):
        place += _read(words[place:], phrases, description)
    return phrases


def _read(words: list[str], phrases: list[_Phrase], description: str) -> int:
    """Takes in the first words, and says how many those are."""
    word, phrase = words[0], phrases[-1]
    if word in _SEPARATORS:
        phrases.append(_Phrase())
    elif word in _ITEMS:
        phrase.items.append(_ITEMS[word])
    elif word in _OPACITY and word not in _SHADES:
        # Ahead of the survey, whose "soft pink" is nearly white.
        phrase.opacity = _OPACITY[word]
    elif count := next((n for n in range(_LONGEST, 0, -1) if _known(" ".join(words[:n]))), 0):
        if phrase.color is not None:
            raise _error(description, f"it has two colors, {phrase.color} and {' '.join(words[:count])}, for one thing")
        phrase.color = " ".join(words[:count])
        return count
    elif word == _SMOKY:
        phrase.smoky, phrase.opacity = True, _OPACITY["bold"]
    elif word in _OPACITY:
        phrase.opacity = _OPACITY[word]
    elif word in _GLOSS:
        phrase.gloss = _GLOSS[word]
    elif word not in _FILLERS:
        raise _error(description, f"the word {word!r} is not understood")
    return 1


def _paint(item: Item, color: str, phrase: _Phrase) -> Paint:
    return Paint(color, phrase.opacity, phrase.gloss, None if color in COLORS[item] else _rgb(color))


def _known(name: str) -> bool:
    if name in _SHADES:
        return False
    return name in _OWN or any(name in colors for colors in COLORS.values()) or f"xkcd:{name}" in _survey()


def _rgb(name: str) -> _RGB:
    """In sRGB, 0 to 255: of makeup, then of the survey, then of another item."""
    if name in _OWN:
        return _OWN[name]
    if (code := _survey().get(f"xkcd:{name}")) is not None:
        return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
    return next(colors[name] for colors in COLORS.values() if name in colors)


@cache
def _survey() -> dict[str, str]:
    # matplotlib takes a while to import, and few runs describe their makeup.
    from matplotlib.colors import XKCD_COLORS, to_hex

    return {name: to_hex(color) for name, color in XKCD_COLORS.items()}


def _error(description: str, why: str) -> WordsError:
    return WordsError(
        f"Expected words for makeup, such as 'red lipstick and smoky eyes', got {description!r}: {why}. {understood()}"
    )
