"""Whatever goes wrong, no file of anybody is lost, and no result of yesterday passes for one of today."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from privacy_faces.config.files import hidden
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.judge.receipt import Receipt
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.attempt import Outcome, attempt
from privacy_faces.pipeline.batch import Watcher, run
from privacy_faces.pipeline.inputs import InputError, collect, refuse_foreign
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.sharing import Engine

pytestmark = pytest.mark.usefixtures("one_thread")
FACE = np.ascontiguousarray(astronaut()[:256, 100:356])
NO_FACE = np.full((256, 256, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def fill() -> Anonymizer:
    return Anonymizer(make_plan("fill"))


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory, fill: Anonymizer) -> Path:
    """in/a.png and in/b.png, and out/ with what was made of them; not to be changed by a test."""
    root = tmp_path_factory.mktemp("yesterday")
    put(root / "in/a.png", FACE)
    put(root / "in/b.png", FACE[:, ::-1])
    assert [outcome.status for outcome in done(root, fill)] == ["done", "done"]
    return root


@pytest.fixture
def root(yesterday: Path, tmp_path: Path) -> Path:
    shutil.copytree(yesterday, tmp_path, dirs_exist_ok=True)
    return tmp_path


def put(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def content(folder: Path) -> dict[str, bytes]:
    """Every file but run.json."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "run.json"}


def engine_of(anonymizer: Anonymizer, between: Callable[[Job], None] = lambda job: None) -> Engine:
    def engine(jobs: Sequence[Job], plan: Plan, report: Callable[[str], None]) -> Iterator[Outcome]:
        for job in jobs:
            yield attempt(anonymizer, job)
            between(job)

    return engine


def done(
    root: Path, anonymizer: Anonymizer, between: Callable[[Job], None] = lambda job: None, *, overwrite: bool = False
) -> list[Outcome]:
    collection = collect([root / "in"], root / "out")
    refuse_foreign(collection, root / "out")
    engine = engine_of(anonymizer, between)
    return run(anonymizer.plan, collection, root / "out", engine, Watcher(), overwrite=overwrite)


