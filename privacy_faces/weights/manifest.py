"""The one list of weights: id, licence, origin, sha256, size.

Reading it imports neither torch nor any package that carries weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal


class UnknownWeightError(ValueError):
    """An id that the manifest does not list."""


@dataclass(frozen=True)
class WeightFile:
    """One file: its path inside the package or cache folder, size in bytes, and pinned sha256.

    A file without a pinned sha256 could not be fetched by the maintainers; what the user adds is converted to
    safetensors and its own digest recorded.
    """

    path: str
    bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Weight:
    """One set of weights.

    `store` says where they lie: inside an installed package, shipped in assets/, in the cache (`weights pull`, `weights
    add`), or in the hub's own cache. `install` is the command that gets what `weights pull` cannot. `check` names a
    "module:function" that refuses other tensors with a ValueError when a file is added. `revision` is the branch, tag
    or commit of a hub repository; which commit that was when it was pulled, its cache and every receipt say.
    """

    id: str
    summary: str
    licence: str
    origin: str
    store: Literal["package", "shipped", "cache", "hub"]
    files: tuple[WeightFile, ...]
    package: str = ""
    install: str = ""
    check: str = ""
    revision: str = "main"

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def command(self) -> str:
        """The command that gets these weights."""
        return self.install or f"privacy-faces weights pull {self.id}"


@cache
def manifest() -> dict[str, Weight]:
    """Id -> weight."""
    items = json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))["weights"]
    return {
        item["id"]: Weight(**item | {"files": tuple(WeightFile(**file) for file in item["files"])}) for item in items
    }


def weight(weight_id: str) -> Weight:
    """The manifest's entry.

    Raises:
        UnknownWeightError: listing the known ids.
    """
    if weight_id not in manifest():
        raise UnknownWeightError(f"Unknown weights {weight_id!r}. Known: {', '.join(manifest())}.")
    return manifest()[weight_id]
