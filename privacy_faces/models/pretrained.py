"""Networks in folders that `save_pretrained` of diffusers or transformers wrote: loaded whole, from safetensors alone,
and never from the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from privacy_faces.config.extras import need_packages
from privacy_faces.weights.compare import WrongTensorsError, first_of


def whole_network(kind: Any, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """The network of a class (with `from_pretrained`) in a folder.

    The libraries fill tensors that the file lacks with random numbers, and warn; here that is an error.

    Raises:
        OSError: for a folder without config.json or without safetensors.
        SafetensorError: for a damaged file.
        WrongTensorsError: when names or shapes are not those of the network.
    """
    try:
        network, found = kind.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (RuntimeError, ValueError) as error:  # shapes that differ
        raise WrongTensorsError(
            f"The file in {folder} does not hold the tensors of {kind.__name__}: {' '.join(str(error).split())}"
        ) from error
    # transformers leaves tensors of older versions aside on purpose.
    wrong = {
        "missing": sorted(found["missing_keys"]),
        "unknown": sorted(found["unexpected_keys"]) if issubclass(kind, _diffusers()) else [],
    }
    if any(wrong.values()):
        text = "; ".join(f"{len(names)} {fault} ({first_of(names)})" for fault, names in wrong.items() if names)
        raise WrongTensorsError(f"The file in {folder} does not hold the tensors of {kind.__name__}: {text}.")
    return network


def networks_of(folder: Path, index: Mapping[str, Any], dtype: torch.dtype) -> dict[str, nn.Module]:
    """The networks of a diffusers pipeline by name, as its model_index.json lists them; a safety checker is left out.

    Raises:
        MissingExtraError: without transformers.
        OSError, SafetensorError, WrongTensorsError: as `whole_network`.
    """
    need_packages("stable-diffusion", "A pipeline with a text encoder", "transformers")
    import diffusers
    import transformers

    libraries = {
        "diffusers": (diffusers, diffusers.ModelMixin),
        "transformers": (transformers, transformers.PreTrainedModel),
    }
    networks = {}
    for name, value in index.items():
        library, kind = value if isinstance(value, list) else (None, None)
        if library in libraries and kind is not None:
            module, base = libraries[library]
            if isinstance(found := getattr(module, kind, None), type) and issubclass(found, base):
                networks[name] = whole_network(found, folder / name, dtype)
    return networks


def _diffusers() -> type:
    from diffusers import ModelMixin

    base: type = ModelMixin
    return base
