"""The command is killed at any moment, the disk is full, the output folder goes: no half file, nothing lost, nothing
done twice, no receipt that is not true.

Processes are forked from one that has imported everything, so that a hundred of them take minutes.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fuzz_files import face

PHOTOS = 5
PATIENCE = 300  # seconds, on a machine that does much else
Stamps = dict[str, tuple[int, int]]  # file -> inode, time of the last change


def command(said: Connection, arguments: list[str], largest: int | None) -> None:
    """What a forked process does: the command itself, with its output into a pipe, which no limit of files stops."""
    for number in (1, 2):
        os.dup2(said.fileno(), number)
    said.close()
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
    if largest is not None:
        # Python 3.11 takes a short write for a whole one when it compiles a module (cpython issue 126606): the module
        # could never be imported again.
        sys.dont_write_bytecode = True
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    from privacy_faces.cli import main

    main.main(arguments, prog_name="privacy-faces")


class Runs:
    """Runs over one folder of photos, and what every one of them must leave."""

    def __init__(self, root: Path) -> None:
        self.root, self.output = root, root / "out"
        (root / "in/more").mkdir(parents=True)
        pixels = np.asarray(face())
        for number in range(PHOTOS):
            folder = root / ("in/more" if number % 2 else "in")
            name = f"{number}.{'jpg' if number % 3 == 0 else 'png'}"
            Image.fromarray(np.ascontiguousarray(pixels[number:, number:])).save(folder / name)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["privacy_faces.pipeline.anonymizer", "privacy_faces.cli.anonymize"])
        self.whole: dict[str, str] = {}
        assert self.ended(self.start()) == 0, self.said()
        self.whole = self.digests()
        assert len(self.whole) == 2 * PHOTOS

    def start(self, *options: str, largest: int | None = None) -> BaseProcess:
        arguments = ["anonymize", str(self.root / "in"), "--method", "pixelate", "--output", str(self.output)]
        mine, said = multiprocessing.Pipe(duplex=False)
        process = self._context.Process(target=command, args=(said, [*arguments, "--device", "cpu", *options], largest))
        process.start()
        said.close()
        self._text = b""
        self._reader = threading.Thread(target=self._read, args=(mine,))
        self._reader.start()
        return process

    def _read(self, mine: Connection) -> None:
        with mine:
            while part := os.read(mine.fileno(), 1 << 16):
                self._text += part

    def ended(self, process: BaseProcess) -> int:
        process.join(PATIENCE)
        assert process.exitcode is not None, "it hangs"
        assert "Traceback" not in self.said(), self.said()
        return process.exitcode

    def said(self) -> str:
        self._reader.join(PATIENCE)
        return self._text.decode()

    def files(self) -> dict[str, Path]:
        """Every file but run.json, hidden ones too."""
        found = {path.relative_to(self.output).as_posix(): path for path in self.output.rglob("*") if path.is_file()}
        return {name: path for name, path in found.items() if name != "run.json"}

    def digests(self) -> dict[str, str]:
        """Of the photos their content, of the receipts what they are true of."""
        found = {}
        for name, path in self.files().items():
            data = path.read_bytes()
            if name.endswith(".receipt.json"):
                receipt = json.loads(data)
                photo = path.with_name(receipt["output"])
                assert hashlib.sha256(photo.read_bytes()).hexdigest() == receipt["output_sha256"], f"{name} is not true"
                data = json.dumps([receipt["faces"], receipt["output_sha256"], receipt["written"]]).encode()
            found[name] = hashlib.sha256(data).hexdigest()
        return found

    def hidden(self) -> list[str]:
        return [name for name in self.files() if Path(name).name.startswith(".")]

    def done(self) -> Stamps:
        """The photos that have a receipt, and these."""
        found = {}
        for name, path in self.files().items():
            if name.endswith(".receipt.json") and not Path(name).name.startswith("."):
                photo = path.with_name(json.loads(path.read_bytes())["output"])
                for file in (path, photo):
                    status = file.stat()
                    found[file.relative_to(self.output).as_posix()] = (status.st_ino, status.st_mtime_ns)
        return found

    def check(self, before: Stamps) -> Stamps:
        """After any end: what is in its place is whole and true, and what was done stays as it was."""
        visible = {name: digest for name, digest in self.digests().items() if not Path(name).name.startswith(".")}
        assert visible.items() <= self.whole.items(), "a half file, or a wrong one"
        now = self.done()
        assert now.items() >= before.items(), "lost, or done again"
        return now

    def check_told(self, before: set[str]) -> None:
        """After an end that could be prepared: nothing is hidden but what a killed run had left, and run.json is
        true."""
        assert set(self.hidden()) <= before
        if (self.output / "run.json").exists():
            told = json.loads((self.output / "run.json").read_text())["photos"]
            receipts = [self.output / row["photo"] for row in told if row["status"] in ("done", "skipped")]
            named = {path.relative_to(self.output).as_posix() for path in receipts}
            there = {name for name in self.done() if not name.endswith(".receipt.json")}
            assert named <= there
            # One that ended before its first photo leaves what the run before had to say, which was killed perhaps.
            assert named == there or "photo/s" not in self.said()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield Runs(tmp_path_factory.mktemp("kills"))


def wait_for_a_moment(runs: Runs, process: BaseProcess, random: np.random.Generator) -> None:
    """Half of the moments are just when a file is written, the others at any time."""
    if random.integers(2):
        before = {*runs.files()} if runs.output.exists() else set()
        until = time.monotonic() + PATIENCE
        skip = int(random.integers(1, 4))
        while process.is_alive() and time.monotonic() < until:
            fresh = {*runs.files()} - before if runs.output.exists() else set()
            if len(fresh) >= skip:
                break
            time.sleep(0.0005)
        time.sleep(float(random.choice([0, 0.001, 0.003, 0.01])))
    else:
        process.join(float(random.uniform(0.0, 12.0)))


def kill_often(runs: Runs, ends: list[signal.Signals], seed: int) -> dict[str, int]:
    """Start, kill, look, go on, until all is done; then from the beginning. How often each kill came in time."""
    random, counts, stamps = np.random.default_rng(seed), dict.fromkeys([end.name for end in ends], 0), Stamps()
    shutil.rmtree(runs.output)
    for end in ends:
        left = set(runs.hidden()) if runs.output.exists() else set()
        process = runs.start()
        wait_for_a_moment(runs, process, random)
        if process.is_alive():
            os.kill(process.pid or 0, end)
            counts[end.name] += 1
        status = runs.ended(process)
        assert status in (0, 1, -end), runs.said()
        if runs.output.exists():
            stamps = runs.check(stamps)
            if end != signal.SIGKILL and status >= 0:
                runs.check_told(left)
        if len(stamps) == len(runs.whole):
            finish(runs, stamps)
            stamps = Stamps()
    finish(runs, stamps)
    return counts


def finish(runs: Runs, stamps: Stamps) -> None:
    """A run that nobody kills does what is missing, and nothing else."""
    assert runs.ended(runs.start()) == 0, runs.said()
    runs.check(stamps)
    runs.check_told(set())
    assert runs.digests() == runs.whole
    shutil.rmtree(runs.output)
    runs.output.mkdir()


def test_three_kills(runs: Runs) -> None:
    kill_often(runs, [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], seed=3)


@pytest.mark.slow(reason="ninety runs of the command")
def test_ninety_kills(runs: Runs) -> None:
    ends = [signal.SIGKILL] * 50 + [signal.SIGTERM] * 20 + [signal.SIGINT] * 20
    order = np.random.default_rng(16).permutation(len(ends))
    counts = kill_often(runs, [ends[place] for place in order], seed=16)
    assert all(count >= len(ends) // 10 for count in counts.values()), counts


@pytest.mark.slow(reason="a dozen runs of the command")
def test_full_disks(runs: Runs) -> None:
    """No file can grow beyond a limit: of the first run, and of a second one over good results."""
    shutil.rmtree(runs.output, ignore_errors=True)
    for largest in (0, 200, 2000, 20_000):
        status = runs.ended(runs.start(largest=largest))
        assert status in (1, 2), runs.said()
        assert re.search(
            r"expected to write .*, found: File too large; check|No usable temporary directory", runs.said()
        )
        if runs.output.exists():
            runs.check({})
            assert runs.hidden() == []
    assert runs.ended(runs.start()) == 0
    stamps = runs.check({})
    for largest in (0, 2000, 20_000):
        assert runs.ended(runs.start("--overwrite", largest=largest)) in (1, 2), runs.said()
        kept = runs.done()
        assert set(kept) == set(stamps)
        assert runs.hidden() == []
        runs.check({})


@pytest.mark.slow(reason="several runs of the command")
@pytest.mark.parametrize("remove", [shutil.rmtree, lambda path: path.rename(path.with_name("moved"))])
def test_output_that_goes_in_the_middle(runs: Runs, remove: Callable[[Path], object]) -> None:
    shutil.rmtree(runs.output, ignore_errors=True)
    process = runs.start()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (runs.output.exists() and len(runs.done()) >= 2):
        time.sleep(0.005)
    remove(runs.output)
    shutil.rmtree(runs.root / "moved", ignore_errors=True)
    assert runs.ended(process) == 1
    assert re.search("has been removed since by somebody else|found: No such file or directory", runs.said())
    runs.check({})
    finish(runs, {})
