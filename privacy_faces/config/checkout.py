"""The plugins of a source checkout, installed or not: what their pyproject.toml says that they provide."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from privacy_faces.config.files import resource

#: Where a plugin of an unknown name may be found.
CONVENTION = "Plugins are distributions named privacy-faces-NAME: pip install privacy-faces-NAME."


@dataclass(frozen=True)
class CheckoutPlugin:
    """A folder of `plugins/`.

    Attributes:
        distribution: its name on the package index.
        folder: where it lies.
        points: group -> name -> value of its entry points.
    """

    distribution: str
    folder: Path
    points: Mapping[str, Mapping[str, str]]

    @property
    def install_command(self) -> str:
        """How to install it."""
        return f"pip install {self.distribution}  (from a source checkout: pip install ./plugins/{self.folder.name})"


def in_checkout() -> bool:
    """Whether this package runs from a source checkout, in which the plugins lie beside it."""
    return resource("plugins").is_dir() and resource("pyproject.toml").is_file()


@cache
def checkout_plugins() -> tuple[CheckoutPlugin, ...]:
    """The plugins of the checkout in order of folder; none where there is no checkout."""
    if not in_checkout():
        return ()
    found = []
    for file in sorted(resource("plugins").glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        found.append(CheckoutPlugin(project["name"], file.parent, project.get("entry-points", {})))
    return tuple(found)


def providers(group: str) -> dict[str, CheckoutPlugin]:
    """Name -> plugin of the checkout that declares it in an entry-point group."""
    return {name: plugin for plugin in checkout_plugins() for name in plugin.points.get(group, {})}
