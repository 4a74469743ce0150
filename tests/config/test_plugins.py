"""The core knows no plugin: what plugins bring by entry points, what is said where they are missing, what they may
import, and what the core's wheel holds."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hatchling.builders.wheel import WheelBuilder

import privacy_faces
from privacy_faces import plugin
from privacy_faces.cli import main
from privacy_faces.cli.tree import spec_of
from privacy_faces.config.registry import (
    METHODS,
    REGISTRIES,
    DuplicateNameError,
    NotInstalledError,
    PluginError,
    UnknownNameError,
)
from privacy_faces.weights.manifest import UnknownWeightError, manifest, weight
from privacy_faces.weights.store import verified
from tests.distributions import put_checkout

ROOT = Path(__file__).parents[2]
PLUGINS = {path: tomllib.loads(path.read_text())["project"] for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))}
COMMANDS = "privacy_faces.commands"
WEIGHTS = "privacy_faces.weights"
NOT_INSTALLED = "is in a plugin that is not installed. Install it: pip install "


class TestMissingPlugins:
    def test_a_name_of_the_checkout_answers_with_the_install_command(self, elsewhere: Path) -> None:
        put_checkout(
            elsewhere, "privacy-faces-toy", '[project.entry-points."privacy_faces.methods"]\ntoy = "toy:TOY"\n'
        )
        command = "pip install privacy-faces-toy  (from a source checkout: pip install ./plugins/toy)"
        with pytest.raises(NotInstalledError) as error:
            METHODS.spec("toy")
        assert str(error.value) == f"The method 'toy' is in a plugin that is not installed. Install it: {command}"
        assert {name: found.install_command for name, found in METHODS.missing().items()} == {"toy": command}

    def test_a_command_and_weights_of_the_checkout_too(self, elsewhere: Path) -> None:
        points = (
            f'[project.entry-points."{COMMANDS}"]\n"models.train.toy" = "toy:TRAIN"\n'
            f'[project.entry-points."{WEIGHTS}"]\ntoy = "privacy_faces_toy"\n'
        )
        package = put_checkout(elsewhere, "privacy-faces-toy", points) / "privacy_faces_toy"
        package.mkdir()
        (package / "weights.json").write_text('{"schema": 1, "weights": [{"id": "toy-weights"}]}')
        done = CliRunner().invoke(main, ["models", "train", "toy"])
        assert done.exit_code == 2
        assert f"The command 'models train toy' {NOT_INSTALLED}privacy-faces-toy  (from" in done.stderr
        with pytest.raises(UnknownWeightError, match=r"^The weights id 'toy-weights' is in a plugin that is not"):
            weight("toy-weights")

    def test_outside_a_checkout_the_convention_is_told(self, elsewhere: Path) -> None:
        with pytest.raises(UnknownNameError) as error:
            METHODS.spec("toy")
        assert str(error.value).endswith(
            ". Plugins are distributions named privacy-faces-NAME: pip install privacy-faces-NAME."
        )

    def test_without_its_plugins_the_core_says_how_to_get_them(self, tmp_path: Path) -> None:
        # The installed packages less our plugins, which may be installed here.
        packages = tmp_path / "site-packages"
        packages.mkdir()
        for item in Path(np.__file__).parents[1].iterdir():
            if not re.search(r"privacy_faces_\w", item.name):
                (packages / item.name).symlink_to(item)
        path = os.pathsep.join([str(packages), str(Path(privacy_faces.__file__).parents[1])])

        def bare(*args: str) -> subprocess.CompletedProcess[str]:
            line = [sys.executable, "-S", "-m", "privacy_faces", *args]
            return subprocess.run(
                line, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, cwd=tmp_path, check=False
            )

        rows = {row["name"]: row for row in json.loads(bare("methods", "--json").stdout)["methods"]}
        table = bare("methods").stdout
        wanted = {}
        for file, project in PLUGINS.items():
            command = (
                f"pip install {project['name']}  (from a source checkout: pip install ./plugins/{file.parent.name})"
            )
            for name in project["entry-points"].get("privacy_faces.methods", {}):
                wanted[name] = command
                assert f"not installed: {command}" in table
        assert {name: row["summary"] for name, row in rows.items() if not row["installed"]} == wanted
        lines = [["anonymize", "--method", name] for name in list(wanted)[:1]]
        lines += [
            name.split(".") for project in PLUGINS.values() for name in project["entry-points"].get(COMMANDS, {})
        ][:1]
        for line in lines:
            refused = bare(*line)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert NOT_INSTALLED in refused.stderr


class TestCommands:
    def test_they_are_listed_without_being_imported(self, install: Callable[..., None]) -> None:
        specs = (
            "from privacy_faces.plugin import CommandSpec\n"
            "TRAIN = CommandSpec('Train a toy.', 'toy_commands:train')\nTOYS = CommandSpec('List toys.', 'nowhere:x')"
        )
        commands = "import click\n@click.command(name='toy')\ndef train():\n    click.echo('trained')"
        points = {COMMANDS: {"models.train.toy": "toy_specs:TRAIN", "toys": "toy_specs:TOYS"}}
        install("privacy-faces-toy", points, {"toy_specs.py": specs, "toy_commands.py": commands})
        run = CliRunner().invoke
        assert re.search(r"toys +List toys\.", run(main, ["--help"]).stdout)
        assert re.search(r"toy +Train a toy\.", run(main, ["models", "train", "--help"]).stdout)
        assert "toy_commands" not in sys.modules
        assert run(main, ["models", "train", "toy"]).stdout == "trained\n"
        broken = run(main, ["toys"])
        assert (broken.exit_code, "Cannot import 'nowhere:x'" in broken.stderr) == (2, True)

    def test_a_card_that_cannot_be_loaded_leaves_the_others_alone(self, install: Callable[..., None]) -> None:
        install("privacy-faces-toy", {COMMANDS: {"toys": "json:dumps"}})
        listed = CliRunner().invoke(main, ["--help"]).stdout
        assert "cannot be loaded: Entry point 'toys' of" in " ".join(listed.split())
        assert "anonymize" in listed

    def test_a_command_of_the_core_cannot_be_taken_over(self, install: Callable[..., None]) -> None:
        install("privacy-faces-toy", {COMMANDS: {"models.train.face-prior": "toy:TOY"}})
        done = CliRunner().invoke(main, ["methods"])
        assert done.exit_code == 2
        assert (
            "The command name 'models.train.face-prior' is claimed by two installed distributions, privacy-faces and "
            "privacy-faces-toy." in done.stderr
        )

    @pytest.mark.parametrize(
        ("words", "name", "launched"),
        [
            (["finetune", "recognizer", "--data", "x"], "finetune.recognizer", True),
            (["models", "train", "face-diffusion"], "models.train.face-diffusion", True),
            (["models", "faces", "--data", "x"], "models.faces", False),
        ],
    )
    def test_those_that_train_run_in_all_processes(self, words: list[str], name: str, launched: bool) -> None:
        found, card = spec_of(words)
        assert card is not None
        assert (found, card.launched) == (name, launched)
        assert spec_of(["models", "--help"]) == ("models", None)


class TestWeights:
    ITEM = {  # noqa: RUF012 (a constant)
        "id": "toy-weights",
        "summary": "three bytes",
        "license": "CC0-1.0",
        "origin": "nowhere",
        "store": "shipped",
        "install": "pip install privacy-faces-toy",
        "files": [
            {
                "path": "toy.bin",
                "bytes": 3,
                "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            }
        ],
    }

    def bring(self, install: Callable[..., None], name: str, package: str, weight_id: str) -> None:
        part = json.dumps({"schema": 1, "weights": [self.ITEM | {"id": weight_id}]})
        files = {f"{package}/__init__.py": "raise RuntimeError('imported')", f"{package}/weights.json": part}
        install(name, {WEIGHTS: {name: package}}, files | {f"{package}/assets/toy.bin": "abc"})

    def test_a_plugin_brings_its_part(self, install: Callable[..., None], tmp_path: Path) -> None:
        self.bring(install, "privacy-faces-toy", "toy_package", "toy-weights")
        assert verified("toy-weights") == (tmp_path / "privacy-faces-toy" / "toy_package" / "assets" / "toy.bin",)
        assert {"dlib-resnet", "face-prior", "toy-weights"} <= manifest().keys()

    @pytest.mark.parametrize(("weight_id", "other"), [("dlib-resnet", "privacy-faces"), ("toy", "a-first-toy")])
    def test_an_id_belongs_to_one(self, install: Callable[..., None], weight_id: str, other: str) -> None:
        self.bring(install, "a-first-toy", "first_toy_package", "toy")
        self.bring(install, "z-second-toy", "second_toy_package", weight_id)
        with pytest.raises(DuplicateNameError) as error:
            manifest()
        assert str(error.value) == (
            f"The weights id {weight_id!r} is claimed by two installed distributions, {other} and z-second-toy. "
            "Uninstall one of them: pip uninstall z-second-toy"
        )

    def test_a_package_without_a_list_is_refused(self, install: Callable[..., None]) -> None:
        install("privacy-faces-toy", {WEIGHTS: {"toy": "json"}})
        with pytest.raises(
            PluginError, match=r"^Expected a package with a file weights\.json under the entry point .*: 'json'\.$"
        ):
            manifest()


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with the names taken from `privacy_faces` itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module == "privacy_faces"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if inside else {node.module}
    return found


class TestPublicSurface:
    SOURCES = sorted(
        path for path in [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("tests/third_party/**/*.py")]
        if "tests" not in path.relative_to(ROOT).parts[1:]
    )  # fmt: skip

    @pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_plugins_import_it_alone(self, path: Path) -> None:
        of_core = {name for name in imports(path) if name.split(".")[0] == "privacy_faces"}
        assert of_core <= {"privacy_faces.plugin"}

    def test_the_core_imports_no_plugin(self) -> None:
        for path in (ROOT / "privacy_faces").rglob("*.py"):
            assert not {name for name in imports(path) if name.startswith("privacy_faces_")}, path

    def test_every_name_is_there_and_is_the_one_that_is_type_checked(self) -> None:
        tree = ast.parse(Path(plugin.__file__).read_text(encoding="utf-8"))
        checked = {
            (alias.asname or alias.name): (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("privacy_faces.")
            for alias in node.names
        }
        run = {
            public: (f"privacy_faces.{module}", original or public)
            for module, listed in plugin._NAMES.items()
            for public, _, original in (item.partition("=") for item in listed.split())
        }
        assert checked == run
        assert sorted(plugin.__all__) == sorted(run)
        assert all(getattr(plugin, name) is not None for name in plugin.__all__)
        with pytest.raises(
            AttributeError, match=r"^module 'privacy_faces\.plugin' has no attribute 'Methods'; it has "
        ):
            plugin.Methods  # noqa: B018

    def test_specs_and_options_stay_light(self) -> None:
        modules = [
            point.rpartition(":")[0]
            for project in PLUGINS.values()
            for group, own in project["entry-points"].items()
            if group != WEIGHTS
            for point in own.values()
        ]
        installed = "import importlib.util, importlib, sys\n" + "".join(
            f"if importlib.util.find_spec({name.partition('.')[0]!r}): importlib.import_module({name!r})\n"
            for name in dict.fromkeys(modules)
        )
        script = installed + "from privacy_faces.plugin import MethodOptions, Spec\nassert 'torch' not in sys.modules"
        subprocess.run([sys.executable, "-c", script], check=True)


class TestWheel:
    FILES = tuple(
        (item.distribution_path, Path(item.path)) for item in WheelBuilder(str(ROOT)).recurse_included_files()
    )

    def test_holds_the_core(self) -> None:
        names = {name for name, _ in self.FILES}
        assert {"privacy_faces/plugin.py", "privacy_faces/assets/face-prior.safetensors"} <= names
        assert {"privacy_faces/configs/full.yaml", "privacy_faces/weights/manifest.json"} <= names

    def test_names_no_plugin_and_nothing_of_theirs(self) -> None:
        own = {name for project in PLUGINS.values() for group in project["entry-points"].values() for name in group}
        words = {project["name"].rpartition("-")[2] for project in PLUGINS.values()} - {"services", "noise"}
        words |= {name for name in own if "-" in name or "." in name} | {"privacy_faces_"}
        for name, path in self.FILES:
            assert not any(word in name for word in words), name
            if path.suffix in (".py", ".json", ".yaml", ".j2", ".md"):
                text = path.read_text(encoding="utf-8")
                assert not [word for word in words if word in text], name


def test_registries_need_no_plugin() -> None:
    built_in = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    for group, registry in REGISTRIES.items():
        assert set(built_in.get(group, {})) <= set(registry.entries())
        for name in built_in.get(group, {}):
            assert registry.spec(name).option_model()
