"""Weights by the names that options give them: an id of the manifest, a folder, or a repository of the model hub
(OWNER/NAME, OWNER/NAME@REVISION)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from privacy_faces.config.files import sha256_of
from privacy_faces.weights.hub import hub_snapshot
from privacy_faces.weights.manifest import Weight, manifest
from privacy_faces.weights.store import MissingWeightError, is_present, missing

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True)
class Place:
    """A model on this machine.

    Attributes:
        name: the folder as given, or the hub repository.
        folder: where its files lie.
        commit: of the hub repository; empty for a folder.
    """

    name: str
    folder: Path
    commit: str = ""

    def records(self, files: Iterable[Path]) -> list[dict[str, str]]:
        """[{"id", "sha256"}, ...] of the files in use, for receipts; from the hub each with its "revision", the
        commit."""
        revision = {"revision": self.commit} if self.commit else {}
        return [
            {"id": f"{self.name}/{path.relative_to(self.folder).as_posix()}", "sha256": sha256_of(path)} | revision
            for path in files
        ]


def is_place(name: str) -> bool:
    """Whether a name is a folder that exists, or could be a repository of the hub."""
    return Path(name).is_dir() or _REPOSITORY.fullmatch(name) is not None


def place_of(name: str) -> Place:
    """Where the model of that name lies.

    Raises:
        MissingWeightError: when it is neither a folder nor in the hub's cache.
    """
    if Path(name).is_dir():
        return Place(name, Path(name))
    repository, revision = _split(name)
    if (folder := hub_snapshot(repository, revision)) is None:
        raise MissingWeightError(_missing(name))
    return Place(repository, folder, folder.name)


def command(name: str) -> str:
    """The command that gets the weights or the hub's model of that name."""
    if name in manifest():
        return manifest()[name].command
    repository, revision = _split(name)
    if (item := _listed(repository)) is None:
        return f"hf download {repository} --revision {revision}"
    return item.command if revision == item.revision else f"{item.command}@{revision}"


def require(names: Iterable[str]) -> None:
    """Find out before anything is loaded whether all of these weights are here; digests are checked when they are
    loaded.

    Raises:
        MissingWeightError: naming all that are missing, one a line.
    """
    if lines := [_missing(name) for name in absent(names)]:
        raise MissingWeightError("\n".join(lines))


def absent(names: Iterable[str]) -> list[str]:
    """Those of these weights that are not here, each once."""
    return [name for name in dict.fromkeys(names) if not _is_here(name)]


def _is_here(name: str) -> bool:
    return is_present(name) if name in manifest() else Path(name).is_dir() or hub_snapshot(*_split(name)) is not None


def _missing(name: str) -> str:
    if name in manifest():
        return missing(manifest()[name])
    repository, revision = _split(name)
    if (item := _listed(repository)) is not None:
        return missing(item, "" if revision == item.revision else revision)
    return (
        f"The model {repository!r} (revision {revision}) is neither a folder nor in the hub's cache on this machine. "
        f"Get it: {command(name)}"
    )


def _split(name: str) -> tuple[str, str]:
    repository, _, revision = name.partition("@")
    item = _listed(repository)
    return repository, revision or (item.revision if item else "main")


def _listed(repository: str) -> Weight | None:
    """The manifest's entry of a hub repository, if it has one."""
    return next((item for item in manifest().values() if item.store == "hub" and item.origin == repository), None)
