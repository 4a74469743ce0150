"""Distributions as pip leaves them behind, and the command in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privacy_faces.config import checkout
from privacy_faces.config.registry import all_entry_points, entry_points_of
from privacy_faces.weights.manifest import manifest

COMMAND = shutil.which("privacy-faces", path=str(Path(sys.executable).parent)) or "privacy-faces"


def call(*args: str, path: Path | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; `path` comes first on its module path."""
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {}) | options.pop("env", {})
    return subprocess.run([COMMAND, *args], capture_output=True, text=True, env=environment, check=False, **options)


def put_distribution(
    folder: Path, name: str, points: Mapping[str, Mapping[str, str]], files: Mapping[str, str] | None = None
) -> Path:
    """What pip leaves behind in `folder` when it installs `name`: its metadata with entry points (group -> name ->
    value), and its files."""
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [line for group, own in points.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in own.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for file, text in (files or {}).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


def forget() -> None:
    """Let this process read anew what is installed."""
    all_entry_points.cache_clear()
    entry_points_of.cache_clear()
    checkout.checkout_plugins.cache_clear()
    manifest.cache_clear()


def put_checkout(folder: Path, name: str, points: str) -> Path:
    """A source checkout with one plugin in plugins/toy/; returns the plugin's folder."""
    place = folder / "plugins" / "toy"
    place.mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    (place / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n{points}')
    return place
