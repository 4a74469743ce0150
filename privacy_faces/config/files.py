"""Files: those that travel with the package, their digests, and writing without ever leaving half of one."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_LONGEST_NAME = 255  # bytes, in the file systems of Linux, macOS and Windows


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


def readable(name: str) -> str:
    """A name or a message with the bytes that are no UTF-8 escaped, so that it can be printed and written as JSON."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def beside(stem: str, ending: str) -> str:
    """The name of a file beside another: `stem` with an ending, cut where file systems would refuse its length."""
    encoded, room = os.fsencode(stem), _LONGEST_NAME - len(ending)
    if len(encoded) <= room:
        return f"{stem}{ending}"
    mark = f"~{hashlib.sha256(encoded).hexdigest()[:8]}"
    return encoded[: room - len(mark)].decode("utf-8", "ignore") + mark + ending


def write_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`, all of it or nothing: a reader sees the old file or the new one, also after a crash or a
    full disk.

    Raises:
        WriteError: when the file system refuses.
    """
    put(stage(path, data), path)


def stage(path: Path, data: bytes) -> Path:
    """Write `data` to a hidden file of the folder of `path`, from where `put` brings it to its place; what a killed run
    left there for the same place is removed.

    Raises:
        WriteError: when the file system refuses; nothing is left then.
    """
    temporary = hidden(path)
    with _writing(path):
        for leftover in staged(path):
            leftover.unlink(missing_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:  # also on Ctrl-C
            temporary.unlink(missing_ok=True)
            raise
    return temporary


def put(temporary: Path, path: Path) -> None:
    """Bring a staged file to its place, in one step.

    Raises:
        WriteError: when the file system refuses; the old file stays then, and the staged one is removed.
    """
    with _writing(path):
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        # The new name itself lasts through a power cut only once its folder is on disk, which some network file systems
        # cannot promise.
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def hidden(path: Path) -> Path:
    """A new name in the folder of `path`, under which `staged` finds a file again."""
    return path.parent / f"{_prefix(path)}{secrets.token_hex(4)}.partial"


def staged(path: Path) -> list[Path]:
    """The hidden files for `path`: of a run that goes on, or of one that was killed."""
    return list(path.parent.glob(f"{_prefix(path)}*.partial"))


def _prefix(path: Path) -> str:
    # Not named after the target: that name may already have the longest length a file system allows.
    return f".privacy-faces-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}-"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found = error.strerror or error
        raise WriteError(
            f"expected to write {path}, found: {found}; check the output folder and its free space"
        ) from error
