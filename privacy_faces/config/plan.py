"""What a run will do: profile, config file, --set and flags, laid over each other and validated. Light: no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from privacy_faces.config.components import slots_of
from privacy_faces.config.files import resource, sha256_of
from privacy_faces.config.options import Choice, OptionError, Options, merge, nested, spelled_out
from privacy_faces.config.profiles import ConfigFile, load_config, load_profile
from privacy_faces.config.registry import METHODS, RECOGNIZERS, PluginError, Registry
from privacy_faces.config.run import RunOptions
from privacy_faces.config.version import __version__

# Words of the command line and of the Python API: a method's option of this name could not be given.
_RESERVED = {
    "assignments",
    "config",
    "engine",
    "help",
    "inputs",
    "json",
    "method",
    "open",
    "output",
    "overwrite",
    "photo",
    "profile",
    "run",
    "set",
    "workers",
}


class NoMethodError(OptionError):
    """Neither an argument nor the config file names a method."""


@dataclass(frozen=True)
class Plan:
    """A validated run.

    Attributes:
        method, options, run, profile: what the user wants.
        contents: option of the run whose value is a path -> sha256 of what lies there and decides the result; see
            `pipeline.judges.settled`.
    """

    method: str
    options: Options
    run: RunOptions
    profile: str
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def frame_size(self) -> int:
        """Side of the frames that the method works on, in pixels."""
        return int(getattr(self.options, "frame_size", 256))

    def described(self) -> dict[str, Any]:
        """Everything that decides the result, as plain JSON values."""
        return {
            "method": self.method,
            "profile": self.profile,
            "options": self.options.model_dump(mode="json"),
            "run": self.run.model_dump(mode="json"),
            "version": __version__,
        } | ({"contents": dict(self.contents)} if self.contents else {})

    def weights(self) -> list[str]:
        """Names (see `weights.places`) of all weights that the run will load, but for the detector's, which come with
        packages; each once.

        Raises:
            UnknownNameError: for a surrogate that is not registered.
        """
        given = {choice.name: choice.options for choice in self.run.recognizers}
        of_judges = [name for choice in self.run.recognizers for name in weights_of_recognizer(choice, given)]
        return list(dict.fromkeys([*weights_of(self.options, METHODS.spec(self.method).weights, given), *of_judges]))

    def judged_by(self, recognizers: Sequence[Choice]) -> Plan:
        """The plan with these recognizers as its judges, and no optional ones."""
        judges = {"recognizers": list(recognizers), "optional_recognizers": []}
        return replace(self, run=self.run.model_copy(update=judges))

    def given(self, contents: Mapping[str, str]) -> Plan:
        """The plan with the digests of what lies at its paths."""
        return replace(self, contents=contents)

    def fingerprint(self) -> str:
        """Digest of `described` and of the threshold file, less what changes no result: the device, on which results
        agree, how large a photo may be, and where that lies whose content counts."""
        thresholds = self.run.thresholds or resource("assets/thresholds.json")
        described = self.described() | {"thresholds_sha256": sha256_of(thresholds) if thresholds.is_file() else None}
        for name in ("device", "max_memory", "keep", "only", "faces"):
            del described["run"][name]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Layers:
    """What lies below the flags: the profile, the config file and --set, laid over each other but not validated yet.

    Attributes:
        method: registered name.
        profile: name of the profile.
        model: the method's option model.
        of_method: options of the method; every field that chooses a component is there.
        of_run: options of the run.
    """

    method: str
    profile: str
    model: type[Options]
    of_method: dict[str, Any]
    of_run: dict[str, Any]

    def plan(self, options: Mapping[str, Any], run: Mapping[str, Any]) -> Plan:
        """The plan with `options` of the method and of the `run` on top.

        Raises:
            OptionError: for anything that does not validate.
        """
        of_method = self.model.validated(merge(self.of_method, options), f"method {self.method}")
        of_run = RunOptions.validated(_laid_over(self.of_run, run), "the run")
        return Plan(self.method, of_method, of_run, self.profile)


def read_layers(
    method: str | None,
    *,
    profile: str = "embedded",
    config: Path | None = None,
    assignments: Mapping[str, Any] | None = None,
) -> Layers:
    """The layers below the flags; arguments and errors as for `make_plan`."""
    profile_file, config_file = load_profile(profile), load_config(config) if config else ConfigFile()
    method = method or config_file.method
    if not method:
        raise NoMethodError(f"No method given. Add --method NAME; installed: {', '.join(METHODS.entries())}.")
    model = METHODS.spec(method).option_model()
    if taken := [name for name in model.model_fields if name in _RESERVED or name in RunOptions.model_fields]:
        raise PluginError(
            f"The option {taken[0]!r} of method {method} has the name of an option of the run. Its authors must "
            "rename it."
        )
    of_method, of_run = _split(assignments or {}, model, method)
    for other in config_file.methods:
        # A mistake in the options of another method is found today, not on the day that they are used.
        if other != method and (other in METHODS.entries() or other not in METHODS.missing()):
            other_model = METHODS.spec(other).option_model()
            other_model.validated(_layered(other, other_model, profile, profile_file, config_file), f"method {other}")
    return Layers(
        method,
        profile,
        model,
        merge(_layered(method, model, profile, profile_file, config_file), of_method),
        _laid_over(profile_file.run, config_file.run, of_run),
    )


def make_plan(
    method: str | None,
    *,
    profile: str = "embedded",
    config: Path | None = None,
    assignments: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
) -> Plan:
    """Lay the layers over each other: defaults < profile < config file < assignments (--set) < options and run (flags).

    Args:
        method: registered name; None takes it from the config file.
        profile: name of a shipped profile.
        config: a YAML file, see `ConfigFile`.
        assignments: option names, of the method or of the run, to values; "inpainter.steps" reaches into a component.
        options: options of the method.
        run: options of the run.

    Raises:
        UnknownNameError: for an unknown method.
        NoMethodError: for none.
        OptionError: for anything that does not validate.
    """
    return read_layers(method, profile=profile, config=config, assignments=assignments).plan(options or {}, run or {})


def weights_of(options: Options, listed: Sequence[str], given: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What a thing with these options loads: its own weights, those of the components chosen in its fields, and those
    of the recognizers that it asks.

    Args:
        options: of the thing.
        listed: the weights in its spec.
        given: recognizer -> its options, where they are not the defaults.
    """
    yield from options.weights_used(listed)
    for name, slot in slots_of(type(options)).items():
        yield from _weights_of_choice(slot.registry, getattr(options, name), given)
    for name in options.recognizers_used():
        yield from weights_of_recognizer(Choice(name=name, options=dict(given.get(name, {}))), given)


