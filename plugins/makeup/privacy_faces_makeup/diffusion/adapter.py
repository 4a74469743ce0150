"""Adapters: low-rank changes of a diffusion model (LoRA, Hu et al., ICLR 2022), in safetensors that say what they
belong to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

#: An adapter that travels with a package, or from hand to hand, stays small.
LARGEST = 4 * 2**20


class AdapterError(ValueError):
    """A file that is no adapter, or one made for something else."""


@dataclass(frozen=True)
class About:
    """What an adapter was made for.

    Attributes:
        model: the diffusion model that it changes.
        reference: the makeup that it paints; "" for one that removes makeup.
        rank: of the changes.
        goal, target, surrogates: of the adversarial loss; empty where it had no part.
        t_0, inversion_steps, generation_steps: of the diffusion.
        steps: optimizer steps.
        frozen_levels: finest levels of the network that it leaves as they are.
    """

    model: str
    reference: str
    rank: int
    goal: str = ""
    target: str = ""
    surrogates: list[str] = field(default_factory=list)
    t_0: int = 60
    inversion_steps: int = 20
    generation_steps: int = 6
    steps: int = 0
    frozen_levels: int = 0


def attach(unet: nn.Module, rank: int, layers: Sequence[str] | None = None) -> None:
    """Give convolutions and linear layers a trainable change of low rank, zero at first; all else is frozen. The
    network is changed in place.

    Args:
        unet: the network.
        rank: of the changes.
        layers: names of the layers; all by default.

    Raises:
        ValueError: when the network has no such layer.
    """
    layers = adaptable(unet) if layers is None else list(layers)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, target_modules=layers), unet)
    for layer in unet.modules():
        if isinstance(layer, BaseTunerLayer):
            # Autocast chooses the precision: casting every layer's input to float32 and back takes time, and memory for
            # both.
            layer.cast_input_dtype_enabled = False


def adaptable(unet: nn.Module, frozen_levels: int = 0) -> list[str]:
    """Names of the layers that `attach` can change, less those of the finest levels of a `UNet2DModel`: on the largest
    maps they take the most time."""
    names = [name for name, layer in unet.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    if not frozen_levels:
        return names
    last = len(unet.get_submodule("up_blocks")) - 1  # type: ignore[arg-type]
    # The way up ends at the finest level, to which the level below it samples up.
    finest = [f"down_blocks.{level}." for level in range(frozen_levels)] + [
        f"up_blocks.{last - level}." for level in range(frozen_levels)
    ]
    finest += ["conv_in", "conv_out", f"up_blocks.{last - frozen_levels}.upsamplers."]
    return [name for name in names if not name.startswith(tuple(finest))]


def save(unet: nn.Module, about: About, path: Path) -> None:
    """Write the changes that `attach` made room for, in float16.

    Raises:
        AdapterError: when they take more than 4 MB.
    """
    tensors = {
        name: value.detach().half().cpu().contiguous() for name, value in get_peft_model_state_dict(unet).items()
    }
    size = sum(value.numel() * value.element_size() for value in tensors.values())
    if size > LARGEST:
        raise AdapterError(
            f"Expected an adapter of at most {LARGEST} bytes, got {size} at rank {about.rank}. Choose a lower --rank."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # One key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"adapter": json.dumps(asdict(about))})


def save_whole(unet: nn.Module, about: About, path: Path) -> Path:
    """Write all weights of a fine-tuned network, in float32, with what they were made for (`rank` 0)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in unet.state_dict().items()},
        path,
        metadata={"adapter": json.dumps(asdict(about))},
    )
    return path


def read_about(path: Path) -> About:
    """What the adapter at `path` was made for.

    Raises:
        AdapterError: when it is none.
    """
    try:
        with safe_open(path, "pt") as file:
            return About(**json.loads((file.metadata() or {})["adapter"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AdapterError(f"Expected an adapter made by `privacy-faces finetune` at {path}: {error}") from None


def load(unet: nn.Module, path: Path) -> About:
    """Put the adapter (or the whole weights) at `path` onto a network, in place; frozen.

    Raises:
        AdapterError: when it is no adapter, or was made for another network.
    """
    about = read_about(path)
    with safe_open(path, "pt") as file:
        names = file.keys()
        tensors = {name: file.get_tensor(name).float() for name in names}
    try:
        if about.rank:
            attach(unet, about.rank, adaptable(unet, about.frozen_levels))
            found = set_peft_model_state_dict(unet, tensors)
            unknown = [*found.unexpected_keys, *(name for name in found.missing_keys if "lora_" in name)]
        else:
            unknown = unet.load_state_dict(tensors).unexpected_keys
    except RuntimeError as error:
        unknown = [str(error).splitlines()[-1].strip()]
    if unknown:
        raise AdapterError(
            f"The adapter {path} was made for {about.model}, and does not fit this network: {unknown[0]}"
        )
    unet.requires_grad_(False)
    return about
