"""Options: one pydantic model gives the defaults, the validation of YAML files and the command-line flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic.functional_validators import ModelWrapValidatorHandler


class OptionError(ValueError):
    """An unknown option or a value outside its range; the message names the option, the value and what was expected."""


class Options(BaseModel):
    """Base of every option model: unknown names are refused, values do not change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def validated(cls, values: Mapping[str, Any], owner: str) -> Self:
        """The model made of `values`; `owner` names it in the message.

        Raises:
            OptionError: with one clause for each value that does not fit.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise OptionError("; ".join(_clause(cls, dict(item), owner) for item in error.errors())) from None


@dataclass(frozen=True)
class Slot:
    """Marks a field that chooses a registered component (for instance an inpainter) together with that component's own options."""

    group: str


class Choice(BaseModel):
    """A registered component by name, with its options validated by its own model."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


def _choose(value: Any, handler: ModelWrapValidatorHandler[Choice], group: str) -> Choice:
    from privacy_faces.registry import REGISTRIES

    registry = REGISTRIES[group]
    if isinstance(value, Choice):
        value = {"name": value.name} | value.options
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping) or "name" not in value:
        raise ValueError(f"expected the name of an {registry.kind}, or a mapping with 'name' and its options")
    name = str(value["name"])
    given = {key: item for key, item in value.items() if key != "name"}
    options = registry.spec(name).option_model().validated(given, f"{registry.kind} {name}")
    return handler({"name": name, "options": options.model_dump(mode="json")})


def chosen_from(group: str) -> Any:
    """The annotated type of a field that holds a component of `group`: "NAME" or {"name": NAME, option: value, ...}."""

    def wrap(value: Any, handler: ModelWrapValidatorHandler[Choice]) -> Choice:
        return _choose(value, handler, group)

    return Annotated[Choice, WrapValidator(wrap), Slot(group)]


def slot_of(metadata: list[Any]) -> Slot | None:
    """The `Slot` among a pydantic field's metadata, if it has one."""
    return next((item for item in metadata if isinstance(item, Slot)), None)


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win. A component chosen anew drops the earlier one's options; {"name"}-less mappings add to the earlier choice."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            earlier = merged.get(key)
            if isinstance(value, Mapping) and "name" not in value and earlier is not None:
                earlier = {"name": earlier} if isinstance(earlier, str) else dict(earlier)
                merged[key] = merge(earlier, value)
            else:
                merged[key] = value
    return merged


def _clause(model: type[BaseModel], item: dict[str, Any], owner: str) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"unknown option {place!r} of {owner}: expected one of {', '.join(model.model_fields) or 'none (it has no options)'}"
    message = item["msg"].removeprefix("Value error, ")
    return f"option {place!r} of {owner}: {message}, got {item['input']!r}"
