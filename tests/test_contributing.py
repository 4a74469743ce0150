"""The snippets of CONTRIBUTING.md, put into a package as they stand, installed by its entry points, and held to the
contracts by the test file that is printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: File -> content.
SNIPPETS = {
    code.splitlines()[0].removeprefix("# "): code
    for code in re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
}
LOSS_TEST = """
import torch
from privacy_faces_example.losses import Weights, total_variation_loss, weighted_terms

def faces(seed):
    return torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

def test_value():
    original = torch.zeros(2, 3, 2, 2)
    edited = original.clone()
    edited[1, :, 0, 0] = 0.5
    # One of two differences across is 0.5, and one of two down: 0.25 each.
    assert total_variation_loss(edited, original).tolist() == [0.0, 0.5]

def test_gradient():
    assert torch.autograd.gradcheck(lambda edited: total_variation_loss(edited, faces(1)), faces(0).requires_grad_())

def test_weight_0_removes_the_term():
    person = {"dlib-resnet": torch.tensor([0.9, 0.8], dtype=torch.float64)}
    terms = weighted_terms(Weights(smoothness=0, dodging=2), faces(0), faces(1), person)
    assert {name: term.tolist() for name, term in terms.items()} == {"dodging": [0.9 * 2, 0.8 * 2]}
    assert weighted_terms(Weights(), faces(0), faces(1), person).keys() == {"smoothness", "dodging"}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, its metadata and its tests; on the path, it is installed."""
    folder = tmp_path_factory.mktemp("example")
    for name, code in SNIPPETS.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code, encoding="utf-8")
    (folder / "privacy_faces_example/__init__.py").touch()
    (folder / "tests/conftest.py").write_text('pytest_plugins = ["privacy_faces.testing"]\n', encoding="utf-8")
    (folder / "tests/test_losses.py").write_text(LOSS_TEST, encoding="utf-8")
    metadata = folder / "privacy_faces_example-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: privacy-faces-example\nVersion: 1.0\n")
    groups = re.findall(
        r'^    \[project\.entry-points\."([\w.]+)"\]\n    ([\w-]+) = "([\w.:]+)"', TEXT, flags=re.MULTILINE
    )
    assert len(groups) == 3
    points = "".join(f"[{group}]\n{name} = {place}\n" for group, name, place in groups)
    (metadata / "entry_points.txt").write_text(points)
    return folder


def python(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the package installed, outside the source tree."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=installed,
        env={"PYTHONPATH": f"{installed}:{ROOT}", "OMP_NUM_THREADS": "1", "PATH": "", "HOME": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_snippets_keep_the_contracts(installed: Path) -> None:
    done = python(
        installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", ".", "tests"
    )
    assert done.returncode == 0, done.stdout
    # Five tests of methods, four of recognizers, one of inpainters, three of the loss.
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 13, done.stdout


def test_cards_are_light(installed: Path) -> None:
    code = (
        "import sys\n"
        "from privacy_faces.config.registry import METHODS\n"
        "assert METHODS.spec('posterize').option_model()().levels == 4\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = python(installed, "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(SNIPPETS))
def test_snippets_are_short_and_use_the_public_surface(name: str) -> None:
    lines = SNIPPETS[name].splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    imported = set(re.findall(r"^from (privacy_faces[\w.]*) import", SNIPPETS[name], flags=re.MULTILINE))
    assert imported <= {"privacy_faces.plugin", "privacy_faces.testing", "privacy_faces_example.specs"}


def test_every_kind_has_a_snippet() -> None:
    assert set(SNIPPETS) == {
        "tests/test_contract.py",
        *(f"privacy_faces_example/{name}.py" for name in ("specs", "posterize", "thumbnail", "flat", "losses")),
    }
