"""Makeup references: a face with makeup, the same face without, and the regions, under one name (DiffAM's `_m`, `_nm`,
`_mask`). Light to import."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

_PARTS = ("_m", "_nm", "_mask")
_SUFFIXES = (".png", ".jpg")


class UnknownReferenceError(ValueError):
    """No reference of that name."""


@dataclass(frozen=True)
class Reference:
    """A makeup style.

    Attributes:
        name: such as "XMY-060".
        makeup: picture of the face with makeup.
        clean: the same face without.
        mask: 8-bit labels of the regions in the convention of the Makeup Transfer dataset: 1 skin, 2 and 3 brows, 4 and
            5 eyes, 6 nose, 7 upper lip, 8 teeth, 9 lower lip; 0 elsewhere.
        source: "shipped", or the user's folder that it was found in.
        summary: what the makeup is; empty for a user's own.
    """

    name: str
    makeup: Path
    clean: Path
    mask: Path
    source: str
    summary: str = ""


def shipped_references() -> dict[str, Reference]:
    """Name -> reference, of those that come with the package."""
    folder = Path(__file__).parents[1] / "assets" / "references"
    looks = json.loads((folder / "references.json").read_text(encoding="utf-8"))["looks"]
    return {
        name: _reference(name, [folder / f"{name}{part}.png" for part in _PARTS], "shipped", look["summary"])
        for name, look in looks.items()
    }


def find_reference(name: str, folder: Path | None = None) -> Reference:
    """The reference `name`: the user's own where `folder` holds one, otherwise the shipped one.

    Args:
        name: letters, digits, "-" and "_".
        folder: with NAME_m, NAME_nm and NAME_mask as .png or .jpg, for instance DiffAM's references.

    Raises:
        UnknownReferenceError: for a name that is nowhere, or of which a part is missing.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UnknownReferenceError(f"Expected a reference's name (letters, digits, - and _), got {name!r}.")
    if folder is not None:
        found = {
            part: path
            for part in _PARTS
            for suffix in _SUFFIXES
            if (path := folder / f"{name}{part}{suffix}").is_file()
        }
        if len(found) == len(_PARTS):
            return _reference(name, [found[part] for part in _PARTS], str(folder))
        if found:
            missing = ", ".join(f"{name}{part}.png" for part in _PARTS if part not in found)
            raise UnknownReferenceError(f"The reference {name!r} in {folder} is not whole: {missing} not found.")
    shipped = shipped_references()
    if name not in shipped:
        where = f" in {folder} or" if folder is not None else ""
        raise UnknownReferenceError(
            f"Unknown reference {name!r}: not found{where} among the shipped ones, {', '.join(shipped)}."
        )
    return shipped[name]


def _reference(name: str, parts: list[Path], source: str, summary: str = "") -> Reference:
    makeup, clean, mask = parts
    return Reference(name, makeup, clean, mask, source, summary)
