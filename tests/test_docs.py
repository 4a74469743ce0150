"""The documents for whoever works on the code: every file and function that they name is there, and the walks are as
short as they say."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
# `folder/file.py`, `folder/file.py:function`, `folder/file.py:Class.method` or `folder/`.
NAMED = re.compile(r"`((?:privacy_faces|plugins|tests|configs|assets|docs|examples|\.ci)/[\w./-]*)(?::([\w.]+))?`")
STEP = re.compile(r"^\d+\. `([\w./-]+\.py):([\w.]+)`: \S", re.MULTILINE)


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def defined(file: Path) -> frozenset[str]:
    """Functions and classes of a module, and methods as Class.method."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return frozenset(found)


def walks() -> list[tuple[str, str]]:
    """Heading and text of each walk."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    parts = re.split(
        r"^### (From .+)$", text.split("\n## A stranger's walk\n")[1].split("\n## ")[0], flags=re.MULTILINE
    )
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_named_is_there(document: Path) -> None:
    missing = []
    for path, name in NAMED.findall(prose(document)):
        place = ROOT / path
        if not place.exists() or (name and name not in defined(place)):
            missing.append(f"{path}:{name}" if name else path)
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", prose(document)) if "://" not in link]
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize(
    ("heading", "most"),
    [
        ("From `anonymize photo.jpg` to the receipt", 8),
        ("From a makeup weight in the options to its value in the log", 4),
        ("From a benchmark photo to a cell of the report", 8),
    ],
)
def test_walks_are_short(heading: str, most: int) -> None:
    text = dict(walks())[heading]
    steps = STEP.findall(text)
    # Every line of the list names a file and a function, and no step is hidden in another's words.
    assert len(steps) == len(re.findall(r"^\d+\. ", text, flags=re.MULTILINE)) == len(NAMED.findall(text))
    assert 2 <= len({file for file, _ in steps}) <= most
    assert f"At most {most} files" in text


def test_rooms_of_the_table_are_those_of_the_contract() -> None:
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"^layers = \[(.*?)^\]", config, flags=re.MULTILINE | re.DOTALL)
    assert layers
    floors = [re.findall(r"\w+", line) for line in re.findall(r'"([^"]+)"', layers[1])]
    rooms = re.findall(r"^\| `privacy_faces/(\w+)/` \|", prose(ROOT / "docs/architecture.md"), flags=re.MULTILINE)
    level = {room: place for place, floor in enumerate(floors) for room in floor}
    assert sorted(rooms) == sorted(room for room in level if (ROOT / "privacy_faces" / room).is_dir())
    assert [level[room] for room in rooms] == sorted(level[room] for room in rooms)
