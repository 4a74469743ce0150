"""`privacy-faces doctor`: what is installed, which weights are here and whole, and what mends what is not."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

import click

from privacy_faces.cli.table import table
from privacy_faces.config.checkout import checkout_plugins
from privacy_faces.config.extras import has_packages, install_extra
from privacy_faces.config.plan import Plan, make_plan
from privacy_faces.config.profiles import PROFILES
from privacy_faces.config.registry import INPAINTERS, METHODS, RECOGNIZERS, Registry
from privacy_faces.weights.manifest import Weight, manifest
from privacy_faces.weights.places import absent
from privacy_faces.weights.places import command as gets
from privacy_faces.weights.store import CorruptWeightError, MissingWeightError, cache_folder, is_present, verified

#: The method whose weights a machine should have.
_USUAL = "inpaint-gradcam"
# What no option names, since every run needs it.
_LANDMARKS = "dlib-landmarks-68"
# Extra -> the packages that it brings, and what for.
_EXTRAS = {
    "heif": (("pillow_heif",), "HEIC photos"),
    "fidelity": (("lpips", "torch_fidelity", "torchmetrics"), "FID, KID and LPIPS"),
    "ray": (("ray",), "workers on many machines"),
    "review": (("gradio",), "the page of `review`"),
    "stable-diffusion": (("transformers",), "the inpainter stable-diffusion"),
}

Status = Literal["ok", "optional", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: optional is what nobody needs who does not ask for it; `command` mends it."""

    what: str
    status: Status
    found: str
    command: str = ""


def findings() -> Iterator[Finding]:
    """Everything, in the order in which it is shown."""
    yield Finding("privacy-faces", "ok", f"{version('privacy-faces')}, Python {platform.python_version()}")
    yield _torch()
    if has_packages("facenet_pytorch"):
        yield Finding("detector", "ok", "mtcnn")
    else:
        yield Finding("detector", "optional", "dlib; mtcnn finds more faces", "pip install --no-deps facenet-pytorch")
    for registry in (METHODS, RECOGNIZERS, INPAINTERS):
        yield _registered(registry)
    for plugin in checkout_plugins():
        if not _is_installed(plugin.distribution):
            yield Finding(plugin.distribution, "optional", "not installed", plugin.install_command)
    for extra, (packages, purpose) in _EXTRAS.items():
        if not has_packages(*packages):
            yield Finding(f"extra {extra}", "optional", f"not installed: {purpose}", install_extra(extra))
    yield from _weights()


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("torch", "broken", str(error), "pip install --force-reinstall torch torchvision")
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return Finding("torch", "ok", f"{torch.__version__} on {name}")


def _registered(registry: Registry) -> Finding:
    try:
        names = list(registry.entries())
        for name in names:
            registry.spec(name).option_model()
    except ValueError as error:  # two distributions with one name, or a plugin that cannot be imported
        return Finding(f"{registry.kind}s", "broken", str(error), "pip uninstall the plugin, or mend it")
    return Finding(f"{registry.kind}s", "ok", ", ".join(names))


def _is_installed(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import distribution as installed

    try:
        installed(distribution)
    except PackageNotFoundError:
        return False
    return True


def _weights() -> Iterator[Finding]:
    plan = make_plan(_USUAL, profile=PROFILES[0])
    needed = {*plan.weights(), _LANDMARKS}
    yield Finding("weight cache", "ok", str(cache_folder()))
    for item in manifest().values():
        yield _weight(item, item.id in needed)
    yield _usual(plan)


def _weight(item: Weight, needed: bool) -> Finding:
    what = f"weights {item.id}"
    if item.store == "hub":
        if is_present(item.id):
            return Finding(what, "ok", "here, in the hub's cache")
        return Finding(what, "optional", f"missing ({item.bytes / 1e6:.0f} MB)", item.command)
    try:
        verified(item.id)
    except MissingWeightError:
        return Finding(what, "broken" if needed else "optional", f"missing ({item.bytes / 1e6:.0f} MB)", item.command)
    except CorruptWeightError as error:
        return Finding(what, "broken", str(error), item.command)
    return Finding(what, "ok", "here, its hash is right")


def _usual(plan: Plan) -> Finding:
    what = f"anonymize --method {plan.method}"
    if missing := absent(plan.weights()):
        return Finding(what, "broken", f"lacks {', '.join(missing)}", " && ".join(map(gets, missing)))
    judges = [choice.name for choice in plan.run.optional_recognizers]
    if lacking := absent(weight for name in judges for weight in RECOGNIZERS.spec(name).weights):
        found = f"works; {', '.join(judges)} would judge too"
        return Finding(what, "optional", found, " && ".join(map(gets, lacking)))
    return Finding(what, "ok", "works")


@click.command(name="doctor")
@click.option("as_json", "--json", is_flag=True, help="print one JSON object")
def command(as_json: bool) -> None:
    """Say what is installed, which weights are here and whole, and what mends what is not.

    Exit status 1 when something is broken, or the default method lacks something; what is optional does not count.
    """
    found = list(findings())
    if as_json:
        click.echo(json.dumps({"schema": 1, "findings": [asdict(item) for item in found]}, indent=2))
    else:
        click.echo(table(["what", "status", "found"], [[item.what, item.status, item.found] for item in found]))
        for status, title in (("broken", "To mend:"), ("optional", "To have more:")):
            if commands := dict.fromkeys(item.command for item in found if item.status == status and item.command):
                click.echo("\n".join(["", title, *(f"  {line}" for line in commands)]))
    sys.exit(1 if any(item.status == "broken" for item in found) else 0)
