"""Many photos: shared out to processes and to Ray's workers, whatever dies on the way; the results are those of one
process."""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from click.testing import CliRunner, Result

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.plan import read_layers
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.inputs import InputError
from privacy_faces.pipeline.job import Job
from privacy_faces.pipeline.layouts import tree
from privacy_faces.pipeline.sharing.choose import chosen_engine
from privacy_faces.pipeline.sharing.processes import usual_workers
from privacy_faces.pipeline.sharing.ray import connect, spread
from privacy_faces.pipeline.sharing.workers import Work

PHOTOS = 16
QUIET = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
# Two processes on a machine without a GPU; with --cpu, accelerate would start one.
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", *QUIET]
PATIENCE = 300

pytestmark = pytest.mark.slow(reason="starts Ray and accelerate, whose processes each load torch and all networks")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of faces of nobody, and a folder inside it."""
    root = tmp_path_factory.mktemp("photos")
    (root / "more").mkdir()
    for number, photo in enumerate(sorted(resource("assets/faces").glob("*.png"))[:PHOTOS]):
        shutil.copy(photo, root / ("more" if number % 3 == 0 else ".") / photo.name)
    return root


@pytest.fixture(scope="module")
def alone(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Any]:
    """What one process makes."""
    output = tmp_path_factory.mktemp("alone") / "out"
    done = CliRunner().invoke(main, ["anonymize", *arguments(photos, output)])
    assert done.exit_code == 0, done.output
    return made(output)


def arguments(photos: Path, output: Path) -> list[str]:
    return [
        str(photos),
        "--output",
        str(output),
        "--method",
        "inpaint-random",
        "--inpainter",
        "classical",
        "--fraction",
        "0.1",
        "--device",
        "cpu",
    ]


def made(output: Path) -> dict[Path, Any]:
    """Every file: the digest of a photo; of JSON the content, less the seconds and the name of the output folder."""
    found: dict[Path, Any] = {}
    for path in sorted(path for path in output.rglob("*") if path.is_file()):
        place = path.relative_to(output)
        if path.suffix != ".json":
            found[place] = hashlib.sha256(path.read_bytes()).hexdigest()
            continue
        found[place] = json.loads(path.read_text(encoding="utf-8").replace(f"{output}/", ""))
        found[place].pop("seconds", None)
    return found


def receipts(output: Path) -> list[Path]:
    return sorted(output.rglob("*.receipt.json"))


def stamps(output: Path) -> dict[Path, tuple[int, int]]:
    """(inode, time of writing) of every photo that has its receipt, and of the receipt: a photo that is done again gets
    others."""
    names = [
        place
        for receipt in receipts(output)
        for place in (receipt, receipt.with_name(receipt.name.replace(".receipt.json", ".png")))
    ]
    return {place: (place.stat().st_ino, place.stat().st_mtime_ns) for place in names}


@contextmanager
def started(command: list[str | Path]) -> Iterator[subprocess.Popen[str]]:
    """A command that runs; what is left of it at the end is killed."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        for child in [*psutil.Process(process.pid).children(recursive=True), process] if process.poll() is None else ():
            child.kill()


def finish(command: list[str | Path]) -> tuple[int, str, str]:
    with started(command) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


def kill_in_the_middle(
    process: subprocess.Popen[str], output: Path, wanted: Callable[[psutil.Process], bool]
) -> dict[Path, tuple[int, int]]:
    """SIGKILL one of the processes that do photos, when some are done and some are not; returns the stamps of what was
    done then."""
    deadline = time.monotonic() + PATIENCE
    while len(receipts(output)) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    victim = next(child for child in psutil.Process(process.pid).children(recursive=True) if wanted(child))
    victim.send_signal(signal.SIGSTOP)
    before = stamps(output)
    victim.kill()
    assert len(before) < 2 * PHOTOS, "too late: all photos were done"
    return before


