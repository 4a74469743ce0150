"""Options: one pydantic model gives the defaults, the validation of YAML files and the command-line flags."""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, Union, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


class OptionError(ValueError):
    """An unknown option or a value outside its range; the message names the option, the value and what was expected."""


class Options(BaseModel):
    """Base of every option model: unknown names are refused, values do not change after validation, numbers are
    finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @classmethod
    def validated(cls, values: Mapping[str, Any], owner: str) -> Self:
        """The model made of `values`; `owner` names it in the message.

        Raises:
            OptionError: with one clause for each value that does not fit.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise OptionError("; ".join(_clause(cls, item, owner) for item in _one_per_field(cls, error))) from None

    def weights_used(self, listed: Sequence[str]) -> Sequence[str]:
        """Names (see `weights.places`) of the weights without which these options come to nothing; by default all that
        the spec has `listed`.

        Components that a field chooses, and recognizers, are asked for theirs.
        """
        return listed

    def without(self, recognizer: str, instead: Sequence[str] = ()) -> Self:
        """These options with a recognizer held out: it is in none of the fields that name recognizers (`surrogates`),
        neither here nor in the components that fields choose.

        A model whose recognizers stand in another field overrides this.

        Args:
            recognizer: the name that is held out.
            instead: takes its place where no other is left.

        Raises:
            OptionError: when none is left and nothing takes its place.
        """
        changed: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name == "surrogates":
                changed[name] = [other for other in value if other != recognizer] or list(instead)
                if value and not changed[name]:
                    raise OptionError(
                        f"Expected surrogates besides the held-out {recognizer}, found none. Name another: "
                        "--surrogates NAME; privacy-faces recognizers lists them."
                    )
            for part in field.metadata:
                if isinstance(part, Part) and isinstance(value, Choice):
                    changed[name] = part.without(value, recognizer, instead)
        return self.model_copy(update=changed)

    def recognizers_used(self) -> Sequence[str]:
        """Names of the recognizers that will be loaded: those in the field `surrogates`, if there is one."""
        names: Sequence[str] = getattr(self, "surrogates", ())
        return names


@dataclass(frozen=True)
class NoneMeans:
    """Marks an optional field; `text` says what happens without a value, and is shown as the flag's default."""

    text: str


@dataclass(frozen=True)
class Switch:
    """Marks a boolean field that is false unless somebody asks for it: its flag has no --no- form."""


def _names(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_names)]
"""The type of a field that holds names: a list, or one string in which commas separate them."""


class Choice(BaseModel):
    """A registered component by name, with its options validated by its own model."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class Part(ABC):
    """Marks a field that holds a `Choice`; knows the option model of what was chosen."""

    @abstractmethod
    def without(self, choice: Choice, recognizer: str, instead: Sequence[str]) -> Choice:
        """The choice with a recognizer held out, see `Options.without`."""


def spelled_out(value: Any) -> dict[str, Any] | None:
    """A component chosen in any of the accepted ways, as {"name": NAME, option: value, ...}; None for what is no such
    thing."""
    if isinstance(value, Choice):
        return {"name": value.name} | value.options
    if isinstance(value, str):
        return {"name": value}
    return dict(value) if isinstance(value, Mapping) else None


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers win.

    A component chosen anew drops the earlier one's options; {"name"}-less mappings add to the earlier choice.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            added = isinstance(value, Mapping) and "name" not in value
            earlier = spelled_out(merged.get(key)) if added else None
            merged[key] = value if earlier is None else merge(earlier, value)
    return merged


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as mappings, in whatever order they come.

    >>> nested({"inpainter.radius": 0.1, "inpainter": "classical"})
    {'inpainter': {'name': 'classical', 'radius': 0.1}}
    """
    result: dict[str, Any] = {}
    # Names first: a component that is chosen after its options were given would drop them.
    for key, value in sorted(values.items(), key=lambda item: "." in item[0] and not item[0].endswith(".name")):
        head, _, rest = key.partition(".")
        result = merge(result, {head: {rest: value} if rest else value})
    return result


def _one_per_field(model: type[BaseModel], error: ValidationError) -> list[dict[str, Any]]:
    """pydantic's errors; what it says of each type that a field may have becomes one."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in error.errors():
        place: tuple[Any, ...] = tuple(item["loc"])
        field = model.model_fields.get(str(place[0])) if place else None
        if field is not None and get_origin(field.annotation) in (Union, types.UnionType):
            place = place[:1]
        if place in merged:
            merged[place]["msg"] += ", or " + str(item["msg"]).removeprefix("Input ")
        else:
            merged[place] = {**item, "loc": place}
    return list(merged.values())


def _clause(model: type[BaseModel], item: dict[str, Any], owner: str) -> str:
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        expected = f"expected one of {', '.join(model.model_fields)}" if model.model_fields else "it has no options"
        return f"unknown option {place!r} of {owner}: {expected}"
    if isinstance(error := item.get("ctx", {}).get("error"), OptionError):  # from a component, complete in itself
        return f"option {place!r} of {owner}: {error}"
    return f"option {place!r} of {owner}: {item['msg'].removeprefix('Value error, ')}, got {item['input']!r}"
