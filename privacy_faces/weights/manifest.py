"""The one list of weights: id, license, origin, sha256, size; the core's part, and the parts that plugins bring.

An entry point of the group below names a package that holds a `weights.json` of the same form as the core's
manifest.json. Its weights of store "shipped" lie in the package's folder assets/.

    [project.entry-points."privacy_faces.weights"]
    my-weights = "my_package"

Reading the list imports neither torch nor any package that carries weights.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from privacy_faces.config.checkout import CheckoutPlugin, checkout_plugins
from privacy_faces.config.registry import PluginError, duplicate, entry_points_of, not_installed

GROUP = "privacy_faces.weights"
_PART = "weights.json"


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

    `store` says where they lie: inside an installed package, shipped in the assets/ of the core or of the plugin whose
    `package` is named, in the cache (`weights pull`, `weights add`), or in the hub's own cache. `install` is the
    command that gets what `weights pull` cannot. `check` names a "module:function" that refuses other tensors with a
    ValueError when a file is added. `revision` is the branch, tag or commit of a hub repository; which commit that was
    when it was pulled, its cache and every receipt say.
    """

    id: str
    summary: str
    license: str
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
    """Id -> weight.

    Raises:
        DuplicateNameError: two distributions brought the same id.
        PluginError: an entry point names no package with a list of weights.
    """
    found = _weights(_items(Path(__file__).with_name("manifest.json")), "")
    owners = dict.fromkeys(found, "privacy-faces")
    for point in entry_points_of(GROUP):
        distribution = point.dist.name if point.dist else "?"
        part = _weights(_items(_part_of(point.value, distribution)), point.value)
        if taken := [name for name in part if name in owners]:
            raise duplicate("weights id", taken[0], owners[taken[0]], distribution)
        found |= part
        owners |= dict.fromkeys(part, distribution)
    return found


def weight(weight_id: str) -> Weight:
    """The manifest's entry.

    Raises:
        UnknownWeightError: naming the plugin of this checkout that lists the id, or the known ids.
    """
    if weight_id in manifest():
        return manifest()[weight_id]
    if (plugin := _brought_by(weight_id)) is not None:
        raise UnknownWeightError(not_installed("weights id", weight_id, plugin))
    raise UnknownWeightError(f"Unknown weights {weight_id!r}. Known: {', '.join(manifest())}.")


def package_folder(package: str) -> Path | None:
    """Where an installed package lies, without importing it: face_recognition_models fails to import where setuptools
    is new."""
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _part_of(package: str, distribution: str) -> Path:
    folder = package_folder(package)
    if folder is None or not (folder / _PART).is_file():
        raise PluginError(
            f"Expected a package with a file {_PART} under the entry point {GROUP} of {distribution}. Got: {package!r}."
        )
    return folder / _PART


def _items(path: Path) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["weights"]
    return items


def _weights(items: list[dict[str, Any]], package: str) -> dict[str, Weight]:
    """Id -> weight of one part; `package` is the plugin's."""
    return {item["id"]: _weight(item, package) for item in items}


def _weight(item: Mapping[str, Any], package: str) -> Weight:
    files = tuple(WeightFile(**file) for file in item["files"])
    own = {"package": package} if item["store"] == "shipped" else {}
    return Weight(**{**item, "files": files, **own})


def _brought_by(weight_id: str) -> CheckoutPlugin | None:
    """The plugin of this checkout whose list has the id."""
    for plugin in checkout_plugins():
        for package in plugin.points.get(GROUP, {}).values():
            if any(item["id"] == weight_id for item in _items(plugin.folder / package / _PART)):
                return plugin
    return None
