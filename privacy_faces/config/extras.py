"""Packages that only some commands need, behind extras of the distribution."""

from __future__ import annotations

from importlib.util import find_spec


class MissingExtraError(ValueError):
    """A package that an extra brings is not installed; the message names the extra and the command that installs it."""


def has_packages(*packages: str) -> bool:
    """Whether all of these can be imported; none is."""
    return all(find_spec(package) is not None for package in packages)


def install_extra(extra: str) -> str:
    """The command that installs an extra."""
    return f'pip install "privacy-faces[{extra}]"  (from a source checkout: uv sync --extra {extra})'


def need_packages(extra: str, what: str, *packages: str) -> None:
    """Find out before a package of an extra is imported whether it is there.

    Args:
        extra: that brings the packages.
        what: needs them, for the message.
        packages: as they are imported.

    Raises:
        MissingExtraError: when one is not installed.
    """
    if not has_packages(*packages):
        raise MissingExtraError(f"{what} needs {' and '.join(packages)}. Install it: {install_extra(extra)}")
