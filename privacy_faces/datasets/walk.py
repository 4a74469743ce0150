"""What lies below a folder, through links to other folders too, each of them once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path


@dataclass
class Below:
    """What was found.

    Attributes:
        files: in order of path.
        left_out: folders that were not searched -> the reason.
    """

    files: list[Path] = field(default_factory=list)
    left_out: dict[Path, str] = field(default_factory=dict)


def walk(root: Path, refused: Callable[[Path], str | None] = lambda folder: None) -> Below:
    """Every file below `root`. Links to folders are followed, after all that needs no link; a folder that was searched
    already, or that `root` lies in, is left out, so that links in a circle end.

    Args:
        root: a folder.
        refused: why a folder below it is not to be searched; None: it is, "": it is not, and nobody needs to be told.
    """
    found = Below()
    seen = {_identity(folder) for folder in (root, *root.resolve().parents)}
    links: list[Path] = []
    folders = [root]
    while folders or links:
        folder = folders.pop() if folders else heappop(links)
        if folder != root:
            if (reason := refused(folder)) is not None:
                if reason:
                    found.left_out[folder] = reason
                continue
            if (identity := _identity(folder)) in seen:
                found.left_out[folder] = "a link to a folder that is searched already, or that it lies in"
                continue
            seen.add(identity)
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            found.left_out[folder] = error.strerror or str(error)
            continue
        for entry in entries:
            if entry.is_symlink() and os.path.isdir(entry.path):
                heappush(links, folder / entry.name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
            else:
                found.files.append(folder / entry.name)
    found.files.sort()
    return found


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
