"""What came of a run in plain words; colors; the viewer; what the shell completes; the doctor."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from privacy_faces.cli import main
from privacy_faces.cli.summary import sentence
from privacy_faces.config.files import resource
from privacy_faces.judge.receipt import FaceReceipt, Receipt, RecognizerVerdict, Role, evidence_of
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.inputs import collect
from privacy_faces.weights import store

pytestmark = pytest.mark.usefixtures("one_thread")

FACE = resource("assets/faces/007.png")


def face(matched: bool = False, role: Role = "held-out", **fields: Any) -> FaceReceipt:
    verdict = RecognizerVerdict(far=0.001, matched=matched, role=role)
    return FaceReceipt(
        recognizers={"one": verdict}, protected=not matched, evidence=evidence_of([role]), target=None, **fields
    )


KEPT = FaceReceipt(changed=False, decision="kept", recognizers={}, protected=False, evidence="unknown", target=None)


@pytest.mark.parametrize(
    ("photos", "text"),
    [
        ([[face()]], "1 face changed in 1 photo. A recognizer that took no part no longer matches it."),
        (
            [[face(), face(), face()]],
            "3 faces changed in 1 photo. A recognizer that took no part no longer matches any of them.",
        ),
        (
            [[face(), KEPT], [face(role="surrogate")]],
            "2 faces changed in 2 photos, 1 kept as it was. The recognizers that helped to make the change no longer "
            "match them; whether others do was not measured.",
        ),
        (
            [[face(), face(True)], None],
            "2 faces changed in 1 photo. 1 of them can still be recognized: see NOT PROTECTED below. 1 photo failed.",
        ),
        ([[KEPT, KEPT]], "No face changed, 2 kept as they were."),
        (
            [[face(), face(True, changed=False)], []],
            "1 face changed in 1 photo. A recognizer that took no part no longer matches it. 1 face more came to "
            "light, unchanged: see NOT PROTECTED below. 1 photo without a face copied.",
        ),
    ],
)
def test_the_sentence(tmp_path: Path, photos: list[list[FaceReceipt] | None], text: str) -> None:
    names = [tmp_path / f"{number}.png" for number in range(len(photos))]
    jobs = collect(names, tmp_path / "out").jobs
    receipts = [None if faces is None else Receipt(output=None, method="fill", faces=faces) for faces in photos]
    outcomes = [
        Outcome(job, "done" if receipt else "failed", receipt=receipt)
        for job, receipt in zip(jobs, receipts, strict=True)
    ]
    assert sentence(outcomes) == text


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The command of a run that is done already."""
    folder = tmp_path_factory.mktemp("done")
    command = ("anonymize", str(FACE), "--method", "fill", "--output", str(folder))
    assert CliRunner().invoke(main, command).exit_code == 0
    return command


def on_terminal(command: tuple[str, ...], **environment: str) -> str:
    """What a command shows where stdout is a terminal."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
    with subprocess.Popen(
        [sys.executable, "-m", "privacy_faces", *command], stdout=theirs, stderr=subprocess.DEVNULL, env=variables
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def test_colors_are_for_terminals(done: tuple[str, ...]) -> None:
    assert "\x1b[32m\x1b[1mno longer matched\x1b[0m\n" in on_terminal(done)
    plain = on_terminal(done, NO_COLOR="1")
    assert "\x1b" not in plain
    assert "  no longer matched\n" in plain
    assert CliRunner().invoke(main, done).stdout == plain


@pytest.mark.skipif(sys.platform != "linux", reason="stands in for xdg-open, which is Linux's")
def test_open_shows_the_result(done: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    nobody = CliRunner().invoke(main, (*done, "--open"))
    assert f"--open: found no viewer; look into {done[-1]}\n" in nobody.stderr
    assert nobody.exit_code == 0
    viewer = tmp_path / "xdg-open"
    viewer.write_text('#!/bin/sh\necho "$1" > "$0.shown.partial"\n/bin/mv "$0.shown.partial" "$0.shown"\n')
    viewer.chmod(0o755)
    assert CliRunner().invoke(main, (*done, "--open")).exit_code == 0
    shown = tmp_path / "xdg-open.shown"
    for _ in range(100):
        if shown.exists():
            break
        subprocess.run(["/bin/sleep", "0.1"], check=True)
    assert shown.read_text() == f"{done[-1]}/007.png\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [("privacy-faces doc", "doctor"), ("privacy-faces anonymize --method pix", "pixelate")],
)
def test_the_shell_completes(words: str, expected: str) -> None:
    variables = {"_PRIVACY_FACES_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = shutil.which("privacy-faces", path=str(Path(sys.executable).parent))
    assert program
    done = subprocess.run([program], env=os.environ | variables, capture_output=True, text=True, check=True)
    assert done.stdout == f"plain,{expected}\n"


class TestDoctor:
    def findings(self, *args: str) -> tuple[int, dict[str, dict[str, str]]]:
        result = CliRunner().invoke(main, ["doctor", "--json", *args])
        return result.exit_code, {item["what"]: item for item in json.loads(result.stdout)["findings"]}

    def test_what_is_here_and_what_is_missing(self) -> None:
        code, found = self.findings()
        assert code == 0
        assert found["weights face-bank"]["found"] == "here, its hash is right"
        missing = found["weights mobileface-v2"]
        assert (missing["status"], missing["command"]) == ("optional", "privacy-faces weights pull mobileface-v2")
        assert "fill" in found["methods"]["found"]
        assert found["anonymize --method inpaint-gradcam"]["found"] == "works; mobileface-v2 would judge too"

    def test_weights_that_are_not_the_right_ones(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(resource("assets"), tmp_path / "assets")
        with (tmp_path / "assets/face-bank.safetensors").open("ab") as file:
            file.write(b"!")
        monkeypatch.setattr(store, "resource", lambda name: tmp_path / name)
        code, found = self.findings()
        assert code == 1
        broken = found["weights face-bank"]
        assert broken["status"] == "broken"
        assert "are not the expected ones: sha256 " in broken["found"]
        assert broken["command"]

    def test_as_text(self) -> None:
        result = CliRunner().invoke(main, ["doctor"])
        assert "\nTo have more:\n" in result.stdout
        assert "\n  privacy-faces weights pull mobileface-v2\n" in result.stdout
        assert "To mend:" not in result.stdout
