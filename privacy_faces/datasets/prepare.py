"""Folders of links to the photos of a data set: nothing is copied, an interrupted preparation is finished by the next,
and a finished one is left as it is."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from privacy_faces.config.files import write_atomic
from privacy_faces.datasets.base import some
from privacy_faces.datasets.folder import DatasetError, is_photo

#: In the folder that was prepared: what from, how, and what came out.
RECORD = "prepared.json"
HARD, SYMBOLIC, THERE = "hard", "symbolic", "there"


@dataclass(frozen=True)
class Prepared:
    """What a preparation did.

    Attributes:
        files: links in all.
        made: kind of link -> how many are new.
    """

    files: int
    made: Mapping[str, int]


def link(source: Path, target: Path) -> str:
    """Make `target` a link to the file `source`: a hard link where the file system allows it, otherwise a symbolic one.

    A hard link shares the file's bytes: whatever writes into it writes into the data set.

    Returns:
        `HARD`, `SYMBOLIC`, or `THERE` where `target` was one already.

    Raises:
        DatasetError: when another file is in the way, `source` is not there, or no link can be made.
    """
    source = source.resolve()
    if not source.is_file():
        raise DatasetError(f"Expected a file to link to at {source}, found none.")
    try:
        try:
            os.link(source, target)
            return HARD
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without hard links
            os.symlink(source, target)
            return SYMBOLIC
    except FileExistsError:
        if target.exists() and target.samefile(source):
            return THERE
        raise DatasetError(
            f"Expected no file but a link to {source} at {target}, found another. Remove it, or choose another "
            "--output."
        ) from None
    except OSError as error:
        raise DatasetError(
            f"Could not link {target} to {source}: {error.strerror}. Choose an --output on a file system with links."
        ) from None


def prepare(
    output: Path,
    name: str,
    options: Mapping[str, Any],
    plan: Mapping[str, Path],
    report: Mapping[str, Any],
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Prepared:
    """Fill a folder with links.

    Args:
        output: new, empty, or prepared before with the same options from the same data.
        name: of the data set.
        options: what the user chose.
        plan: path within `output` -> photo.
        report: what to say of the data in the record.
        progress: wraps the paths.

    Raises:
        DatasetError: when the folder holds anything else; nothing of it is changed.
    """
    names = sorted(plan)
    told = "\n".join(f"{place}\0{plan[place].name}" for place in names)
    made_from = {
        "schema": 1,
        "dataset": name,
        "options": dict(options),
        "files": len(plan),
        "sha256": hashlib.sha256(told.encode()).hexdigest(),
    }
    record = output / RECORD
    finished = _check(output, record, made_from)
    if strangers := sorted(set(_photos_in(output)) - plan.keys()):
        raise DatasetError(
            f"Expected no photos but those of {record} in {output}, found {len(strangers)} others: {some(strangers)}. "
            "Move them elsewhere."
        )
    output.mkdir(parents=True, exist_ok=True)
    if not record.is_file():
        _write(record, {**made_from, "finished": False})
    for folder in sorted({str(PurePosixPath(place).parent) for place in names}):
        (output / folder).mkdir(parents=True, exist_ok=True)
    made = {HARD: 0, SYMBOLIC: 0, THERE: 0}
    for place in progress(names):
        made[link(plan[place], output / place)] += 1
    if not finished:
        _write(record, {**made_from, "finished": True, "report": dict(report)})
    return Prepared(len(plan), {kind: count for kind, count in made.items() if kind != THERE})


def write_once(path: Path, text: str) -> bool:
    """Write a text file; whether it is new. One with this very content is left as it is.

    Raises:
        DatasetError: when another file is there.
    """
    if path.exists():
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        raise DatasetError(
            f"Expected no file, or the same table, at {path}, found another. Remove it, or choose another --output."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.encode())
    return True


def _check(output: Path, record: Path, made_from: Mapping[str, Any]) -> bool:
    """Whether a preparation of the same data was finished here; raises DatasetError when the folder is not one of
    it."""
    if not record.is_file():
        # A run that was killed may have left the first record half written.
        if output.exists() and not (
            output.is_dir() and all(path.name.startswith(".privacy-faces-") for path in output.iterdir())
        ):
            raise DatasetError(
                f"Expected a new or empty folder, or one that was prepared before, at {output}, found another. Choose "
                "another --output."
            )
        return False
    try:
        before = json.loads(record.read_text(encoding="utf-8"))
        differing = [key for key in made_from if before[key] != made_from[key]]
    except (ValueError, KeyError, TypeError):
        raise DatasetError(
            f"Expected the record of a preparation at {record}, found something else. Choose another --output."
        ) from None
    if differing:
        was, now = ({key: side[key] for key in differing if key != "sha256"} for side in (before, made_from))
        what = f"{json.dumps(was)}, not {json.dumps(now)}" if now else "other photos"
        raise DatasetError(
            f"Expected the folder {output} to be prepared from the same data in the same way, found {what}. Choose "
            "another --output."
        )
    return bool(before["finished"])


def _photos_in(output: Path) -> Iterable[str]:
    """Paths, within the folder, of the photos that lie in it at any depth, and of links that stand for folders."""
    for folder, folders, files in os.walk(output):
        for name in [file for file in files if is_photo(file)] + [
            name for name in folders if os.path.islink(os.path.join(folder, name))
        ]:
            yield Path(os.path.relpath(folder, output), name).as_posix()


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())
