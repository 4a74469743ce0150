"""`privacy-faces finetune makeup-transfer` and `makeup-removal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from privacy_faces.plugin import bar, finetune_command
from privacy_faces_makeup.options import RemovalFinetuneOptions, TransferFinetuneOptions
from privacy_faces_makeup.specs import FINETUNE_REMOVAL, FINETUNE_TRANSFER

if TYPE_CHECKING:
    from pathlib import Path


def _transfer(options: Any) -> Path:
    from privacy_faces_makeup.finetune.transfer import finetune_transfer

    return finetune_transfer(options, lambda items: bar(items, "photo or step"))


def _removal(options: Any) -> Path:
    from privacy_faces_makeup.finetune.removal import finetune_removal

    return finetune_removal(options, lambda items: bar(items, "photo or step"))


transfer = finetune_command(
    "makeup-transfer",
    FINETUNE_TRANSFER.summary,
    TransferFinetuneOptions,
    _transfer,
)
removal = finetune_command(
    "makeup-removal",
    FINETUNE_REMOVAL.summary,
    RemovalFinetuneOptions,
    _removal,
)
