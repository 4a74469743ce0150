"""What makeup a face wears, as data and in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import torch

# sRGB, 0 to 255, of the product itself.
LIPSTICK_COLORS = {
    "red": (178, 24, 38),
    "pink": (226, 88, 140),
    "purple": (112, 40, 130),
    "orange": (226, 96, 46),
    "brown": (104, 62, 46),
    "black": (28, 24, 28),
}
EYESHADOW_COLORS = {
    "purple": (124, 66, 160),
    "blue": (52, 92, 184),
    "green": (48, 128, 84),
    "gold": (206, 164, 64),
    "brown": (104, 66, 44),
    "grey": (84, 86, 94),
}
EYELINER_COLORS = {"black": (22, 20, 22), "brown": (62, 42, 32)}
BLUSH_COLORS = {"rose": (206, 84, 98), "pink": (232, 112, 140), "peach": (236, 130, 96)}

COLORS: Mapping[str, Mapping[str, tuple[int, int, int]]] = {
    "eyeliner": EYELINER_COLORS,
    "blush": BLUSH_COLORS,
    "eyeshadow": EYESHADOW_COLORS,
    "lipstick": LIPSTICK_COLORS,
}

# What a text says of a face: "makeup" -> whether there is any; an item -> the name of its color, or True for whichever
# color.
Claims = Mapping[str, str | bool]


@dataclass(frozen=True)
class Paint:
    """A product on the face.

    Attributes:
        color: a name in `COLORS` of the item, or any name where `rgb` says what it is.
        opacity: in [0, 1].
        gloss: in [0, 1]: how much lips shine, or eyeshadow glitters.
        rgb: sRGB, 0 to 255, of a color that is not in `COLORS`.
    """

    color: str
    opacity: float = 0.8
    gloss: float = 0.0
    rgb: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        for name, value in (("opacity", self.opacity), ("gloss", self.gloss)):
            _check_unit(name, value)


@dataclass(frozen=True)
class Look:
    """Everything that a face wears; the empty look is no makeup.

    Attributes:
        lipstick, eyeshadow, eyeliner, blush: the paint, or None.
        foundation: opacity in [0, 1].
    """

    lipstick: Paint | None = None
    eyeshadow: Paint | None = None
    eyeliner: Paint | None = None
    blush: Paint | None = None
    foundation: float = 0.0

    def __post_init__(self) -> None:
        _check_unit("foundation", self.foundation)
        for item, paint in self.paints().items():
            if paint.rgb is None and paint.color not in COLORS[item]:
                raise ValueError(f"Expected one of the {item} colors {', '.join(COLORS[item])}, found {paint.color!r}.")

    def paints(self) -> dict[str, Paint]:
        """Item -> paint, of the items worn, in the order of `COLORS`."""
        worn = {item: getattr(self, item) for item in COLORS}
        return {item: paint for item, paint in worn.items() if paint is not None}

    @property
    def is_bare(self) -> bool:
        """Whether this is no makeup at all."""
        return not self.paints() and self.foundation == 0

    def claims(self) -> dict[str, str | bool]:
        """All that a text can truthfully say of the look, such as {"makeup": True, "lipstick": "purple", "blush":
        True}.

        Foundation is meant not to be seen, and nobody names the color of blush and eyeliner.
        """
        named = {
            item: paint.color if item in ("lipstick", "eyeshadow") else True for item, paint in self.paints().items()
        }
        return {"makeup": not self.is_bare} | named


def satisfies(look: Look, claims: Claims) -> bool:
    """Whether everything claimed is true of the look."""
    true = look.claims()
    return all(bool(true.get(item)) if value is True else true.get(item) == value for item, value in claims.items())


def random_look(generator: torch.Generator) -> Look:
    """A look with lipstick, eyeshadow or both: eyeliner or blush alone hardly show in a small frame."""
    worn: dict[str, Paint] = {}
    while not worn.keys() & {"lipstick", "eyeshadow"}:
        worn = {item: _random_paint(item, generator) for item, share in _WORN.items() if _uniform(generator) < share}
    foundation = 0.3 + 0.6 * _uniform(generator) if _uniform(generator) < 0.5 else 0.0
    return Look(**worn, foundation=foundation)


def random_claims(look: Look, generator: torch.Generator) -> dict[str, str | bool]:
    """Some of what is true of the look: a quarter of the time no more than that there is makeup, else a random choice
    of at least one item."""
    true = look.claims()
    items = [item for item in true if item != "makeup"]
    chosen: list[str] = []
    if items and _uniform(generator) >= 0.25:
        while not chosen:
            chosen = [item for item in items if _uniform(generator) < 0.5]
    return {"makeup": true["makeup"]} | {item: true[item] for item in chosen}


def captions(claims: Claims) -> list[str]:
    """All phrasings of the claims, every order of the items included; the first is "face with ..." or "face without
    makeup"."""
    if not claims.get("makeup", True):
        return list(_BARE)
    spoken = [
        _NAMES[item] if value is True else [f"{value} {name}" for name in _NAMES[item]]
        for item, value in claims.items()
        if item != "makeup"
    ]
    listed = [_listed(words) for order in permutations(spoken) for words in product(*order)] if spoken else ["makeup"]
    return [pattern.format(words) for words in listed for pattern in _WEARING]


def caption(claims: Claims, generator: torch.Generator) -> str:
    """One phrasing of the claims, drawn at random."""
    phrasings = captions(claims)
    return phrasings[int(torch.randint(len(phrasings), (), generator=generator))]


# Thinner than this, brown lipstick or grey eyeshadow alone cannot be told from a bare face.
_LEAST_OPACITY = 0.65

# How often a random look has the item.
_WORN = {"lipstick": 0.65, "eyeshadow": 0.55, "eyeliner": 0.4, "blush": 0.4}

_NAMES = {
    "lipstick": ["lipstick"],
    "eyeshadow": ["eyeshadow", "eye shadow"],
    "eyeliner": ["eyeliner"],
    "blush": ["blush"],
}

# The first of each are the texts of DiffAM (Sun et al., CVPR 2024).
_WEARING = (
    "face with {}",
    "a face with {}",
    "a photo of a face with {}",
    "a person wearing {}",
    "a person with {}",
    "a portrait of a person wearing {}",
)
_BARE = (
    "face without makeup",
    "a face without makeup",
    "a bare face without makeup",
    "a photo of a face without makeup",
    "a person with no makeup on",
    "a person without makeup",
    "a portrait of a person wearing no makeup",
)


def _random_paint(item: str, generator: torch.Generator) -> Paint:
    names = list(COLORS[item])
    color = names[int(torch.randint(len(names), (), generator=generator))]
    return Paint(color, _LEAST_OPACITY + (1 - _LEAST_OPACITY) * _uniform(generator), _uniform(generator))


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _check_unit(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"Expected {name} in [0, 1], found {value}.")
