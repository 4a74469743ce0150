"""A tiny CLIP with random weights, one and the same at every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file


def tiny_clip(folder: Path, **text: Any) -> Path:
    """An open_clip model as open_clip puts it into the hub: 1.6 million parameters, of which OpenAI's vocabulary is
    most."""
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = open_clip.CLIP(**config)
    folder.mkdir(parents=True)
    config["text_cfg"] |= text
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    return folder