@contextmanager
def full_disk(largest: int) -> Iterator[None]:
    """No file can grow beyond `largest` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("largest", [0, 2000, 100_000], ids=["nothing fits", "no photo fits", "all fits"])
def test_a_full_disk_leaves_the_older_result(root: Path, fill: Anonymizer, largest: int) -> None:
    before = content(root / "out")
    assert len(before["a.png"]) > 2000
    with full_disk(largest):
        (outcome, _) = [attempt(fill, job) for job in collect([root / "in"], root / "out").jobs]
    if largest < 100_000:
        assert outcome.status == "failed"
        assert str(outcome.reason).startswith("expected to write ")
    assert content(root / "out") == before


@pytest.mark.parametrize("image", [FACE, NO_FACE], ids=["face", "no face"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_somebody_elses_photo_in_the_output_folder(
    root: Path, fill: Anonymizer, image: np.ndarray, overwrite: bool
) -> None:
    put(root / "in/mine.png", image)
    mine = put(root / "out/mine.png", NO_FACE)
    before = content(root / "out")
    with pytest.raises(InputError, match=r"found a file there, and no receipt of privacy-faces names it"):
        done(root, fill, overwrite=overwrite)
    # Nor when it comes there while the run goes on.
    mine.unlink()
    outcomes = {
        outcome.job.target.name: outcome
        for outcome in done(root, fill, lambda job: [put(mine, NO_FACE)][0] and None, overwrite=True)
    }
    assert outcomes["mine.png"].status == "failed"
    assert content(root / "out")["mine.png"] == before["mine.png"]
    assert (root / "out/a.receipt.json").exists()


@pytest.mark.parametrize(("name", "text"), [("a.receipt.json", '{"shop": "bread"}'), ("run.json", '{"distance": 42}')])
def test_somebody_elses_file_of_our_name(tmp_path: Path, fill: Anonymizer, name: str, text: str) -> None:
    put(tmp_path / "in/a.png", FACE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(text)
    with pytest.raises(InputError, match=name):
        done(tmp_path, fill)
    assert (tmp_path / "out" / name).read_text() == text


@pytest.mark.parametrize("now", [b"<html>", None], ids=["broken", "no face"])
def test_an_input_that_changed_and_fails_has_no_result_of_yesterday(
    root: Path, fill: Anonymizer, now: bytes | None
) -> None:
    before = content(root / "out")
    if now is None:
        put(root / "in/a.png", NO_FACE)
    else:
        (root / "in/a.png").write_bytes(now)
    for _ in range(2):
        outcome = done(root, fill)[0]
        assert outcome.status == "failed"
    after = content(root / "out")
    assert set(after) == {"a.outdated.png", "a.outdated.receipt.json", "b.png", "b.receipt.json"}
    assert after["a.outdated.png"] == before["a.png"]
    receipt = Receipt.parse(after["a.outdated.receipt.json"], "")
    assert (receipt.output, receipt.faces) == ("a.outdated.png", Receipt.parse(before["a.receipt.json"], "").faces)
    put(root / "in/a.png", FACE)
    assert [outcome.status for outcome in done(root, fill)] == ["done", "skipped"]
    assert content(root / "out")["a.png"] == before["a.png"]


def test_an_input_that_is_gone_for_a_while_keeps_its_result(root: Path, fill: Anonymizer) -> None:
    before = content(root / "out")
    (root / "in/a.png").unlink()
    collection = collect([root / "in/a.png"], root / "out")
    (outcome,) = run(fill.plan, collection, root / "out", engine_of(fill), Watcher())
    assert outcome.status == "failed"
    assert content(root / "out") == before


def test_an_output_folder_that_is_removed_in_the_middle_is_an_error(root: Path, fill: Anonymizer) -> None:
    outcomes = done(root, fill, lambda job: shutil.rmtree(root / "out") if job.name.endswith("a.png") else None,
                    overwrite=True)  # fmt: skip
    assert [outcome.status for outcome in outcomes] == ["failed", "done"]
    assert "has been removed since" in str(outcomes[0].reason)


def test_links_inside_the_output_folder_are_not_written_through(tmp_path: Path, fill: Anonymizer) -> None:
    put(tmp_path / "in/sub/deep/a.png", FACE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub").symlink_to(elsewhere)
    with pytest.raises(InputError, match=r"found the link .*/out/sub, which leads elsewhere"):
        done(tmp_path, fill)
    (outcome,) = [attempt(fill, job) for job in collect([tmp_path / "in"], tmp_path / "out").jobs]
    assert outcome.status == "failed"
    assert list(elsewhere.iterdir()) == []


def test_ctrl_c_leaves_a_true_run_json(root: Path, fill: Anonymizer) -> None:
    put(root / "in/c.png", FACE)
    put(root / "in/d.png", FACE)

    def stop(job: Job) -> None:
        if job.target.name == "b.png":
            # Another process had done this one, and could not tell.
            attempt(fill, collect([root / "in/c.png"], root / "out").jobs[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(root, fill, stop, overwrite=True)
    rows = json.loads((root / "out/run.json").read_text())["photos"]
    assert {row["photo"]: row["status"] for row in rows} == {
        **dict.fromkeys(("a.png", "b.png", "c.png"), "done"),
        "d.png": "pending",
    }


class TestKilledBetweenPhotoAndReceipt:
    """At most one of them is in its place; the receipt is there under its hidden name, for the new photo or the old."""

    def test_what_was_done_counts(self, root: Path, fill: Anonymizer) -> None:
        before = content(root / "out")
        receipt = root / "out/a.receipt.json"
        receipt.rename(hidden(receipt))
        assert [outcome.status for outcome in done(root, fill)] == ["skipped", "skipped"]
        assert content(root / "out") == before

    def test_what_was_not_is_done_again(self, root: Path, fill: Anonymizer) -> None:
        before = content(root / "out")
        receipt = root / "out/a.receipt.json"
        receipt.rename(hidden(receipt))
        put(root / "out/a.png", FACE)
        assert [outcome.status for outcome in done(root, fill)] == ["done", "skipped"]
        assert content(root / "out") == before
