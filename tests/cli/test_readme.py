"""What the README shows: commands whose options exist, links that lead somewhere, and the plugin that the tests
build."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from privacy_faces.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "plugins").rglob("README.md"))]
PLUGIN = ROOT / "tests" / "third_party"


def commands() -> list[str]:
    """Every `privacy-faces ...` command of the pages' code blocks, without what stands around it."""
    found = []
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if re.match(r"( {2,}|uv |pip |privacy-faces )", line):
                found += re.findall(r"(?:^|&& |uv run |\s)(?:-m privacy_faces|privacy-faces) ([a-z][^#]*)", line)
    return sorted({command.strip() for command in found})


@pytest.mark.parametrize("command", commands())
def test_command_has_the_options_that_it_is_shown_with(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # Names and values are parsed before the help is shown; nothing is run.
    done = CliRunner().invoke(main, [*shlex.split(command), "--help"])
    if "is in a plugin that is not installed" in done.output:
        pytest.skip("a command of a plugin that is not installed")
    assert done.exit_code == 0, done.output


def test_commands_were_found() -> None:
    verbs = {command.split()[0] for command in commands()}
    assert {"anonymize", "benchmark", "evaluate", "finetune", "models", "datasets", "weights"} <= verbs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert links or page != PAGES[0]
    assert [link for link in links if not link.startswith("https://") and not (page.parent / link).exists()] == []


def test_plugin_example_is_the_one_that_is_built_and_tested() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    shown = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL))
    files = {
        path.relative_to(PLUGIN).as_posix(): path.read_text(encoding="utf-8").rstrip("\n")
        for path in sorted(PLUGIN.rglob("*.*"))
        if path.is_file()
    }
    docstring = files.pop("privacy_faces_invert/__init__.py")  # which a package need not have
    assert shown == files
    assert sum(len(content.splitlines()) for content in [*shown.values(), docstring]) < 60
