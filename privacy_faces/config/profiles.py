"""Config files, and the profiles that ship, which are such files. Light: no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import Field

from privacy_faces.config.files import resource
from privacy_faces.config.options import OptionError, Options

Profile = Literal["embedded", "full"]
PROFILES: tuple[Profile, ...] = get_args(Profile)


class ConfigFile(Options):
    """A YAML file: the method's name, the run's options, and options for any number of methods and fine-tunings.

    Profiles are such files.
    """

    method: str | None = None
    run: dict[str, Any] = Field(default_factory=dict)
    methods: dict[str, dict[str, Any]] = Field(default_factory=dict)
    finetune: dict[str, dict[str, Any]] = Field(default_factory=dict)


def load_profile(name: str) -> ConfigFile:
    """The shipped profile `name`.

    Raises:
        OptionError: for a name that is not a profile.
    """
    if name not in PROFILES:
        raise OptionError(
            f"Unknown profile {name!r}: expected one of {', '.join(PROFILES)}. Your own settings go into --config FILE."
        )
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
    except ValueError as error:  # such as the date 2001-99-99
        raise OptionError(f"The config file {path} holds a value that cannot be: {error}") from None
    except RecursionError:
        raise OptionError(f"The config file {path} is not one: its values are nested too deeply to be read") from None
    if content is not None and not isinstance(content, dict):
        raise OptionError(
            f"The config file {path} must hold a mapping with {', '.join(ConfigFile.model_fields)}. Got: "
            f"{type(content).__name__}."
        )
    return ConfigFile.validated(content or {}, f"the config file {path.name}")
