"""The benchmark from the command: methods in processes of their own, resumed, held out, reported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.options import OptionError
from privacy_faces.config.plan import make_plan
from privacy_faces.config.profiles import load_config
from privacy_faces.config.registry import METHODS
from privacy_faces.config.run import RunOptions
from privacy_faces.evaluation.entries import Entry, held_out_entries, judges
from privacy_faces.evaluation.probes import Probe
from privacy_faces.evaluation.processes import Task, see
from privacy_faces.evaluation.results import Results, read_results
from privacy_faces.photos.faces import Face
from privacy_faces.weights import store
from tests.recognizers.test_mobileface_v2 import filled_network, published_file


def bench(output: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["benchmark", "--output", str(output), "--limit", "4", *flags])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result, Results]:
    output = tmp_path_factory.mktemp("benchmark")
    done = bench(output, "--methods", "fill,inpaint-gradcam", "--workers", "2")
    assert done.exit_code == 0, done.output
    return output, done, read_results(output / "results.json")


def test_judges_every_method_on_the_same_faces(first: tuple[Path, Result, Results]) -> None:
    output, done, results = first
    assert [(method.name, method.photos, method.evidence) for method in results.methods] == [
        ("fill", 4, "held-out"),
        ("inpaint-gradcam", 4, "surrogate-only"),
    ]
    assert results.data.people == 2
    assert results.data.people_with_other_photos == 2
    for method in results.methods:
        found = {row.measure: row for row in method.success if row.far == 0.001}
        assert (found["dodging"].protected.value, found["dodging"].clean.value) == (1.0, 0.0)
        assert method.cost is not None
        assert method.cost.seconds.value is not None
        assert method.cost.peak_memory.value is not None
        assert method.cost.peak_memory.value > 100
        assert len(method.examples) == 4
    assert "fill" in done.stdout
    assert "dlib-resnet (held-out)" in done.stdout
    assert "2 methods ran at a time" in done.stdout
    # The folder of a method is one that anonymize could have written.
    assert json.loads((output / "photos/fill/run.json").read_text())["method"] == "fill"
    assert (output / "photos/fill/faces/001.png.receipt.json").is_file()


def test_a_second_run_does_only_what_is_missing(first: tuple[Path, Result, Results]) -> None:
    output, _, results = first
    made = output / "photos/inpaint-gradcam/faces/001.png"
    before = made.stat().st_mtime_ns
    again = bench(output, "--methods", "fill,inpaint-gradcam", "--json")
    assert again.exit_code == 0, again.output
    assert made.stat().st_mtime_ns == before
    second = Results.model_validate_json(again.stdout)
    for old, new in zip(results.methods, second.methods, strict=True):
        assert new.success == old.success
        assert new.robustness == old.robustness
        assert new.attacks == old.attacks
        assert new.examples == old.examples
        assert new.cost is not None
        assert new.cost.peak_memory.missing == "the photos were done by an earlier run; --overwrite does them again"
        assert new.cost.seconds == old.cost.seconds  # type: ignore[union-attr]


def test_overwrite_protects_the_photos_again(tmp_path: Path) -> None:
    flags = ["--methods", "fill", "--no-robustness", "--no-attackers"]
    written = []
    for more in ([], ["--overwrite"]):
        done = bench(tmp_path, *flags, *more)
        assert done.exit_code == 0, done.output
        written.append((tmp_path / "photos/fill/faces/001.png").stat().st_mtime_ns)
    assert written[1] > written[0]
    (method,) = read_results(tmp_path / "results.json").methods
    assert method.cost is not None
    assert method.cost.peak_memory.value is not None


def test_the_report_is_the_same_for_the_same_results(first: tuple[Path, Result, Results], tmp_path: Path) -> None:
    output, _, _ = first
    done = CliRunner().invoke(main, ["report", str(output / "results.json"), "--output", str(tmp_path / "again.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "again.html").read_bytes() == (output / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--methods", "nonsense"], "Unknown method 'nonsense'"),
        (["--recognizers", "nobody"], "Unknown recognizer 'nobody'"),
        (
            ["--held-out", "dlib-resnet", "--methods", "inpaint-saliency"],
            "leaves no surrogate: dlib-resnet is the only recognizer",
        ),
        (
            ["--held-out", "rotate", "--methods", "inpaint-saliency"],
            "More judge with --recognizers all, where their weights are: "
            "privacy-faces weights pull mobileface-v2 (3.6 MB), or privacy-faces weights pull facenet",
        ),
        (
            ["--held-out", "facenet", "--methods", "inpaint-saliency"],
            "Expected --held-out to name a recognizer that judges (dlib-resnet) or rotate, got 'facenet'",
        ),
        (["--data", "nowhere"], "Expected a folder of photos, found none at nowhere"),
        (["--far", "0.2", "--methods", "fill"], "No threshold for 'dlib-resnet' at FAR 0.2"),
        (["--recognizers", "facenet", "--methods", "fill"], "facenet-vggface2"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_done(flags: list[str], message: str, tmp_path: Path) -> None:
    done = bench(tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert message in done.output
    assert not (tmp_path / "out/results.json").exists()


def test_held_out_recognizers_take_turns() -> None:
    recognizers = ["dlib-resnet", "facenet"]
    plans = {
        name: lambda options, name=name: make_plan(name, options=options, run={"recognizers": recognizers})
        for name in ("inpaint-saliency", "fill")
    }
    entries = held_out_entries(plans, recognizers, "rotate")  # type: ignore[arg-type]
    assert [(entry.label, entry.held_out) for entry in entries] == [
        ("inpaint-saliency-without-dlib-resnet", "dlib-resnet"),
        ("inpaint-saliency-without-facenet", "facenet"),
        ("fill", None),
    ]
    assert entries[0].plan.options.surrogates == ["facenet"]  # type: ignore[attr-defined]
    assert [entry.label for entry in held_out_entries(plans, recognizers, None)] == ["inpaint-saliency", "fill"]  # type: ignore[arg-type]


@pytest.mark.slow(reason="two methods, each made and judged anew")
def test_leave_one_out_over_the_two_recognizers_of_the_embedded_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    store.add("mobileface-v2", published_file(filled_network(), tmp_path))
    quick = tmp_path / "quick.yaml"
    quick.write_text("methods: {inpaint-saliency: {inpainter: classical, fraction: 0.25}}")
    flags = ["--methods", "inpaint-saliency", "--held-out", "rotate", "--no-robustness", "--no-attackers"]
    done = bench(tmp_path / "out", *flags, "--limit", "2", "--config", str(quick))
    assert done.exit_code == 0, done.output
    results = read_results(tmp_path / "out/results.json")
    assert [(method.label, method.held_out, method.surrogates, method.evidence) for method in results.methods] == [
        ("inpaint-saliency-without-dlib-resnet", "dlib-resnet", ["mobileface-v2"], "held-out"),
        ("inpaint-saliency-without-mobileface-v2", "mobileface-v2", ["dlib-resnet"], "held-out"),
    ]
    for method in results.methods:
        roles = {row.recognizer: row.role for row in method.success}
        assert roles == {
            name: "held-out" if name == method.held_out else "surrogate" for name in ("dlib-resnet", "mobileface-v2")
        }


def test_every_installed_method_can_be_entered() -> None:
    assert {"inpaint-saliency", "inpaint-random", "blur"} <= set(METHODS.entries())


class TestHeldOut:
    def test_components_are_held_out_too(self) -> None:
        """The fill of inpaint-gradcam-without-dlib-resnet was still optimized against dlib-resnet."""
        recognizers = ["dlib-resnet", "facenet"]
        plans = {
            "inpaint-gradcam": lambda options: make_plan(
                "inpaint-gradcam", options=options, run={"recognizers": recognizers}
            )
        }
        entries = held_out_entries(plans, recognizers, "rotate")
        for entry, left in zip(entries, ("facenet", "dlib-resnet"), strict=True):
            options = entry.plan.options.model_dump()
            assert options["surrogates"] == options["inpainter"]["options"]["surrogates"] == [left]

    def test_options_without_a_recognizer(self) -> None:
        options = make_plan("inpaint-saliency", options={"surrogates": ["dlib-resnet", "facenet"]}).options
        assert options.without("facenet").surrogates == ["dlib-resnet"]  # type: ignore[attr-defined]
        alone = options.without("facenet")
        assert alone.without("dlib-resnet", ["ir152"]).surrogates == ["ir152"]  # type: ignore[attr-defined]
        with pytest.raises(OptionError, match="Expected surrogates besides the held-out dlib-resnet, found none"):
            alone.without("dlib-resnet")
        blur = make_plan("blur").options
        assert blur.without("facenet") == blur

    def test_a_row_fails_when_the_held_out_recognizer_was_built_in(self, tmp_path: Path) -> None:
        plan = make_plan("inpaint-saliency")
        rgb = np.zeros((8, 8, 3), dtype=np.uint8)
        photo = tmp_path / "a.png"
        Image.fromarray(rgb).save(photo)
        landmarks = np.random.default_rng(0).uniform(0, 8, (68, 2))
        face = Face(np.array([0.0, 0, 8, 8]), landmarks, 1.0)
        entry = Entry(plan, "inpaint-saliency-without-dlib-resnet", "dlib-resnet")
        task = Task(entry, plan.run, [Probe("a.png", "ann", photo)], [face], tmp_path, False, False, 1)
        done = see(task)
        assert not len(done.seen.rows)
        (reason,) = done.failures.values()
        assert "built without the held-out recognizer dlib-resnet, found it among its surrogates" in reason


def test_judges_keep_the_options_of_the_config_file() -> None:
    """diffam.yaml's `alignment: whole` became `template`, and facenet's weights were lost."""
    given = load_config(resource("configs/diffam.yaml")).run["recognizers"]
    configured = RunOptions.validated({"recognizers": given}, "the run").recognizers
    run = RunOptions.validated({"recognizers": judges(["facenet", "dlib-resnet"], configured)}, "the run")
    facenet, dlib = run.recognizers
    assert (facenet.name, facenet.options) == ("facenet", {"alignment": "whole", "weights": "diffam"})
    assert dlib.name == "dlib-resnet"