class TestLaunched:
    def test_two_processes_make_what_one_makes(self, photos: Path, alone: dict[Path, Any], tmp_path: Path) -> None:
        status, out, err = finish([*LAUNCH, "-m", "privacy_faces", "anonymize", *arguments(photos, tmp_path / "out")])
        assert status == 0, err
        assert made(tmp_path / "out") == alone
        assert len(re.findall(r"\.png +1 ", out)) == PHOTOS, "one table, of all photos"
        assert out.count("written to") == 1
        assert f"{PHOTOS}/{PHOTOS} [" in err, "the bar counts all photos"
        assert err.count(f"{PHOTOS}/{PHOTOS} [") == 1, "and is shown once"

    def test_when_one_dies_a_second_run_does_the_rest(
        self, photos: Path, alone: dict[Path, Any], tmp_path: Path
    ) -> None:
        command = [*LAUNCH, "-m", "privacy_faces", "anonymize", *arguments(photos, tmp_path / "out")]
        with started(command) as process:
            before = kill_in_the_middle(process, tmp_path / "out", lambda child: child.environ().get("RANK") == "1")
            out, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 1
            assert out == ""
        half = made(tmp_path / "out")
        assert {
            place: half[place] for place in half if place.name != "run.json" and not place.name.endswith(".partial")
        }.items() <= alone.items()
        shutil.copy(__file__, photos / "broken.png")
        try:
            status, out, err = finish(command)
        finally:
            (photos / "broken.png").unlink()
        assert status == 1
        assert err.count("broken.png: FAILED: ") == 1
        assert out.count("broken.png") == 1
        assert stamps(tmp_path / "out").items() >= before.items()
        now = made(tmp_path / "out")
        statuses = Counter(photo["status"] for photo in now.pop(Path("run.json"))["photos"])
        assert statuses == {
            "skipped": len(receipts(tmp_path / "out")) - statuses["done"],
            "done": statuses["done"],
            "failed": 1,
        }
        assert 2 * statuses["skipped"] >= len(before)
        assert now == {place: alone[place] for place in alone if place != Path("run.json")}

    def test_loading_fails_in_all_and_is_told_once(self, photos: Path, tmp_path: Path) -> None:
        status, out, err = finish(
            [
                *LAUNCH,
                "-m",
                "privacy_faces",
                "anonymize",
                *arguments(photos, tmp_path / "out"),
                "--recognizers",
                "facenet",
            ]
        )
        assert (status, out) == (1, "")
        assert len(re.findall("^Error: ", err, re.MULTILINE)) == 1
        assert "privacy-faces weights pull facenet-vggface2" in err
        assert not (tmp_path / "out").exists()

    def test_a_thread_that_computes_does_not_abort_the_end(self, photos: Path, tmp_path: Path) -> None:
        script = tmp_path / "busy.py"
        script.write_text(BUSY, encoding="utf-8")
        (tmp_path / "in").mkdir()
        shutil.copy(sorted(photos.glob("*.png"))[0], tmp_path / "in")
        command = ["anonymize", tmp_path / "in", "--method", "fill", "--output", tmp_path / "out", "--device", "cpu"]
        status, out, err = finish([*LAUNCH, script, *command])
        assert "terminate called" not in err
        assert status == 0, err
        assert "written to" in out

    @pytest.mark.slow(reason="a benchmark in two processes")
    def test_a_benchmark_shares_out_its_photos(self, tmp_path: Path) -> None:
        flags = ["benchmark", "--methods", "fill,blur", "--limit", "4", "--no-robustness", "--no-attackers"]
        assert CliRunner().invoke(main, [*flags, "--output", str(tmp_path / "alone")]).exit_code == 0
        status, _, err = finish([*LAUNCH, "-m", "privacy_faces", *flags, "--output", str(tmp_path / "both")])
        assert status == 0, err
        alone, both = (
            json.loads((tmp_path / name / "results.json").read_text())["methods"] for name in ("alone", "both")
        )
        assert [method["success"] for method in both] == [method["success"] for method in alone]
        assert "shared out to many processes" in both[0]["cost"]["peak_memory"]["missing"]
        for method in ("fill", "blur"):
            photos = {name: made(tmp_path / name / "photos" / method / "faces") for name in ("alone", "both")}
            assert [photos["both"][place] for place in photos["both"] if place.suffix == ".png"] == [
                photos["alone"][place] for place in photos["alone"] if place.suffix == ".png"
            ]


BUSY = """
import threading

import torch

from privacy_faces.cli import main

numbers = torch.randn(200, 200)


def compute():
    while True:
        numbers @ numbers


if __name__ == "__main__":
    threading.Thread(target=compute, daemon=True).start()
    main(prog_name="privacy-faces")
"""

TRAINING = """
import json, os, sys
from pathlib import Path

import torch

from privacy_faces.training.trainer import Recipe, train

folder = Path(sys.argv[1])
numbers = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
torch.manual_seed(0)
model = torch.nn.Linear(3, 1)


def loss(prepared, turn):
    mine = numbers[turn.process :: turn.processes]
    return {"square": (prepared(mine) - mine.sum(1, keepdim=True)).square().mean()}


def look(done):
    with (folder / "looked").open("a") as file:
        file.write(f"{os.environ.get('RANK', '0')}:{done} ")


train(model, loss, Recipe(steps=20, learning_rate=0.01, save_every=10), folder, look)
torch.save(model.state_dict(), folder / f"model-{os.environ.get('RANK', '0')}.pt")
"""


