"""What is installed: entry points of built-ins and plugins alike, read without importing what they name.

An entry point in one of the groups below points to a `Spec`: a light object that says where the option model and the
factory are. The model is imported when options are read, the factory when the thing is built. Commands have a
`CommandSpec` in the same way; their names are the words that are typed, joined by dots.

    [project.entry-points."privacy_faces.methods"]
    my-method = "my_package.specs:MY_METHOD"

    [project.entry-points."privacy_faces.commands"]
    "models.train.my-model" = "my_package.specs:TRAIN_MY_MODEL"

No plugin is named here. Which plugin provides a name that is not installed is read from the plugins of a source
checkout (`config.checkout`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import SelectableGroups

    from privacy_faces.config.checkout import CheckoutPlugin
    from privacy_faces.config.options import Options


class UnknownNameError(ValueError):
    """A name that no installed distribution provides; the message lists those that exist."""


class DuplicateNameError(ValueError):
    """Two distributions claim one name; the message names both."""


class PluginError(ValueError):
    """An entry point, option model or factory that cannot be imported, or that is not what it promises to be."""


class NotInstalledError(UnknownNameError):
    """A name that a plugin of this source checkout provides, which is not installed; the message carries the install
    command."""


@dataclass(frozen=True)
class Spec:
    """The card of a method, recognizer or inpainter; its module must be light to import.

    Attributes:
        summary: one line for the listings.
        options: "module:class" of its option model, a subclass of `privacy_faces.config.options.Options`: defaults,
            YAML validation and flags.
        factory: "module:callable", called as `factory(options, context)`.
        weights: ids in the weight manifest that it may load, of a recognizer first those of its default options. A run
            needs all of them, unless the option model's `weights_used` says which.
        seeded: whether the result depends on the seed (with the default options).
        profiles: profile -> what differs from the default options under it.
    """

    summary: str
    options: str
    factory: str
    weights: tuple[str, ...] = ()
    seeded: bool = False
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def option_model(self) -> type[Options]:
        """The option model, imported now; importing it must not import torch.

        Raises:
            PluginError: when it cannot be imported.
        """
        model: type[Options] = imported(self.options)
        return model


@dataclass(frozen=True)
class CommandSpec:
    """The card of a command; its module must be light to import.

    Attributes:
        summary: one line for the help.
        command: "module:attribute" of the `click.Command`, imported when the command is typed.
        launched: whether every process of `accelerate launch` runs it: it trains with all of them.
    """

    summary: str
    command: str
    launched: bool = False


Card = TypeVar("Card", Spec, CommandSpec)


@dataclass(frozen=True)
class Entry(Generic[Card]):
    """One registered name and the distribution that provides it."""

    name: str
    distribution: str
    version: str
    point: EntryPoint
    card: type[Card]

    def spec(self) -> Card:
        """The card that the entry point names, imported now.

        Raises:
            PluginError: when it cannot be imported, or is no such card.
        """
        try:
            spec = self.point.load()
        except (ImportError, AttributeError) as error:
            raise PluginError(
                f"Cannot load entry point {self.name!r} of {self.distribution} from {self.point.value!r}: {error}."
            ) from error
        if not isinstance(spec, self.card):
            raise PluginError(
                f"Entry point {self.name!r} of {self.distribution} must point to a "
                f"privacy_faces.plugin.{self.card.__name__}. Got: {type(spec).__name__} at {self.point.value!r}."
            )
        return spec


@dataclass(frozen=True)
class Names(Generic[Card]):
    """All registered things of one kind.

    Attributes:
        kind: the word used in messages.
        group: the entry-point group.
        card: what its entry points point to.
    """

    kind: str
    group: str
    card: type[Card]

    def entries(self) -> dict[str, Entry[Card]]:
        """Name -> entry, in order of name.

        Raises:
            DuplicateNameError: two distributions registered the same name.
        """
        found: dict[str, Entry[Card]] = {}
        for point in entry_points_of(self.group):
            distribution, version = _provider(point.dist)
            if (other := found.get(point.name)) is not None:
                raise duplicate(f"{self.kind} name", point.name, other.distribution, distribution)
            found[point.name] = Entry(point.name, distribution, version, point, self.card)
        return found

    def spec(self, name: str) -> Card:
        """The card registered under `name`.

        Raises:
            NotInstalledError: a name of a plugin of this checkout that is not installed.
            UnknownNameError: any other unregistered name.
            DuplicateNameError, PluginError: see `entries` and `Entry.spec`.
        """
        entries = self.entries()
        if name in entries:
            return entries[name].spec()
        if (plugin := self.missing().get(name)) is not None:
            raise NotInstalledError(not_installed(self.kind, name, plugin))
        from privacy_faces.config.checkout import CONVENTION, in_checkout

        raise UnknownNameError(
            f"Unknown {self.kind} {name!r}. Installed: {', '.join(entries) or 'none'}."
            + ("" if in_checkout() else f" {CONVENTION}")
        )

    def missing(self) -> dict[str, CheckoutPlugin]:
        """Name -> plugin of this checkout that provides it and is not installed."""
        from privacy_faces.config.checkout import providers  # reads TOML: a tenth of the start, for a mistyped name

        entries = self.entries()
        return {name: plugin for name, plugin in providers(self.group).items() if name not in entries}


@dataclass(frozen=True)
class Registry(Names[Spec]):
    """All registered methods, recognizers, or other things with options and a factory."""

    card: type[Spec] = Spec

    def build(self, name: str, options: Options | Mapping[str, Any] | None, context: Any) -> Any:
        """Import the factory of `name` and call it with validated options."""
        spec = self.spec(name)
        model = spec.option_model()
        if not isinstance(options, model):
            options = model.validated(dict(options or {}), f"{self.kind} {name}")
        return imported(spec.factory)(options, context)


def duplicate(what: str, name: str, first: str, second: str) -> DuplicateNameError:
    """The error of two distributions that claim one name."""
    return DuplicateNameError(
        f"The {what} {name!r} is claimed by two installed distributions, {first} and {second}. Uninstall one of them: "
        f"pip uninstall {second}"
    )


def not_installed(kind: str, name: str, plugin: CheckoutPlugin) -> str:
    """The message about a name whose plugin is not installed."""
    return f"The {kind} {name!r} is in a plugin that is not installed. Install it: {plugin.install_command}"


def imported(place: str) -> Any:
    """What "module:attribute" names.

    Raises:
        PluginError: when it cannot be imported.
    """
    module, _, attribute = place.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"Cannot import {place!r}: {error}.") from error


@cache
def _provider(distribution: Distribution | None) -> tuple[str, str]:
    """Its name and version, which lie in a file that is long to parse."""
    return (distribution.name, distribution.version) if distribution else ("?", "?")


@cache
def all_entry_points() -> SelectableGroups:
    """All entry points. Reading the metadata of every installed distribution takes tens of milliseconds: once per
    process is enough."""
    return entry_points()


@cache
def entry_points_of(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, in order of name."""
    return tuple(sorted(all_entry_points().select(group=group), key=lambda point: point.name))


METHODS = Registry("method", "privacy_faces.methods")
RECOGNIZERS = Registry("recognizer", "privacy_faces.recognizers")
INPAINTERS = Registry("inpainter", "privacy_faces.inpainters")
VERIFIERS = Registry("service", "privacy_faces.verifiers")
COMMANDS = Names("command", "privacy_faces.commands", CommandSpec)
REGISTRIES = {registry.group: registry for registry in (METHODS, RECOGNIZERS, INPAINTERS, VERIFIERS)}
