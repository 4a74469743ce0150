"""OpenAI's CLIP ViT-B/16 (Radford et al., ICML 2021) as open_clip builds it: what DiffAM takes its directions from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from privacy_faces.plugin import Published

# The weights were trained with the quick approximation of GELU.
_NAME = "ViT-B-16-quickgelu"


def vit_b_16(device: str = "cpu") -> Any:
    """The architecture with random weights."""
    from open_clip import CLIP, get_model_config

    with torch.device(device):
        return CLIP(**get_model_config(_NAME))


def vit_b_16_tokenizer() -> Callable[[list[str]], Tensor]:
    """Texts -> tokens (N, 77)."""
    import open_clip

    tokenizer: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(_NAME)
    return tokenizer


VIT_B_16 = Published("open_clip_model.safetensors of ViT-B/16", lambda: vit_b_16("meta"))
