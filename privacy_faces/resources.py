"""Files that travel with the package: configs/ and assets/."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Path of a shipped file such as "configs/embedded.yaml": beside the package in a source checkout, inside it in a wheel."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name
