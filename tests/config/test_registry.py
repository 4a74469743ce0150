"""The registry: a method of other authors in a distribution of its own, names that clash or are unknown, and listings
that stay light."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

import privacy_faces
from privacy_faces.config import registry
from privacy_faces.config.plan import make_plan
from privacy_faces.config.registry import (
    METHODS,
    DuplicateNameError,
    Entry,
    PluginError,
    Registry,
    Spec,
    UnknownNameError,
)
from privacy_faces.methods.options import MethodOptions
from tests.distributions import call, put_distribution

THIRD_PARTY = Path(__file__).parents[1] / "third_party"
GROUP = "privacy_faces.methods"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/third_party, built to a wheel and unpacked as an installer does."""
    source = tmp_path_factory.mktemp("source") / "third_party"
    shutil.copytree(THIRD_PARTY, source)
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = source.glob("dist/*.whl")
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


class TestSeparateDistribution:
    def test_is_listed_beside_the_built_in_methods(self, site: Path) -> None:
        result = call("methods", "--json", path=site)
        assert (result.returncode, result.stderr) == (0, "")
        listing = json.loads(result.stdout)
        assert (listing["schema"], set(listing)) == (1, {"schema", "methods"})
        rows = {row["name"]: row for row in listing["methods"]}
        assert rows["invert"] == {
            "name": "invert",
            "installed": True,
            "summary": "colors of the face inverted",
            "distribution": "privacy-faces-invert",
            "missing_weights": [],
        }
        assert {"blur", "fill", "inpaint-gradcam", "inpaint-random", "inpaint-saliency", "pixelate"} <= set(rows)
        assert rows["blur"]["distribution"] == "privacy-faces"

    def test_shows_its_own_options(self, site: Path) -> None:
        result = call("anonymize", "--method", "invert", "--help", path=site)
        assert (result.returncode, result.stderr) == (0, "")
        assert "Options of invert:\n" in result.stdout
        assert re.search(r"--region \[face\|eyes\]\s+what is inverted\s+\[default: face\]", result.stdout)
        assert re.search(r"--strength FLOAT\s+share of the inverted color\s+\[default: 1.0\]", result.stdout)
        assert "--sigma" not in result.stdout

    def test_anonymizes_the_sample_photo(self, site: Path, tmp_path: Path) -> None:
        result = call(
            "anonymize",
            "--method",
            "invert",
            "--strength",
            "0.9",
            "--receipts",
            "full",
            "--json",
            path=site,
            cwd=tmp_path,
            env={"OMP_NUM_THREADS": "1"},
        )
        assert result.returncode == 0, result.stderr
        printed = json.loads(result.stdout)
        receipt = json.loads((tmp_path / "outputs/invert/astronaut.receipt.json").read_text())
        assert printed["photos"][0]["receipt"] == receipt
        assert (receipt["method"], receipt["options"]) == (
            "invert",
            {"frame_size": 256, "region": "face", "strength": 0.9},
        )
        before, after = astronaut(), np.asarray(Image.open(tmp_path / "outputs/invert/astronaut.png"))
        (face,) = receipt["faces"]
        left, top, right, bottom = map(int, face["box"])
        x, y = (left + right) // 2, (top + bottom) // 2
        nose = (slice(y - 10, y + 10), slice(x - 10, x + 10))
        assert after[nose].mean() == pytest.approx(0.1 * before[nose].mean() + 0.9 * (255 - before[nose].mean()), abs=2)
        assert np.array_equal(after[300:], before[300:])

    def test_is_unknown_where_it_is_not_installed(self, tmp_path: Path) -> None:
        result = call("anonymize", "--method", "invert", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        assert "Error: Unknown method 'invert'. Installed: blur, dp-pix, fill, " in result.stderr
        assert list(tmp_path.iterdir()) == []

    def test_its_options_are_refused_by_other_methods(self, site: Path, tmp_path: Path) -> None:
        result = call("anonymize", "--method", "blur", "--strength", "1", path=site, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        others = "inpaint-gradcam, inpaint-random, inpaint-saliency"
        # Plugins may have such an option too.
        assert re.search(rf"Error: --strength is an option of {others}, invert[\w, -]*, not of blur\.\n", result.stderr)

    def test_a_second_distribution_with_its_name_is_an_error_that_names_both(self, site: Path, tmp_path: Path) -> None:
        other = put_distribution(tmp_path / "other", "other-invert", {GROUP: {"invert": "json:dumps"}})
        path = Path(f"{site}{os.pathsep}{other}")
        message = (
            "Error: The method name 'invert' is claimed by two installed distributions, privacy-faces-invert and "
            "other-invert. "
            "Uninstall one of them: pip uninstall other-invert\n"
        )
        for args in (["methods"], ["anonymize", "--method", "blur"]):
            result = call(*args, path=path, cwd=tmp_path)
            assert (result.returncode, result.stdout) == (2, "")
            assert message in result.stderr


class TestNames:
    def test_a_built_in_name_cannot_be_taken_over(self, install: Callable[..., None]) -> None:
        install("better-blur", {GROUP: {"blur": "better_blur:BLUR"}})
        with pytest.raises(
            DuplicateNameError,
            match=r"^The method name 'blur' is claimed by two installed distributions, better-blur and privacy-faces",
        ):
            METHODS.spec("blur")

    @pytest.mark.parametrize("kind", list(registry.REGISTRIES.values()), ids=lambda found: found.kind)
    def test_an_unknown_name_lists_the_installed_ones(self, kind: Registry) -> None:
        declared = sorted(
            point.name for point in distribution("privacy-faces").entry_points if point.group == kind.group
        )
        with pytest.raises(UnknownNameError) as error:
            kind.spec("nonsense")
        installed = (
            str(error.value).removeprefix(f"Unknown {kind.kind} 'nonsense'. Installed: ").removesuffix(".").split(", ")
        )
        assert installed == sorted(installed)
        assert set(declared) <= set(installed)

    def test_nothing_installed_at_all(self) -> None:
        with pytest.raises(UnknownNameError) as error:
            Registry("tool", "privacy_faces.no_such_group").spec("hammer")
        assert str(error.value) == "Unknown tool 'hammer'. Installed: none."


class TestBrokenPlugins:
    @pytest.mark.parametrize(
        ("place", "message"),
        [
            (
                "json:dumps",
                "Entry point 'odd' of odd-one must point to a privacy_faces.plugin.Spec. Got: function at "
                "'json:dumps'.",
            ),
            (
                "json:nothing",
                "Cannot load entry point 'odd' of odd-one from 'json:nothing': module 'json' has no attribute "
                "'nothing'.",
            ),
            (
                "no_such_module:SPEC",
                "Cannot load entry point 'odd' of odd-one from 'no_such_module:SPEC': No module named "
                "'no_such_module'.",
            ),
        ],
    )
    def test_an_entry_point_that_leads_to_no_spec_is_refused(self, place: str, message: str) -> None:
        with pytest.raises(PluginError) as error:
            Entry("odd", "odd-one", "1.0", EntryPoint("odd", place, GROUP), Spec).spec()
        assert str(error.value) == message

    def test_the_command_refuses_it_and_other_methods_go_on(self, tmp_path: Path) -> None:
        odd = put_distribution(tmp_path / "odd", "odd-one", {GROUP: {"odd": "json:dumps"}})
        for args in (["methods"], ["anonymize", "--method", "odd"]):
            result = call(*args, path=odd, cwd=tmp_path)
            assert (result.returncode, result.stdout) == (2, "")
            assert (
                "Error: Entry point 'odd' of odd-one must point to a privacy_faces.plugin.Spec. Got: "
                "function at 'json:dumps'.\n" in result.stderr
            )
        assert call("anonymize", "--method", "blur", "--help", path=odd).returncode == 0
        refused = call("anonymize", "--method", "blur", "--cells", "3", path=odd)
        assert "Error: --cells is an option of pixelate, not of blur.\n" in refused.stderr

    def test_a_missing_option_model_or_factory_is_named(self, install: Callable[..., None]) -> None:
        text = (
            "from privacy_faces.config.registry import Spec\nHOLLOW = Spec('', "
            "'privacy_faces.methods.options:MethodOptions', 'json:nothing')"
        )
        install("hollow-one", {GROUP: {"hollow": "hollow_one:HOLLOW"}}, {"hollow_one.py": text})
        assert METHODS.spec("hollow").option_model() is MethodOptions
        with pytest.raises(
            PluginError, match=r"^Cannot import 'json:nothing': module 'json' has no attribute 'nothing'\.$"
        ):
            METHODS.build("hollow", None, None)
        with pytest.raises(
            PluginError, match=r"^Cannot import 'no_such_module:Options': No module named 'no_such_module'\.$"
        ):
            Spec("", "no_such_module:Options", "").option_model()

    @pytest.mark.parametrize("name", ["seed", "output"])
    def test_an_option_that_would_hide_one_of_the_run_is_refused(self, install: Callable[..., None], name: str) -> None:
        text = (
            "from privacy_faces.config.options import Options\nfrom privacy_faces.config.registry import Spec\n"
            f"class GreedyOptions(Options):\n    {name}: int = 3\n"
            f"GREEDY = Spec('', 'greedy_{name}:GreedyOptions', 'json:dumps')"
        )
        install("greedy-one", {GROUP: {"greedy": f"greedy_{name}:GREEDY"}}, {f"greedy_{name}.py": text})
        with pytest.raises(PluginError) as error:
            make_plan("greedy")
        assert (
            str(error.value)
            == f"The option {name!r} of method greedy has the name of an option of the run. Its authors must rename it."
        )


# Each takes longer to import than to answer.
HEAVY = {"torch", "torchvision", "cv2", "diffusers", "kornia", "scipy", "skimage", "sklearn", "numpy", "PIL"}


class TestLight:
    """Listings and help must not make the user wait for torch."""

    @pytest.mark.parametrize(
        "line",
        [
            "--help",
            "methods",
            "methods --json",
            "recognizers",
            "weights list",
            "anonymize --method inpaint-gradcam --help",
        ],
    )
    def test_loads_nothing_heavy(self, line: str) -> None:
        """How many seconds that takes is measured by benchmarks/startup.py."""
        done = call(*line.split(), env={"PYTHONPROFILEIMPORTTIME": "1"})
        imported = {row.rpartition("|")[2].strip().partition(".")[0] for row in done.stderr.splitlines()}
        assert done.returncode == 0
        assert {"click", "privacy_faces"} <= imported
        assert not HEAVY & imported

    def test_the_package_itself_is_light_too(self) -> None:
        script = "import sys, privacy_faces; names = privacy_faces.methods(); print(len(names), 'torch' in sys.modules)"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert result.stdout.split() == [str(len(METHODS.entries())), "False"]

    def test_what_the_package_does_not_have_is_named(self) -> None:
        with pytest.raises(
            AttributeError, match=r"^module 'privacy_faces' has no attribute 'anonymise'; it has .*anonymize"
        ):
            privacy_faces.anonymise  # noqa: B018
