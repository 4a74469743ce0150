"""Miniature data sets: files to build them of, and ways to spoil them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from PIL import Image

from privacy_faces.cli import main

#: Builds a tree in a folder, or spoils the tree there, and returns the folder.
Tree = Callable[[Path], Path]


def picture(path: Path, size: int = 8, mode: str = "RGB", value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), (value,) * 3 if mode == "RGB" else value).save(path)
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def remove(*paths: str) -> Tree:
    def change(root: Path) -> Path:
        for path in paths:
            (root / path).rename(root.parent / f"removed {Path(path).name}")
        return root

    return change


def write(path: str, *lines: str) -> Tree:
    def change(root: Path) -> Path:
        text(root / path, *lines)
        return root

    return change


def put_picture(path: str, size: int = 8, mode: str = "RGB", value: int = 90) -> Tree:
    def change(root: Path) -> Path:
        picture(root / path, size, mode, value)
        return root

    return change


def put_wide(path: str) -> Tree:
    def change(root: Path) -> Path:
        Image.new("L", (16, 12), 7).save(root / path)
        return root

    return change


def replace(path: str, old: str, new: str) -> Tree:
    def change(root: Path) -> Path:
        before = (root / path).read_text()
        assert old in before
        (root / path).write_text(before.replace(old, new, 1))
        return root

    return change


def put_bytes(path: str, content: bytes) -> Tree:
    def change(root: Path) -> Path:
        (root / path).write_bytes(content)
        return root

    return change


def rename(old: str, new: str) -> Tree:
    def change(root: Path) -> Path:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)
        return root

    return change


def call(*args: object, code: int = 0) -> Result:
    """`privacy-faces datasets prepare` in this process; a defect of the program is not an exit status."""
    result = CliRunner().invoke(main, ["datasets", "prepare", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def printed(result: Result) -> dict[str, Any]:
    """The one JSON object on stdout."""
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every path in a folder -> inode, mode, time of the last change."""
    return {
        path.relative_to(folder).as_posix(): (status.st_ino, status.st_mode, status.st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if (status := path.lstat())
    }
