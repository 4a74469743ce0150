"""`privacy-faces finetune makeup-transfer` and `makeup-removal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privacy_faces.cli.finetune import finetune_command
from privacy_faces.cli.progress import bar
from privacy_faces_makeup.options import RemovalFinetuneOptions, TransferFinetuneOptions

if TYPE_CHECKING:
    from pathlib import Path


def _transfer(options: Any) -> Path:
    from privacy_faces_makeup.finetune import finetune_transfer

    return finetune_transfer(options, lambda items: bar(items, "photo or step"))


def _removal(options: Any) -> Path:
    from privacy_faces_makeup.finetune import finetune_removal

    return finetune_removal(options, lambda items: bar(items, "photo or step"))


transfer = finetune_command(
    "makeup-transfer",
    "Train a diffusion model to paint one reference's makeup (DiffAM, stage two).",
    TransferFinetuneOptions,
    _transfer,
)
removal = finetune_command(
    "makeup-removal",
    "Train a diffusion model to take makeup off faces (DiffAM, stage one).",
    RemovalFinetuneOptions,
    _removal,
)
