"""Image and text models as open_clip stores them: open_clip_config.json, and the tensors in
open_clip_model.safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privacy_faces.plugin import compare_tensors, read_state_dict
from privacy_faces_makeup.clip.image_text import MEAN, STD, ImageText

_CONFIG = "open_clip_config.json"
_TENSORS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
# Of the one tokenizer that open_clip itself brings, OpenAI's.
_VOCABULARY = 49408


class ClipError(ValueError):
    """A folder that holds no open_clip model that can be loaded without a download; the message names what was expected
    and what was found."""


def read_clip(folder: Path) -> tuple[ImageText, Path]:
    """The model in a folder, float32, frozen; and the file of its tensors.

    Raises:
        ClipError: for a folder without such a model, or with one whose text tower or tokenizer lies elsewhere in the
            model hub.
        WrongTensorsError: when names or shapes are not those of the configuration.
        ValueError: when the file of tensors is damaged.
    """
    from open_clip import SimpleTokenizer

    path = next((folder / name for name in _TENSORS if (folder / name).is_file()), None)
    if path is None or not (folder / _CONFIG).is_file():
        raise ClipError(
            f"Expected an open_clip model at {folder}: {_CONFIG}, and {' or '.join(_TENSORS)}. Found: {_files(folder)}."
        )
    config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    try:
        network = _network(config["model_cfg"], folder)
    except (KeyError, TypeError, AttributeError) as error:
        raise ClipError(f"Expected an open_clip model in {folder / _CONFIG}, under model_cfg: {error!r}.") from None
    tensors = {name: tensor.float() for name, tensor in read_state_dict(path).items()}
    compare_tensors(tensors, {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}, path.name)
    network.load_state_dict(tensors)
    text = config["model_cfg"]["text_cfg"]
    tokenizer = SimpleTokenizer(context_length=text.get("context_length", 77), **text.get("tokenizer_kwargs", {}))
    look = config.get("preprocess_cfg", {})
    model = ImageText(network, tokenizer, look.get("mean", MEAN), look.get("std", STD))
    return model.eval().requires_grad_(False), path


def _network(config: Mapping[str, Any], folder: Path) -> Any:
    """The architecture with random weights. open_clip's own `create_model` does the same, and would fetch what a
    configuration names elsewhere."""
    from open_clip import CLIP, CustomTextCLIP

    image, text = dict(config["vision_cfg"]), dict(config["text_cfg"])
    if elsewhere := [key for key in text if key.startswith("hf_")]:
        raise ClipError(
            f"Expected a model with open_clip's own text tower and tokenizer at {folder}. Found {elsewhere[0]}: "
            f"{text[elsewhere[0]]!r}."
        )
    if (size := text.get("vocab_size", _VOCABULARY)) != _VOCABULARY:
        raise ClipError(f"Expected a model of OpenAI's {_VOCABULARY} tokens at {folder}, found one of {size}.")
    if "timm_model_name" in image:
        image["timm_model_pretrained"] = False
    rest = {name: value for name, value in config.items() if name not in ("vision_cfg", "text_cfg", "custom_text")}
    return (CustomTextCLIP if config.get("custom_text") else CLIP)(vision_cfg=image, text_cfg=text, **rest)


def _files(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
