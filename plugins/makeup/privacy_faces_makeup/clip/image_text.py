"""Faces and texts in one space: CLIP (Radford et al., ICML 2021), as makeup transfer uses it to say where a face should
go.

`ImageText` puts any open_clip model behind two calls, `embed_images` and `embed_texts`: the shipped `makeup-clip`,
which knows faces and makeup and nothing else, or a large one such as ViT-B-16.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

#: Of the photos that OpenAI trained CLIP with; most open_clip models expect them.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

# Where every channel's mean goes under `gray_world`: about that of a face in good light, so that little is clipped or
# lost.
_GRAY = 0.45


class ImageText(nn.Module):
    """An open_clip model that takes frames and texts as they are.

    Args:
        network: the model, with `encode_image`, `encode_text` and `visual.image_size`.
        tokenizer: texts -> tokens (N, L); what `open_clip.get_tokenizer` returns.
        mean, std: of the RGB values that the model expects.
        crop: left, top, right and bottom of the part of an aligned frame that the model looks at, as shares of its
            side.
        gray_world: divide each channel of that part by its mean (Buchsbaum, 1980): neither the light's color nor the
            skin's matters then, only how lips and lids differ from the rest of the face.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: Any,
        tokenizer: Callable[[list[str]], Tensor],
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        crop: Sequence[float] = (0.0, 0.0, 1.0, 1.0),
        gray_world: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        size = network.visual.image_size
        self.size = size if isinstance(size, int) else size[0]
        self.crop = crop
        self.gray_world = gray_world
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, frames: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """The embeddings of both, so that one call serves training on many devices."""
        return self.embed_images(frames), self.embed_texts(texts)

    def embed_images(self, frames: Tensor) -> Tensor:
        """Unit vectors (N, D) of frames (N, 3, S, S) in [0, 1] of any size S; differentiable."""
        left, top, right, bottom = (round(share * frames.shape[-1]) for share in self.crop)
        frames = interpolate(
            frames[:, :, top:bottom, left:right],
            (self.size, self.size),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        if self.gray_world:
            frames = frames * (_GRAY / frames.mean((2, 3), keepdim=True).clamp(min=0.02))
        return normalize(self.network.encode_image((frames - self.mean) / self.std), dim=1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (N, D) of N texts; what exceeds the model's context is cut off."""
        return normalize(self.network.encode_text(self.tokenizer(list(texts)).to(self.mean.device)), dim=1)

    def classify(self, frames: Tensor, classes: Sequence[Sequence[str]]) -> Tensor:
        """Zero-shot: the index (N,) of the class whose texts' mean direction lies nearest each of the frames (N, 3, S,
        S).

        Args:
            frames: in [0, 1].
            classes: several phrasings for each class.
        """
        centers = torch.stack([normalize(self.embed_texts(texts).mean(0), dim=0) for texts in classes])
        return (self.embed_images(frames) @ centers.T).argmax(1)


def build(config: Mapping[str, Any]) -> ImageText:
    """An untrained model with OpenAI's tokenizer.

    Args:
        config: "model_cfg" as open_clip has it, and "crop" and "gray_world" for `ImageText`, see
            assets/makeup-clip.json.
    """
    from open_clip import SimpleTokenizer
    from open_clip.model import CLIP

    network = config["model_cfg"]
    tokenizer = SimpleTokenizer(context_length=network["text_cfg"]["context_length"])
    return ImageText(CLIP(**network), tokenizer, crop=config["crop"], gray_world=config["gray_world"])


def save(model: ImageText, config: Mapping[str, Any], path: Path) -> None:
    """Write a model that `build` made of the configuration as float16 safetensors."""
    tensors = {name: value.detach().half().cpu().contiguous() for name, value in model.network.state_dict().items()}
    # One key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"model": json.dumps(config)})


def load(path: Path, device: torch.device) -> ImageText:
    """Read a model written by `save`, as float32, frozen."""
    with safe_open(path, "pt") as file:
        model = build(json.loads(file.metadata()["model"]))
        names = file.keys()
        model.network.load_state_dict({name: file.get_tensor(name).float() for name in names})
    return model.to(device).eval().requires_grad_(False)
