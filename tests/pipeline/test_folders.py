"""Folders as they are: links, results of earlier runs, names of any bytes and any length, consoles of any alphabet."""

from __future__ import annotations

import json
import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage.data import astronaut

from privacy_faces.cli import main
from privacy_faces.config.plan import make_plan
from privacy_faces.datasets.folder import photos_below
from privacy_faces.datasets.pairs import Pair
from privacy_faces.evaluation.folders import _receipt
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import attempt, finished
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import Collection, InputError, collect
from privacy_faces.pipeline.layouts.pairs import find_pairs

pytestmark = pytest.mark.usefixtures("one_thread")
FACE = np.ascontiguousarray(astronaut()[:256, 100:356])
ALIEN = os.fsdecode(b"caf\xe9 \xff.png")  # Latin-1, as old cameras and archives write it
RUN = json.dumps({"schema": 1, "method": "fill", "photos": []})


@pytest.fixture(scope="module")
def fill() -> Anonymizer:
    return Anonymizer(make_plan("fill", run={"save_masks": True}))


def put(path: Path, image: np.ndarray = FACE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        Image.fromarray(image).save(file, "PNG")
    return path


def names(collection: Collection, root: Path) -> list[str]:
    return [job.target.relative_to(root).as_posix() for job in collection.jobs]


def test_links_to_folders_are_followed_each_folder_once(tmp_path: Path) -> None:
    put(tmp_path / "in/album/a.png")
    put(tmp_path / "elsewhere/deep/b.png")
    (tmp_path / "in/album/friends").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/again").symlink_to(tmp_path / "elsewhere/deep")
    (tmp_path / "elsewhere/deep/circle").symlink_to(tmp_path / "in")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path)
    found = collect([tmp_path / "in"], tmp_path / "out")
    assert names(found, tmp_path / "out") == ["album/a.png", "album/friends/deep/b.png"]
    assert sorted(found.left_out) == [
        f"{tmp_path / 'in/album/friends' / name} (a link to a folder that is searched already, or that it lies in)"
        for name in ("again", "deep/circle", "up")
    ]
    assert [photo.path.name for photo in photos_below(tmp_path / "in")] == ["a.png", "b.png"]


def test_what_a_run_wrote_is_no_input_unless_it_is_named(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    for folder in ("outputs/blur", "outputs/blur.masks", "diary"):
        put(tmp_path / folder / "sub/a.png")
    (tmp_path / "outputs/blur/run.json").write_text(RUN)
    (tmp_path / "diary/run.json").write_text('{"distance": 42}')
    found = collect([tmp_path], tmp_path / "outputs/fill")
    assert names(found, tmp_path / "outputs/fill") == ["a.png", "diary/sub/a.png"]
    assert found.left_out == [
        f"{tmp_path / 'outputs' / name} (written by privacy-faces; name it as an input to protect it again)"
        for name in ("blur", "blur.masks")
    ]
    named = collect([tmp_path / "outputs/blur"], tmp_path / "outputs/fill")
    assert names(named, tmp_path / "outputs/fill") == ["sub/a.png"]
    with pytest.raises(InputError, match=r"No photo found in .* Left out: .*blur \(written by privacy-faces"):
        collect([tmp_path / "outputs"], tmp_path / "elsewhere")


@pytest.mark.parametrize("name", [ALIEN, f"{'ä' * 123}x.png", f"{'b' * 247}.png"], ids=["bytes", "umlauts", "long"])
@pytest.mark.parametrize("receipts", ["short", "full"])
def test_names_of_any_bytes_and_the_greatest_length(tmp_path: Path, name: str, receipts: str) -> None:
    put(tmp_path / "in" / name)
    args = ["anonymize", str(tmp_path / "in"), "--method", "fill", "--output", str(tmp_path / "out"), "--save-masks"]
    for status in ("done", "skipped"):
        done = CliRunner().invoke(main, [*args, "--receipts", receipts, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)[status] == 1
    assert CliRunner().invoke(main, args).exit_code == 0, "and as a table, with other options"
    assert (tmp_path / "out" / name).is_file()
    (receipt,) = (tmp_path / "out").glob("*.receipt.json")
    assert len(os.fsencode(receipt.name)) <= 255
    (pair,) = find_pairs(tmp_path / "in", tmp_path / "out")
    json.dumps(pair.name).encode()
    pair.name.encode()
    found = _receipt(pair)
    assert found is not None
    assert found.method == "fill"


def test_long_names_that_begin_alike_have_receipts_of_their_own(tmp_path: Path) -> None:
    for letter in "xy":
        put(tmp_path / "in" / f"{'b' * 246}{letter}.png")
    first, second = collect([tmp_path / "in"], tmp_path / "out").jobs
    assert first.receipt != second.receipt


def test_people_called_masks(tmp_path: Path, fill: Anonymizer) -> None:
    put(tmp_path / "in/masks/a.png")
    put(tmp_path / "in/b.png")
    collection = collect([tmp_path / "in"], tmp_path / "out")
    outcomes = run(
        fill.plan,
        collection,
        tmp_path / "out",
        lambda jobs, plan, report: (attempt(fill, job) for job in jobs),
        Watcher(),
    )
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert all(finished(job, fill.plan.fingerprint()) for job in collection.jobs)
    pairs: list[Pair] = find_pairs(tmp_path / "in", tmp_path / "out")
    assert [pair.protected for pair in pairs] == [tmp_path / "out/b.png", tmp_path / "out/masks/a.png"]


# Click takes ASCII for a console that is set up wrongly, and writes UTF-8.
@pytest.mark.parametrize(("encoding", "name"), [("cp1252", rb"\u044f.png"), ("ascii", "я.png".encode())])
def test_a_console_of_another_alphabet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, name: bytes
) -> None:
    console = TextIOWrapper(BytesIO(), encoding=encoding)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", console)
    with pytest.raises(SystemExit) as end:
        main(["anonymize", "čšž/я.png", "--method", "fill", "--output", "out"])
    assert end.value.code == 1
    console.flush()
    shown = console.buffer.getvalue()  # type: ignore[attr-defined]
    assert name in shown
    assert b"FAILED: expected a photo at" in shown
