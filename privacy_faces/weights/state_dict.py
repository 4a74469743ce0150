"""Files of tensors by name: read without running any code in them, written as safetensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from privacy_faces.weights import mxnet

if TYPE_CHECKING:
    from torch import Tensor


# Bytes of tensors for each byte of their file: two names may share one tensor.
_EXPANSION = 8


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a safetensors file, of a PyTorch checkpoint without code, or of MXNet's `.params`.

    Raises:
        ValueError: when the file is neither.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix == mxnet.SUFFIX:
        return mxnet.read_params(path)

    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"Expected safetensors or a PyTorch state dict at {path}, could not read it: {error}"
        ) from error
    # on bytes that are no checkpoint, torch's unpickler stumbles in a dozen ways; its message advises to run their code
    except Exception as error:
        raise ValueError(
            f"Expected safetensors or a PyTorch state dict at {path}: the file is damaged, or holds objects other "
            "than tensors, which are never loaded "
            f"because they can run code ({type(error).__name__}). Where the model is at hand, write its tensors "
            "alone: torch.save(model.state_dict(), FILE)"
        ) from error
    if not isinstance(state, dict) or not state:
        found = "an empty one" if state == {} else type(state).__name__
        raise ValueError(f"Expected a state dict (names and tensors) in {path}, found {found}.")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ValueError(
                f"Expected a state dict (names and tensors) in {path}, found {type(value).__name__} under {name!r}. "
                "A checkpoint that holds more than the model: write the inner dict of tensors alone, with torch.save."
            )
    _check_sizes(state, path)
    return {name: value.contiguous() for name, value in state.items()}


def _check_sizes(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuses tensors that take far more memory than their file: views that repeat a few values, names without end for
    the same values, compressed values, and such as hold none at all."""
    import torch

    total, size = 0, path.stat().st_size
    for name, value in state.items():
        if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized or value.is_nested:
            raise ValueError(f"Expected plain tensors in {path}, found another kind under {name!r} ({value.layout}).")
        total += value.numel() * value.element_size()
    if total > _EXPANSION * size:
        raise ValueError(
            f"Expected tensors of about the size of their file {path} ({size:,} bytes), found {total:,} bytes of "
            "values. Write them again, each once: torch.save(model.state_dict(), FILE)"
        )


def save_state_dict(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name as safetensors."""
    from safetensors.torch import save_file

    # A state dict may hold one tensor under two names, or views of one storage; safetensors holds neither. Only those
    # are copied: some take gigabytes.
    owners = Counter(tensor.untyped_storage().data_ptr() for tensor in tensors.values())
    shared = {
        name
        for name, tensor in tensors.items()
        if owners[tensor.untyped_storage().data_ptr()] > 1 or tensor.untyped_storage().nbytes() > tensor.nbytes
    }
    # transformers reads no file without the format.
    save_file(
        {name: tensor.clone() if name in shared else tensor for name, tensor in tensors.items()},
        path,
        metadata={"format": "pt"},
    )
