"""What is installed: entry points of built-ins and plugins alike, read without importing what they name.

An entry point in one of the groups below points to a `Spec`: a light object that says where the option model and the
    factory are. The model is
imported when options are read, the factory when the thing is built.

    [project.entry-points."privacy_faces.methods"]
    my-method = "my_package.specs:MY_METHOD"
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privacy_faces.config.options import Options


class UnknownNameError(ValueError):
    """A name that no installed distribution provides; the message lists those that exist."""


class DuplicateNameError(ValueError):
    """Two distributions claim one name; the message names both."""


class PluginError(ValueError):
    """An entry point, option model or factory that cannot be imported, or that is not what it promises to be."""


class NotInstalledError(UnknownNameError):
    """A known method or recogniser whose plugin is not installed; the message carries the install command."""


@dataclass(frozen=True)
class Spec:
    """The card of a method, recogniser or inpainter; its module must be light to import.

    Attributes:
        summary: one line for the listings.
        options: "module:class" of its option model, a subclass of `privacy_faces.config.options.Options`: defaults,
            YAML validation and flags.
        factory: "module:callable", called as `factory(options, context)`.
        weights: ids in the weight manifest that it may load, of a recogniser first those of its default options. A run
            needs all of them, unless the option model's `weights_used` says which.
        seeded: whether the result depends on the seed (with the default options).
    """

    summary: str
    options: str
    factory: str
    weights: tuple[str, ...] = ()
    seeded: bool = False

    def option_model(self) -> type[Options]:
        """The option model, imported now; importing it must not import torch.

        Raises:
            PluginError: when it cannot be imported.
        """
        model: type[Options] = _imported(self.options)
        return model


@dataclass(frozen=True)
class Entry:
    """One registered name and the distribution that provides it."""

    name: str
    distribution: str
    version: str
    point: EntryPoint

    def spec(self) -> Spec:
        """The card that the entry point names, imported now.

        Raises:
            PluginError: when it cannot be imported, or is no `Spec`.
        """
        try:
            spec = self.point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(
                f"Cannot load entry point {self.name!r} of {self.distribution} from {self.point.value!r}: {error}."
            ) from error
        if not isinstance(spec, Spec):
            raise PluginError(
                f"Entry point {self.name!r} of {self.distribution} must point to a privacy_faces.config.registry.Spec. "
                f"Got: {type(spec).__name__} at {self.point.value!r}."
            )
        return spec


@dataclass(frozen=True)
class Registry:
    """All registered things of one kind.

    Attributes:
        kind: the word used in messages.
        group: the entry-point group.
        plugins: known names that live in a plugin -> (distribution, folder in the source tree).
    """

    kind: str
    group: str
    plugins: dict[str, tuple[str, str]]

    def entries(self) -> dict[str, Entry]:
        """Name -> entry, in order of name.

        Raises:
            DuplicateNameError: two distributions registered the same name.
        """
        found: dict[str, Entry] = {}
        for point in sorted(_points(self.group), key=lambda point: point.name):
            entry = Entry(
                point.name, point.dist.name if point.dist else "?", point.dist.version if point.dist else "?", point
            )
            if (other := found.get(entry.name)) is not None:
                raise DuplicateNameError(
                    f"The {self.kind} name {entry.name!r} is claimed by two installed distributions, "
                    f"{other.distribution} and "
                    f"{entry.distribution}. Uninstall one of them: pip uninstall {entry.distribution}"
                )
            found[entry.name] = entry
        return found

    def spec(self, name: str) -> Spec:
        """The spec registered under `name`.

        Raises:
            NotInstalledError: a known name whose plugin is missing.
            UnknownNameError: any other unregistered name.
            DuplicateNameError, PluginError: see `entries` and `Entry.spec`.
        """
        entries = self.entries()
        if name in entries:
            return entries[name].spec()
        if name in self.plugins:
            raise NotInstalledError(
                f"The {self.kind} {name!r} is in a plugin that is not installed. Install it: "
                f"{self.install_command(name)}"
            )
        raise UnknownNameError(f"Unknown {self.kind} {name!r}. Installed: {', '.join(entries) or 'none'}.")

    def install_command(self, name: str) -> str:
        """How to get the plugin that provides `name`, which must be in `plugins`."""
        distribution, folder = self.plugins[name]
        return f"pip install {distribution}  (from a source checkout: pip install ./{folder})"

    def build(self, name: str, options: Options | Mapping[str, Any] | None, context: Any) -> Any:
        """Import the factory of `name` and call it with validated options."""
        spec = self.spec(name)
        model = spec.option_model()
        if not isinstance(options, model):
            options = model.validated(dict(options or {}), f"{self.kind} {name}")
        return _imported(spec.factory)(options, context)


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"Cannot import {place!r}: {error}.") from error


@cache
def _points(group: str) -> tuple[EntryPoint, ...]:
    # Reading the metadata of every installed distribution takes tens of milliseconds: once per process is enough.
    return tuple(entry_points(group=group))


_MAKEUP = ("privacy-faces-makeup", "plugins/makeup")
_NOISE = ("privacy-faces-noise", "plugins/noise")
METHODS = Registry(
    "method",
    "privacy_faces.methods",
    {"makeup": _MAKEUP} | {f"noise-{name}": _NOISE for name in ("fgsm", "pgd", "mifgsm", "tidim", "tipim")},
)
RECOGNIZERS = Registry("recognizer", "privacy_faces.recognizers", {})
INPAINTERS = Registry("inpainter", "privacy_faces.inpainters", {})
VERIFIERS = Registry("service", "privacy_faces.verifiers", {})
REGISTRIES = {registry.group: registry for registry in (METHODS, RECOGNIZERS, INPAINTERS, VERIFIERS)}