class TestTraining:
    def test_two_processes_average_their_gradients(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        script = tmp_path / "train.py"
        script.write_text(TRAINING, encoding="utf-8")
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "one")])
        runpy.run_path(str(script))
        status, _, err = finish([*LAUNCH, script, tmp_path / "two"])
        assert status == 0, err
        assert (tmp_path / "one/looked").read_text() == (tmp_path / "two/looked").read_text() == "0:10 0:20 "
        one, first, second = (
            torch.load(tmp_path / path) for path in ("one/model-0.pt", "two/model-0.pt", "two/model-1.pt")
        )
        for name, value in one.items():
            assert torch.equal(first[name], second[name])
            torch.testing.assert_close(first[name], value, atol=1e-6, rtol=1e-5)


class TestRefusals:
    def run(self, *flags: str) -> Result:
        return CliRunner().invoke(main, list(flags))

    @pytest.mark.parametrize("flag", ["--workers", "--engine"])
    def test_workers_of_workers(self, flag: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("privacy_faces.pipeline.sharing.launched.processes", lambda: 2)
        with pytest.raises(InputError, match=f"{flag}.* own workers: run it without accelerate launch"):
            chosen_engine("ray" if flag == "--engine" else "local", 2, False)

    def test_ray_is_not_installed(self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ray", None)
        done = self.run(
            "anonymize", str(photos), "--method", "fill", "--engine", "ray", "--output", str(tmp_path / "out")
        )
        assert done.exit_code == 2
        assert 'pip install "privacy-faces[ray]"' in done.stderr
        assert not (tmp_path / "out").exists()

    def test_verbs_that_do_not_share_their_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in (("RANK", "1"), ("LOCAL_RANK", "1"), ("WORLD_SIZE", "2")):
            monkeypatch.setenv(name, value)
        for count, words in (
            (1, ["evaluate", "a", "b"]),
            (3, ["models", "train", "face-prior", "--data", "x"]),
            (2, ["models", "faces", "--data", "x"]),
        ):
            done = self.run(*words)
            assert done.exit_code == 2
            assert f"{' '.join(words[:count])} works in one process" in done.stderr

    def test_what_accelerate_does_with_cpu_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "one process" not in self.run("methods").stderr
        monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        done = self.run("methods")
        assert done.exit_code == 0
        assert "accelerate launch starts one process where it is told --cpu" in done.stderr


def is_worker(process: psutil.Process) -> bool:
    """A process that does photos; the server of which it is a fork, and Python's own, have no such end of a pipe."""
    return any("spawn_main" in word or "forkserver" in word for word in process.cmdline()) and not process.children()


class TestProcesses:
    """Workers that this process starts."""

    def command(self, photos: Path, output: Path, *more: str) -> list[str | Path]:
        return [sys.executable, "-m", "privacy_faces", "anonymize", *arguments(photos, output), "--workers", "2", *more]

    def test_two_make_what_one_makes(self, photos: Path, alone: dict[Path, Any], tmp_path: Path) -> None:
        status, out, err = finish(self.command(photos, tmp_path / "out"))
        assert status == 0, err
        assert made(tmp_path / "out") == alone
        assert out.count("written to") == 1
        assert f"{PHOTOS}/{PHOTOS} [" in err

    def test_one_that_is_killed_costs_nothing_but_time(
        self, photos: Path, alone: dict[Path, Any], tmp_path: Path
    ) -> None:
        with started(self.command(photos, tmp_path / "out")) as process:
            before = kill_in_the_middle(process, tmp_path / "out", is_worker)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert made(tmp_path / "out") == alone
        assert stamps(tmp_path / "out").items() >= before.items()

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_all_end_with_the_first(self, how: signal.Signals, photos: Path, tmp_path: Path) -> None:
        """Of its own accord a run tells what is done; killed or not, none of its workers goes on behind its back."""
        output = tmp_path / "out"
        with started(self.command(photos, output)) as process:
            workers: list[psutil.Process] = []
            while len(receipts(output)) < 3:
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
                workers = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(how)
            process.communicate(timeout=PATIENCE)
        assert process.returncode
        assert psutil.wait_procs(workers, timeout=60)[1] == []
        statuses = Counter(photo["status"] for photo in json.loads((output / "run.json").read_text())["photos"])
        if how != signal.SIGKILL:
            assert statuses == {"done": len(receipts(output)), "pending": PHOTOS - len(receipts(output))}
            assert not [path for path in output.rglob("*") if path.name.endswith(".partial")]

    def test_what_a_worker_lacks_is_told_before_the_first_photo(
        self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        status, out, err = finish(self.command(photos, tmp_path / "out", "--device", "cuda"))
        assert (status, out) == (2, "")
        assert len(re.findall("^Error: --device cuda asks for", err, re.MULTILINE)) == 1
        assert not (tmp_path / "out").exists()


class TestUsualWorkers:
    def usual(self, photos: int, **run: Any) -> int:
        return usual_workers(read_layers("fill").plan({}, {"device": "cpu", **run}), photos)

    def test_as_threads_photos_and_memory_allow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=20 * 2**30))
        assert [self.usual(photos) for photos in (1, 7, 8, 15, 16, 1000)] == [1, 1, 2, 3, 4, 6]
        assert self.usual(1000, max_memory=2) == 8
        assert self.usual(1000, max_memory=64) == 1


LISTENING = """
from contextlib import suppress
import psutil
from privacy_faces.pipeline.sharing.processes import usual_workers
from privacy_faces.pipeline.sharing.ray import connect
connect(1)
for process in psutil.Process().children(recursive=True):
    with suppress(psutil.NoSuchProcess):  # one that only started another
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                print(connection.laddr.ip)
"""


class TestRay:
    def test_a_cluster_of_this_machine_listens_on_loopback_alone(self) -> None:
        """In a process of its own: Ray reads the setting when it is imported."""
        found = subprocess.run(
            [sys.executable, "-c", LISTENING], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        places = found.stdout.split()
        assert places, "its servers listen somewhere"
        assert all(place.startswith(("127.", "::1", "::ffff:127.")) for place in places), places

    def test_a_worker_that_is_killed_costs_nothing_but_time(
        self, photos: Path, alone: dict[Path, Any], tmp_path: Path
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "privacy_faces",
            "anonymize",
            *arguments(photos, tmp_path / "out"),
            "--engine",
            "ray",
            "--workers",
            "2",
        ]
        with started(command) as process:
            before = kill_in_the_middle(
                process, tmp_path / "out", lambda child: child.name().startswith("ray::_Worker")
            )
            out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
        assert out.count("written to") == 1
        assert out.startswith(f"{PHOTOS} faces changed in {PHOTOS} photos."), (
            "what Ray says of the dead worker is no result"
        )
        assert made(tmp_path / "out") == alone
        assert stamps(tmp_path / "out").items() >= before.items()

    def test_a_photo_that_kills_its_workers_fails_by_name(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal"

        def make() -> Work:
            def do(job: Job, again: bool) -> Outcome:
                with journal.open("a") as file:
                    file.write(f"{job.name}\n")
                if job.name == "deadly":
                    os.kill(os.getpid(), signal.SIGKILL)
                if job.name == "wrong":
                    raise TypeError("a defect")
                return Outcome(job, "done")

            return do

        jobs = jobs_of("a", "deadly", "b", "wrong", "c", "d")
        connect(2)
        outcomes = {outcome.job.name: outcome for outcome in spread(jobs, make, 2, {"num_cpus": 1})}
        assert {name: outcome.status for name, outcome in outcomes.items()} == dict.fromkeys("abcd", "done") | {
            "deadly": "failed",
            "wrong": "failed",
        }
        assert "each of the 3 workers that tried died" in str(outcomes["deadly"].reason)
        assert outcomes["wrong"].reason == "unexpected TypeError: a defect"
        assert Counter(journal.read_text().split()) == dict.fromkeys([*"abcd", "wrong"], 1) | {"deadly": 3}

    def test_workers_that_cannot_load(self) -> None:
        def wrong() -> Work:
            raise ValueError("Missing weights: pull them.")

        connect(2)
        with pytest.raises(ValueError, match=r"^Missing weights: pull them\.$"):
            spread(jobs_of("a"), wrong, 2, {"num_cpus": 1})

    def test_when_no_worker_is_left_the_rest_fails(self, tmp_path: Path) -> None:
        def make() -> Work:
            if (tmp_path / "dead").exists():
                os.kill(os.getpid(), signal.SIGKILL)

            def do(job: Job, again: bool) -> Outcome:
                if job.name == "deadly":
                    (tmp_path / "dead").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return Outcome(job, "done")

            return do

        connect(1)
        outcomes = {
            outcome.job.name: outcome for outcome in spread(jobs_of("a", "deadly", "b"), make, 1, {"num_cpus": 1})
        }
        assert {name: outcome.status for name, outcome in outcomes.items()} == {
            "a": "done",
            "deadly": "failed",
            "b": "failed",
        }
        assert all(str(outcomes[name].reason).startswith("no worker is left: ") for name in ("deadly", "b"))


def jobs_of(*names: str) -> list[Job]:
    return [tree.job(None, name, Path(name), Path("out")) for name in names]
