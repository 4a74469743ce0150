"""Train `makeup-clip`: portraits, bare and with painted makeup, against sentences that say which is which.

Two losses. Every image is compared with every sentence of the batch by the sigmoid loss (Zhai et al., ICCV 2023), where
a sentence fits each image of which all that it claims is true. And the change from a bare face to the same face made up
is compared with the change from "face without makeup" to the sentence: makeup transfer follows such directions (Gal et
al., StyleGAN-NADA, SIGGRAPH 2022, equation 3), so the directions themselves are trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from kornia.enhance import adjust_gamma, adjust_saturation_with_gray_subtraction
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, interpolate, logsigmoid, normalize

from privacy_faces.plugin import Portraits, Recipe, Turn, train
from privacy_faces_makeup.clip.image_text import ImageText, build
from privacy_faces_makeup.clip.measurement import measure
from privacy_faces_makeup.face.look import (
    Claims,
    Look,
    caption,
    random_claims,
    random_look,
    satisfies,
)
from privacy_faces_makeup.face.rendering import layers_of, paint

# Weight of each loss term: that a change goes the right way is learned long before what one face alone wears.
WEIGHTS = {"match": 2.0, "direction": 1.0}

# Logits are scale * (cosine - boundary): pairs that fit are pushed above the boundary, all others below.
_MATCH_SCALE, _MATCH_BOUNDARY = 12.0, 0.3
_DIRECTION_SCALE, _DIRECTION_BOUNDARY = 12.0, 0.3
# Shorter changes count as this long, so that the direction term makes changes grow. The gradient of a true cosine is
# the larger the smaller the change: it would drown the other term, and changes that makeup transfer can see would never
# come about.
_LEAST_CHANGE = 0.5

# Augmentation of both pictures of a pair, at most: shift as a share of the frame's side, turn in radians, scale as a
# share.
_SHIFT = 0.03
_TURN = 0.1
_SCALE = 0.08

# Augmentation of the bare face before it is painted, at most: share of another face, octaves of gamma, and as shares
# the change of saturation, of the light at each corner of the frame, and of each color channel.
_BLEND = 0.4
_GAMMA = 0.3
_SATURATION = 0.3
_SHADE = 0.15
_TINT = 0.18

_BARE: Claims = {"makeup": False}
_MADE_UP: Claims = {"makeup": True}


@dataclass(frozen=True)
class Pairs:
    """Portraits without and with makeup.

    Attributes:
        bare, made_up: (N, 3, S, S) in [0, 1], the same portraits.
        looks: N looks, those of `made_up`.
        bare_texts, made_up_texts: N sentences each.
        claims: what each of `made_up_texts` says.
    """

    bare: Tensor
    made_up: Tensor
    looks: Sequence[Look]
    bare_texts: Sequence[str]
    made_up_texts: Sequence[str]
    claims: Sequence[Claims]

    def fits(self) -> Tensor:
        """Whether sentence l is true of the made-up portrait k, boolean (N, N)."""
        return torch.tensor([[satisfies(look, claims) for claims in self.claims] for look in self.looks])


def draw(portraits: Portraits, layers: Tensor, count: int, generator: torch.Generator) -> Pairs:
    """`count` faces between random portraits in random light, with random looks, each pair mirrored, turned, scaled and
    shifted at random as one.

    Args:
        portraits: to draw from.
        layers: of `layers_of`.
        count: number of pairs.
        generator: CPU generator; the only source of randomness.
    """
    rows, others = torch.randint(len(portraits), (2, count), generator=generator)
    looks = [random_look(generator) for _ in range(count)]
    bare = _varied(portraits.unit(rows), portraits.unit(others), generator)
    made_up = paint(bare, layers[rows].float() / 255, looks, [generator] * count)
    grid = affine_grid(_placements(count, generator), list(bare.shape), align_corners=False)
    bare, made_up = (grid_sample(side, grid, padding_mode="border", align_corners=False) for side in (bare, made_up))
    claims = [random_claims(look, generator) for look in looks]
    bare_texts = [caption(_BARE, generator) for _ in range(count)]
    return Pairs(bare, made_up, looks, bare_texts, [caption(said, generator) for said in claims], claims)


def _varied(frames: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """Faces that nobody has, in light of many kinds: a model that sees the same few hundred bare faces learns them by
    heart, and takes ruddy skin for makeup.

    Args:
        frames: (N, 3, S, S) in [0, 1].
        others: the same, the faces to blend them with.
        generator: CPU generator.
    """
    count = len(frames)
    frames = frames.lerp(others, _BLEND * torch.rand(count, 1, 1, 1, generator=generator))
    frames = adjust_gamma(frames, 2 ** (_GAMMA * _signed(count, generator=generator)))
    frames = adjust_saturation_with_gray_subtraction(frames, 1 + _SATURATION * _signed(count, generator=generator))
    corners = (
        1 + _SHADE * _signed(count, 1, 2, 2, generator=generator) + _TINT * _signed(count, 3, 1, 1, generator=generator)
    )
    return (frames * interpolate(corners, frames.shape[-2:], mode="bilinear", align_corners=True)).clamp(0, 1)


def _placements(count: int, generator: torch.Generator) -> Tensor:
    """Random similarities (N, 2, 3), half of them mirrored, as `affine_grid` takes them."""
    turn, scale, right, down = (
        _signed(4, count, generator=generator) * torch.tensor([_TURN, _SCALE, 2 * _SHIFT, 2 * _SHIFT])[:, None]
    )
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = (1 + scale) * turn.cos(), (1 + scale) * turn.sin()
    return torch.stack([torch.stack([mirror * cos, -sin, right], 1), torch.stack([mirror * sin, cos, down], 1)], 1)


def _signed(*shape: int, generator: torch.Generator) -> Tensor:
    """Uniform in [-1, 1)."""
    return 2 * torch.rand(shape, generator=generator) - 1


def losses(bare: Tensor, made_up: Tensor, bare_texts: Tensor, made_up_texts: Tensor, fits: Tensor) -> dict[str, Tensor]:
    """The named, unweighted terms, each a scalar.

    - match: all 2N images against all 2N sentences. A bare portrait fits the sentences about bare faces and none of the
      others.
    - direction: made_up - bare, N changes of images, against made_up_texts - bare_texts, N changes of texts.

    Args:
        bare, made_up: unit vectors (N, D) of the images.
        bare_texts, made_up_texts: unit vectors (N, D) of the sentences.
        fits: boolean (N, N), whether sentence l is true of the made-up portrait k.
    """
    images, texts = torch.cat([bare, made_up]), torch.cat([bare_texts, made_up_texts])
    nothing = torch.zeros_like(fits)
    true = torch.cat([torch.cat([~nothing, nothing], 1), torch.cat([nothing, fits], 1)])
    changes = (
        normalize(made_up - bare, dim=1, eps=_LEAST_CHANGE)
        @ normalize(made_up_texts - bare_texts, dim=1, eps=_LEAST_CHANGE).T
    )
    return {
        "match": balanced_sigmoid(_MATCH_SCALE * (images @ texts.T - _MATCH_BOUNDARY), true),
        "direction": balanced_sigmoid(_DIRECTION_SCALE * (changes - _DIRECTION_BOUNDARY), fits),
    }


def balanced_sigmoid(logits: Tensor, true: Tensor) -> Tensor:
    """The mean over the columns of (mean of -log sigma(z) where true + mean of -log sigma(-z) where false) / 2.

    A sentence that names three things is true of few images of a batch, a general one of most: within each column both
        answers weigh the same.

    Args:
        logits: z (N, M).
        true: boolean (N, M).
    """
    wrong = -logsigmoid(torch.where(true, logits, -logits))
    sides = [(wrong * side).sum(0) / side.sum(0).clamp(min=1) for side in (true, ~true)]
    return (sides[0] + sides[1]).mean() / 2


def train_makeup_clip(
    portraits: Portraits,
    config: Mapping[str, Any],
    batch: int,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[range], Any] = iter,
) -> ImageText:
    """Train, or go on from the checkpoint in `folder`; what `measure` finds on the people left out is written to
    `folder`/measured.jsonl at every checkpoint.

    Args:
        portraits: everyone; every twentieth person is left out.
        config: of open_clip, see `default_config`.
        batch: portraits per step, each without and with makeup.
        recipe, folder, progress: as for `training.trainer.train`.
    """
    training, held_out = portraits.split()
    layers = layers_of(training.landmarks, training.frames.shape[-1])
    torch.manual_seed(recipe.seed)
    model = build(config)
    # The losses have boundaries and scales of their own.
    model.network.logit_scale.requires_grad_(False)

    def step(prepared: nn.Module, turn: Turn) -> dict[str, Tensor]:
        pairs = draw(training, layers, batch, turn.generator)
        images, texts = prepared(
            torch.cat([pairs.bare, pairs.made_up]).to(turn.device), [*pairs.bare_texts, *pairs.made_up_texts]
        )
        terms = losses(images[:batch], images[batch:], texts[:batch], texts[batch:], pairs.fits().to(turn.device))
        return {name: WEIGHTS[name] * value for name, value in terms.items()}

    def look(done: int) -> None:
        found = {"steps": done, **measure(model, held_out)}
        with (folder / "measured.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")

    train(model, step, recipe, folder, look, progress)
    return model


def default_config() -> dict[str, Any]:
    """The shipped model's configuration."""
    config: dict[str, Any] = json.loads(
        (Path(__file__).parents[1] / "assets" / "makeup-clip.json").read_text(encoding="utf-8")
    )
    return config