def weights_of_recognizer(choice: Choice, given: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What a recognizer loads; `given` as for `weights_of`."""
    return _weights_of_choice(RECOGNIZERS, choice, given)


def _weights_of_choice(registry: Registry, choice: Choice, given: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    spec = registry.spec(choice.name)
    yield from weights_of(
        spec.option_model().validated(choice.options, f"{registry.kind} {choice.name}"), spec.weights, given
    )


def _layered(method: str, model: type[Options], profile: str, *files: ConfigFile) -> dict[str, Any]:
    """The options of a method in files, over what its spec says of the profile, over the default components, to which
    options given without a component's name belong."""
    chosen = {name: model.model_fields[name].default for name in slots_of(model)}
    return merge(
        {name: spelled_out(choice) for name, choice in chosen.items() if isinstance(choice, Choice)},
        METHODS.spec(method).profiles.get(profile, {}),
        *(file.methods.get(method, {}) for file in files),
    )


def _laid_over(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The run's options in layers, later ones on top. One that names `recognizers` says who judges: the optional ones
    of the layers below do not join them."""
    merged: dict[str, Any] = {}
    for layer in layers:
        if "recognizers" in layer:
            merged.pop("optional_recognizers", None)
        merged = merge(merged, layer)
    return merged


def _split(assignments: Mapping[str, Any], model: type[Options], method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Dotted assignments as nested options of the method and of the run.

    Raises:
        OptionError: for a name that is an option of neither.
    """
    for key in assignments:
        if key.partition(".")[0] not in {**model.model_fields, **RunOptions.model_fields}:
            known = ", ".join([*model.model_fields, *RunOptions.model_fields])
            raise OptionError(f"Unknown option {key!r} of method {method}: expected one of {known}.")
    values = nested(assignments)
    return {key: value for key, value in values.items() if key in model.model_fields}, {
        key: value for key, value in values.items() if key in RunOptions.model_fields
    }
