"""The verbs as functions of Python: the same results as their commands, the same refusals, nothing printed, and nothing
loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import privacy_faces
from privacy_faces import benchmark, calibrate, evaluate
from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.options import Choice, OptionError
from privacy_faces.config.profiles import PROFILES, load_config, load_profile
from privacy_faces.config.registry import METHODS
from privacy_faces.config.run import RunOptions
from privacy_faces.evaluation import reporting
from privacy_faces.evaluation.entries import Entry, judges
from privacy_faces.evaluation.options import BenchmarkOptions, CalibrateOptions, EvaluateOptions
from privacy_faces.evaluation.protocols import evaluate_diffam
from privacy_faces.judge.thresholds import ThresholdFile, load_thresholds

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK: dict[str, Any] = {"robustness": False, "attackers": False}
FLAGS = ["--no-robustness", "--no-attackers"]


def command(*arguments: object) -> None:
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output


def content(path: Path) -> dict[str, Any]:
    """results.json, less what says when and how it was made."""
    found: dict[str, Any] = json.loads(path.read_text())
    return {key: value for key, value in found.items() if key not in ("command", "created")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Originals of two people, two photos each, and the same photos in coarse pixels."""
    root = tmp_path_factory.mktemp("folders")
    for person in ("001", "002"):
        for name, folder in (("a", "assets/faces"), ("b", "assets/faces/second")):
            image = Image.open(resource(folder) / f"{person}.png")
            small = image.resize((12, 12), Image.Resampling.BOX)
            for kind, saved in (("in", image), ("out", small.resize(image.size, Image.Resampling.NEAREST))):
                path = root / kind / person / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                saved.save(path)
    return root / "in", root / "out"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many people as the strictest rate needs: the synthetic faces that ship, and their mirror images."""
    root = tmp_path_factory.mktemp("crowd")
    for path in sorted(resource("assets/faces").glob("*.png")):
        second = path.parent / "second" / path.name
        for number, source in enumerate([path, second] if second.is_file() else [path]):
            image = Image.open(source)
            for person, saved in (
                (path.stem, image),
                (f"{path.stem}-mirrored", Image.fromarray(np.asarray(image)[:, ::-1])),
            ):
                (root / person).mkdir(exist_ok=True)
                saved.save(root / person / f"{number}.png")
    return root


class TestSameAsTheCommand:
    def test_evaluate(self, folders: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        told: list[tuple[int, int, str]] = []
        results = evaluate(
            *folders,
            recognizers="dlib-resnet",
            output=tmp_path / "ours",
            progress=lambda *step: told.append(step),
            **QUICK,
        )
        assert capfd.readouterr() == ("", "")
        assert told[0] == (0, 4, "unprotected")
        assert told[-1] == (4, 4, "protected")
        command("evaluate", *folders, "--recognizers", "dlib-resnet", "--output", tmp_path / "theirs", *FLAGS)
        ours, theirs = (content(tmp_path / name / "results.json") for name in ("ours", "theirs"))
        assert ours == theirs
        assert (tmp_path / "ours/report.html").is_file()
        # Results are published: no folder of this machine stands in them.
        for path in (*(tmp_path / "ours").glob("re*"), *(tmp_path / "theirs").glob("re*")):
            told_there = path.read_text(encoding="utf-8")
            assert not [place for place in (tmp_path, *folders) if str(place) in told_there]
        assert results.command.startswith("privacy_faces.evaluate(")
        assert "robustness=False" in results.command

    def test_evaluate_writes_nothing_unasked(
        self, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (method,) = evaluate(*folders, **QUICK).methods
        assert method.photos == 4
        assert list(tmp_path.iterdir()) == []

    def test_benchmark(self, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        ours = benchmark(["pixelate"], folders[0], limit=2, **QUICK)
        assert list(tmp_path.iterdir()) == [], "protected photos are thrown away"
        command(
            "benchmark", "--methods", "pixelate", "--data", folders[0], "--limit", "2", "--output", "theirs", *FLAGS
        )
        found = [json.loads(ours.model_dump_json(by_alias=True)), json.loads(Path("theirs/results.json").read_text())]
        for item in found:
            assert item["methods"][0].pop("cost")["seconds"]["n"] == 2, "times differ"
        for part in ("methods", "recognizers", "data", "far", "seed", "notes"):
            assert found[0][part] == found[1][part]

    def test_calibrate(
        self, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.chdir(tmp_path)
        ours = calibrate(crowd, name="crowd")
        assert "calibrated on 48 people: thresholds at a false accept rate of 0.001 ask for about 200" in caplog.text
        assert list(tmp_path.iterdir()) == []
        command("calibrate", "--data", crowd, "--name", "crowd", "--output", "t/thresholds.json")
        assert load_thresholds(Path("t/thresholds.json")) == ours
        # A file that is there already is extended.
        other = ThresholdFile(calibrated={"other": ours.calibrated["dlib-resnet"]})
        Path("t/thresholds.json").write_text(other.model_dump_json())
        calibrate(crowd, output="t/thresholds.json")
        assert load_thresholds(Path("t/thresholds.json")).calibrated.keys() == {"other", "dlib-resnet"}

    def test_report(self, folders: tuple[Path, Path], tmp_path: Path) -> None:
        evaluate(*folders, output=tmp_path, **QUICK)
        assert reporting.report(tmp_path / "results.json") == tmp_path / "report.html"
        again = reporting.report(tmp_path / "results.json", tmp_path / "again.html")
        assert again.read_bytes() == (tmp_path / "report.html").read_bytes()


class TestRefusals:
    def test_an_unknown_option_is_named(self, tmp_path: Path) -> None:
        for call, verb in (
            (lambda: benchmark(nonsense=1), "benchmark"),
            (lambda: evaluate(tmp_path, tmp_path, nonsense=1), "evaluate"),
            (lambda: calibrate(tmp_path, nonsense=1), "calibrate"),
            (lambda: evaluate_diffam(tmp_path, tmp_path, tmp_path, "facenet", nonsense=1), "DiffAM's protocol"),
        ):
            with pytest.raises(
                OptionError, match=f"unknown option 'nonsense' of {verb}: expected one of .*recognizers"
            ):
                call()

    def test_values_out_of_range_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        for call, message in (
            (
                lambda: evaluate("nowhere", tmp_path),
                "option 'originals' of evaluate: Path does not point to a directory",
            ),
            (lambda: evaluate(tmp_path, tmp_path, far=1.5), "option 'far' of evaluate: Input should be less than 1"),
            (
                lambda: benchmark(output=tmp_path / "file"),
                "option 'output' of benchmark: expected a folder to write into, found the file",
            ),
            (lambda: benchmark(limit=-1), "option 'limit' of benchmark: Input should be greater than or equal to 0"),
            (lambda: benchmark("nonsense"), "Unknown method 'nonsense'"),
        ):
            with pytest.raises(ValueError, match=message):
                call()

    def test_an_output_that_is_a_file_is_wrong_usage(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = CliRunner().invoke(main, ["benchmark", "--output", str(tmp_path / "file")])
        assert done.exit_code == 2
        assert "expected a folder to write into" in done.stderr


class TestFlags:
    @pytest.mark.parametrize(
        ("verb", "shown"),
        [
            ("benchmark", ["[default: all that are installed]", "24 of the synthetic ones]", "--overwrite "]),
            ("benchmark", ["--attackers / --no-attackers", "[default: outputs/benchmark]"]),
            ("evaluate", ["ORIGINALS PROTECTED", "--targets DIRECTORY", "[default: outputs/evaluate]"]),
            ("calibrate", ["--data PATH", "[required]", "[default: the folder's name]"]),
            ("report", ["RESULTS", "[default: report.html beside the results]"]),
        ],
    )
    def test_help_says_what_happens_without_a_flag(self, verb: str, shown: list[str]) -> None:
        text = " ".join(CliRunner().invoke(main, [verb, "--help"], terminal_width=200).output.split())
        assert [item for item in shown if item.strip() not in text] == []
        assert "--no-overwrite" not in text
        assert "--no-allow-upload" not in text

    def test_a_folder_that_is_not_there_is_wrong_usage(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "none"), str(tmp_path)])
        assert done.exit_code == 2
        assert "does not exist" in done.stderr


class TestOneDefault:
    def test_options_of_the_run_are_the_same_everywhere(self) -> None:
        for model in (BenchmarkOptions, EvaluateOptions, CalibrateOptions):
            for name, field in model.model_fields.items():
                if name in RunOptions.model_fields and name != "recognizers":
                    theirs = RunOptions.model_fields[name]
                    assert (field.default, field.description) == (theirs.default, theirs.description)
                    assert field.annotation == theirs.annotation

    @pytest.mark.parametrize("profile", PROFILES)
    def test_a_profile_states_only_what_differs(self, profile: str) -> None:
        file = load_profile(profile)
        models = {name: METHODS.spec(name).option_model() for name in file.methods if name in METHODS.entries()}
        parts = [(RunOptions, file.run), *((model, file.methods[name]) for name, model in models.items())]
        for model, values in parts:
            for name, value in values.items():
                same = getattr(model.validated({name: value}, "it"), name) == getattr(model.validated({}, "it"), name)
                assert not same, f"{profile} repeats the default of {name}"


class TestJudges:
    def test_a_config_file_keeps_the_options_of_those_that_judge(self) -> None:
        configured = [Choice(name="ir152", options={"alignment": "whole"}), Choice(name="irse50")]
        assert judges(["dlib-resnet", "ir152"], configured) == [Choice(name="dlib-resnet"), configured[0]]

    def test_benchmark_hands_them_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What reaches the engine, which needs networks that are not here."""
        entries: list[Entry] = []

        class EnoughError(Exception):
            pass

        def engine(found: list[Entry], *rest: object, **more: object) -> None:
            entries.extend(found)
            raise EnoughError

        from privacy_faces.evaluation import benchmark as module

        monkeypatch.setattr(module, "benchmark", engine)
        config = resource("configs/diffam.yaml")
        named = [item["name"] for item in load_config(config).run["recognizers"]]
        with pytest.raises(EnoughError):
            benchmark("fill", config=config, recognizers=[*named, "dlib-resnet"], seed=3)
        run = entries[0].plan.run
        assert [choice.name for choice in run.recognizers] == [*named, "dlib-resnet"]
        assert all(choice.options["alignment"] == "whole" for choice in run.recognizers[:-1])
        assert run.recognizers[named.index("facenet")].options["weights"] == "diffam"
        assert run.seed == 3

        # The file's options of the run count too, unless something was given.
        config = tmp_path / "run.yaml"
        config.write_text("run: {seed: 7, far: 0.01}")
        entries.clear()
        with pytest.raises(EnoughError):
            benchmark("fill", config=config, recognizers="dlib-resnet", far=0.1)
        assert (entries[0].plan.run.seed, entries[0].plan.run.far) == (7, 0.1)


class TestLight:
    def test_what_the_package_offers(self) -> None:
        assert privacy_faces.__all__ == [
            "Result",
            "__version__",
            "anonymize",
            "benchmark",
            "calibrate",
            "evaluate",
            "find_faces",
            "methods",
        ]
        assert all(getattr(privacy_faces, name) for name in privacy_faces.__all__)
        with pytest.raises(AttributeError, match="has no attribute 'judge_all'; it has Result, "):
            _ = privacy_faces.judge_all

    @pytest.mark.parametrize(
        "line",
        [
            "import privacy_faces; privacy_faces.methods()",
            "from privacy_faces import benchmark, calibrate, evaluate, methods",
        ],
    )
    def test_loads_no_torch(self, line: str) -> None:
        check = f"{line}; import sys; sys.exit(bool({{'torch', 'cv2'}} & sys.modules.keys()))"
        assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
