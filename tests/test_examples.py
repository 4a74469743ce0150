"""The examples, run as their first lines say, on the synthetic faces that ship."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from privacy_faces.config.files import resource

EXAMPLES = Path(__file__).parents[1] / "examples"
FACES = sorted(resource("assets/faces").glob("*.png"))

pytestmark = pytest.mark.usefixtures("one_thread")


def run(name: str, *arguments: Path | str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return capsys.readouterr().out


def people(root: Path, faces: list[Path]) -> Path:
    """Two photos of each face, in a folder of its own."""
    for path in faces:
        (root / path.stem).mkdir(parents=True)
        for name, source in (("a", path), ("b", path.parent / "second" / path.name)):
            (root / path.stem / f"{name}.png").write_bytes((source if source.is_file() else path).read_bytes())
    return root


def test_protect_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "me.jpg"
    Image.fromarray(np.ascontiguousarray(astronaut()[:256, 100:356])).save(photo)
    out = run("protect_photo", photo, tmp_path / "out", "fill", monkeypatch=monkeypatch, capsys=capsys)
    assert "face 1: no longer matched by dlib-resnet" in out
    assert (tmp_path / "out/me.receipt.json").is_file()


def test_choose_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    for name, source in (("a", FACES[0]), ("b", FACES[0].parent / "second" / FACES[0].name), ("c", FACES[13])):
        (tmp_path / f"in/{name}.png").write_bytes(source.read_bytes())
    out = run("choose_faces", tmp_path / "in", tmp_path / "out", "fill", monkeypatch=monkeypatch, capsys=capsys)
    assert out == "a.png: 1 kept, 0 changed\nb.png: 1 kept, 0 changed\nc.png: 0 kept, 1 changed\n"


def test_judge_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    originals = people(tmp_path / "in", FACES[1:3])
    out = run("judge_folder", originals, originals, monkeypatch=monkeypatch, capsys=capsys)
    assert out == "dlib-resnet: 0 % of 4 faces dodged at FAR 0.001\n"


def test_calibrate_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = people(tmp_path / "in", FACES)
    for person in sorted(root.iterdir()):
        (root / f"{person.name}-mirrored").mkdir()
        mirrored = Image.open(person / "a.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mirrored.save(root / f"{person.name}-mirrored" / "a.png")
    out = run("calibrate_thresholds", root, tmp_path / "t.json", monkeypatch=monkeypatch, capsys=capsys)
    assert [line.partition(":")[0] for line in out.splitlines()] == ["FAR 0.1", "FAR 0.01", "FAR 0.001"]
    assert (tmp_path / "t.json").is_file()


def test_compare_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photos = people(tmp_path / "in", FACES[1:3])
    out = run("compare_methods", photos, tmp_path / "out", monkeypatch=monkeypatch, capsys=capsys)
    assert "fill: 100 % dodged" in out
    assert (tmp_path / "out/report.html").is_file()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
    assert f"def test_{path.stem}(" in Path(__file__).read_text(encoding="utf-8")
