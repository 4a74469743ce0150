"""How well `makeup-clip` tells makeup on portraits that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from privacy_faces.plugin import Portraits
from privacy_faces_makeup.clip.image_text import ImageText
from privacy_faces_makeup.face.look import COLORS, Claims, Look, Paint, captions, random_look
from privacy_faces_makeup.face.rendering import layers_of, paint

_BARE: Claims = {"makeup": False}
_MADE_UP: Claims = {"makeup": True}
# What is asked the color of, and how many random looks each portrait wears.
_COLORED = ("lipstick", "eyeshadow")
_MEASURED_LOOKS = 4


@torch.no_grad()
def measure(model: ImageText, portraits: Portraits, seed: int = 0) -> dict[str, float]:
    """How well the model tells makeup on these portraits.

    - makeup: share of the portraits, as often bare as with a random look, that are told right as "face with makeup" or
      "face without makeup", zero-shot with all phrasings.
    - lipstick, eyeshadow: share of the random looks with the item whose color is told right among the six.
    - same: mean cosine between the change of an image from bare to one item alone, and the change of text "face without
      makeup" -> "face with COLOR ITEM".
    - other_color, other_item: the same where the text names another color of the item, or the other one of lipstick
      and eyeshadow.

    Args:
        model: on any device.
        portraits: frames of any size.
        seed: of the looks.
    """
    wardrobe = _Wardrobe(portraits, seed, model.mean.device)
    return _zero_shot(model, wardrobe) | _directions(model, wardrobe)


class _Wardrobe:
    """Portraits that put looks on."""

    def __init__(self, portraits: Portraits, seed: int, device: torch.device) -> None:
        self.bare, self.layers = (
            portraits.unit(),
            layers_of(portraits.landmarks, portraits.frames.shape[-1]).float() / 255,
        )
        self.generator = torch.Generator().manual_seed(seed)
        self.device = device

    def wearing(self, looks: Sequence[Look]) -> Tensor:
        """The portraits (N, 3, S, S), each with its look."""
        return paint(self.bare, self.layers, looks, [self.generator] * len(looks)).to(self.device)


def _zero_shot(model: ImageText, wardrobe: _Wardrobe) -> dict[str, float]:
    kinds = [captions(_MADE_UP), captions(_BARE)]
    bare = (model.classify(wardrobe.bare.to(wardrobe.device), kinds) == 1).tolist()
    right: dict[str, list[bool]] = {"makeup": bare * _MEASURED_LOOKS} | {item: [] for item in _COLORED}
    for _ in range(_MEASURED_LOOKS):
        looks = [random_look(wardrobe.generator) for _ in bare]
        frames = wardrobe.wearing(looks)
        right["makeup"] += (model.classify(frames, kinds) == 0).tolist()
        for item in _COLORED:
            colors = list(COLORS[item])
            told = model.classify(frames, [captions({"makeup": True, item: color}) for color in colors]).tolist()
            right[item] += [
                colors[index] == look.paints()[item].color
                for index, look in zip(told, looks, strict=True)
                if item in look.paints()
            ]
    return {name: sum(answers) / len(answers) for name, answers in right.items()}


def _directions(model: ImageText, wardrobe: _Wardrobe) -> dict[str, float]:
    named = [(item, color) for item in _COLORED for color in COLORS[item]]
    texts = model.embed_texts(
        [captions(_BARE)[0], *(captions({"makeup": True, item: color})[0] for item, color in named)]
    )
    origin = model.embed_images(wardrobe.bare.to(wardrobe.device))
    cosines = []
    for item, color in named:
        look = Look(**{item: Paint(color)}, foundation=0.0)
        changes = model.embed_images(wardrobe.wearing([look] * len(origin))) - origin
        cosines.append(cosine_similarity(changes[:, None], (texts[1:] - texts[0])[None], 2).mean(0))
    table = torch.stack(cosines).cpu()
    same = torch.eye(len(named), dtype=torch.bool)
    item_of = torch.tensor([_COLORED.index(item) for item, _ in named])
    same_item = item_of[:, None] == item_of
    return {
        name: float(table[where].mean())
        for name, where in (("same", same), ("other_color", same_item & ~same), ("other_item", ~same_item))
    }
