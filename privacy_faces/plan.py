"""What a run will do: profile, config file, --set and flags, laid over each other and validated. Light: no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from privacy_faces import __version__
from privacy_faces.options import Choice, OptionError, Options, chosen_from, merge, slot_of
from privacy_faces.registry import METHODS
from privacy_faces.resources import resource

PROFILES = ("embedded", "full")


class RunOptions(Options):
    """Options that belong to the run and not to a method."""

    recognizers: list[chosen_from("privacy_faces.recognizers")] = Field(  # type: ignore[valid-type]
        [Choice(name="dlib-resnet")], min_length=1, description="recognizers that judge the result"
    )
    far: float = Field(0.001, gt=0, lt=1, description="false accept rate at which the judge declares a match")
    thresholds: Path | None = Field(None, description="threshold file written by `privacy-faces calibrate`; the shipped one by default")
    detector: Literal["auto", "mtcnn", "dlib"] = Field("auto", description="auto: mtcnn where facenet-pytorch is installed, otherwise dlib")
    min_face: int = Field(0, ge=0, description="smallest face sought, in pixels; 0 chooses it from the photo's size")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the networks run")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of everything random; results depend on it and the photo, not on the batch")
    keep_metadata: bool = Field(False, description="keep EXIF (GPS, camera, time) and XMP; dropped by default")
    allow_no_face: bool = Field(False, description="copy a photo in which no face is found, instead of failing it")
    save_masks: bool = Field(False, description="write each photo's mask, and an overlay to look at, into OUTPUT/masks/")


class ConfigFile(Options):
    """A YAML file: the method's name, the run's options, and options for any number of methods. Profiles are such files."""

    method: str | None = None
    run: dict[str, Any] = {}
    methods: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Plan:
    """A validated run."""

    method: str
    options: Options
    run: RunOptions
    profile: str

    def described(self) -> dict[str, Any]:
        """Everything that decides the result, as plain JSON values."""
        return {
            "method": self.method,
            "profile": self.profile,
            "options": self.options.model_dump(mode="json"),
            "run": self.run.model_dump(mode="json"),
            "version": __version__,
        }

    def fingerprint(self) -> str:
        """Digest of `described`, less the device, on which results agree."""
        described = self.described()
        del described["run"]["device"]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


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
        assignments: option names, of the method or of the run, to values; "inpainter.steps" reaches into a component.
        options: options of the method.
        run: options of the run.

    Raises:
        UnknownNameError: for an unknown method.
        OptionError: for anything that does not validate.
    """
    profile_file, config_file = load_profile(profile), load_config(config) if config else ConfigFile()
    method = method or config_file.method
    if not method:
        raise OptionError(f"No method given. Add --method NAME; installed: {', '.join(METHODS.entries())}.")
    model = METHODS.spec(method).option_model()
    for name in (name for file in (profile_file, config_file) for name in file.methods):
        if name not in METHODS.entries() and name not in METHODS.plugins:
            METHODS.spec(name)  # raises, listing the installed ones
    of_method, of_run = _split(assignments or {}, model, method)
    # A component's options given without its name belong to the default component.
    defaults = {name: field.default.name for name, field in model.model_fields.items() if slot_of(field.metadata)}
    return Plan(
        method,
        model.validated(
            merge(defaults, profile_file.methods.get(method, {}), config_file.methods.get(method, {}), of_method, options or {}), f"method {method}"
        ),
        RunOptions.validated(merge(profile_file.run, config_file.run, of_run, run or {}), "the run"),
        profile,
    )


def load_profile(name: str) -> ConfigFile:
    """The shipped profile `name`.

    Raises:
        OptionError: for a name that is not a profile.
    """
    if name not in PROFILES:
        raise OptionError(f"Unknown profile {name!r}: expected one of {', '.join(PROFILES)}. Your own settings go into --config FILE.")
    return load_config(resource(f"configs/{name}.yaml"))


def load_config(path: Path) -> ConfigFile:
    """A YAML file as `ConfigFile`.

    Raises:
        OptionError: when it is missing, not YAML, or holds unknown keys.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"Cannot read the config file {path}: {error}") from None
    except yaml.YAMLError as error:
        raise OptionError(f"The config file {path} is not YAML: {str(error).splitlines()[0]}") from None
    if content is not None and not isinstance(content, dict):
        raise OptionError(f"The config file {path} must hold a mapping with {', '.join(ConfigFile.model_fields)}. Got: {type(content).__name__}.")
    return ConfigFile.validated(content or {}, f"the config file {path.name}")


def _split(assignments: Mapping[str, Any], model: type[Options], method: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Dotted assignments as nested options of the method and of the run."""
    of_method: dict[str, Any] = {}
    of_run: dict[str, Any] = {}
    for key, value in assignments.items():
        head, _, rest = key.partition(".")
        if head in model.model_fields:
            target = of_method
        elif head in RunOptions.model_fields:
            target = of_run
        else:
            known = ", ".join([*model.model_fields, *RunOptions.model_fields])
            raise OptionError(f"Unknown option {head!r} of method {method}: expected one of {known}")
        target.update(merge(target, {head: {rest: value} if rest else value}))
    return of_method, of_run
