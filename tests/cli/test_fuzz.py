"""Folders of hostile files beside good photos: no traceback, no hang, no more memory than promised, a reason for each
refusal, and the good ones are done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.formats.read import read_photo
from tests.fuzz_files import bases, put_files, put_names, put_special

SEED = 16
LONGEST = 60.0  # seconds of computing for one photo, or for what comes before the first
BLOCKED = 600.0  # seconds without a sign of life, on a machine that may do much else
REASON = re.compile(r"expected |Expected |no face found|its faces? ")


@dataclass
class Done:
    """How a run ended: exit status, what it printed, its peak in GiB, the longest computing without a sign of life."""

    status: int
    out: str
    err: str
    peak: float
    longest: float


def run(*arguments: str | Path, folder: Path) -> Done:
    """The command in a process of its own, watched."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "privacy_faces", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        watched, size, peak = psutil.Process(process.pid), 0, 0.0
        moved, used, spent, longest = time.monotonic(), 0.0, 0.0, 0.0
        while True:
            ended, status = os.waitpid(process.pid, os.WNOHANG)
            if ended:
                break
            with suppress(psutil.Error):
                peak = max(peak, high_water(process.pid))
                spent = sum(watched.cpu_times()[:2])
            if err.stat().st_size != size:  # each photo, and each stage of it, moves the bar on
                size, moved, used = err.stat().st_size, time.monotonic(), spent
            longest = max(longest, spent - used)
            if longest > LONGEST or time.monotonic() - moved > BLOCKED:
                process.kill()
            time.sleep(0.1)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = [path.read_bytes().decode("utf-8", "backslashreplace") for path in (out, err)]
    return Done(process.returncode, *text, peak=peak, longest=longest)


def high_water(pid: int) -> float:
    """The most memory that a process ever had, in GiB; 0 once it has ended. `ru_maxrss` would count what the process
    had before it became the command: all that these tests take."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), 0)) / 2**20


def check(folder: Path, done: Done, output: Path) -> dict[str, dict[str, Any]]:
    """What holds of every run over hostile files; the outcomes by name of the file."""
    said = done.out + done.err
    assert done.status == 1, said[-3000:]
    assert "Traceback" not in said, said
    assert done.longest < LONGEST
    assert done.peak < MAX_MEMORY
    photos = {os.path.basename(row["input"]): row for row in json.loads(done.out)["photos"]}
    for name, row in photos.items():
        if row["status"] == "failed":
            assert REASON.match(row["reason"]), (name, row["reason"])
            assert str(row["reason"]).isprintable() or "\n" in name, (name, row["reason"])
            assert not row["reason"].startswith("unexpected"), (name, row["reason"])
    written = [path for path in output.rglob("*") if path.is_file() and not path.name.endswith(".json")]
    assert len(written) == sum(row["status"] == "done" for row in photos.values())
    for path in written:
        read_photo(path)  # whole
    good = {name: row for name, row in photos.items() if name.startswith("good-")}
    assert len(good) == 3
    assert all(row["status"] == "done" for row in good.values()), good
    left = {path.name for path in output.rglob(".*")}
    assert not left, "nothing hidden is left behind"
    return photos


def hostile(root: Path, seed: int, count: int) -> Path:
    folder = root / "in"
    folder.mkdir()
    put_files(folder, seed, count)
    for number, kind in enumerate(("png", "jpeg", "webp")):
        ending, data = bases()[kind]
        (folder / f"good-{number}{ending}").write_bytes(data)
    return folder


def anonymized(root: Path, folder: Path) -> dict[str, dict[str, Any]]:
    output = root / "out"
    done = run("anonymize", folder, "--method", "pixelate", "--output", output, "--json", "--device", "cpu",
               "--receipts", "full", folder=root)  # fmt: skip
    return check(folder, done, output)


def test_some_hostile_files(tmp_path: Path) -> None:
    folder = hostile(tmp_path, SEED, 26)
    put_special(folder)
    photos = anonymized(tmp_path, folder)
    assert len([name for name in photos if name[:3].isdigit()]) >= 20, "files without an ending may be no photos"
    assert {"self.png", "zero.png", "nowhere.png"} <= {
        name for name, row in photos.items() if row["status"] == "failed"
    }


@pytest.mark.slow(reason="three hundred files, some of them large")
@pytest.mark.parametrize("part", range(5))
def test_three_hundred_hostile_files(part: int, tmp_path: Path) -> None:
    folder = hostile(tmp_path, SEED + 1 + part, 60)
    put_names(folder)
    photos = anonymized(tmp_path, folder)
    assert len(photos) >= 60
