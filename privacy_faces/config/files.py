"""Files: those that travel with the package, their digests, and writing without ever leaving half of one."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


class WriteError(ValueError):
    """A file that cannot be written; the message says where and why."""


def resource(name: str) -> Path:
    """Path of a shipped file such as "configs/embedded.yaml": beside the package in a checkout, inside it in a
    wheel."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`, all of it or nothing: a reader sees the old file or the new one, also after a crash or a
    full disk.

    Written to a hidden file of the same folder first. One that a killed run left for this target is removed.

    Raises:
        WriteError: when the file system refuses.
    """
    # Not named after the target: that name may already have the longest length a file system allows.
    prefix = f".privacy-faces-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}-"
    temporary = path.parent / f"{prefix}{secrets.token_hex(4)}.partial"
    try:
        for leftover in path.parent.glob(f"{prefix}*.partial"):
            leftover.unlink(missing_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:  # also on Ctrl-C
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        found = error.strerror or error
        raise WriteError(
            f"expected to write {path}, found: {found}; check the output folder and its free space"
        ) from error
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        # The new name itself lasts through a power cut only once its folder is on disk, which some network file systems
        # cannot promise.
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
