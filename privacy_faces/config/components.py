"""Option fields that choose a registered component, for instance an inpainter, together with its own options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import WrapValidator
from pydantic.functional_validators import ModelWrapValidatorHandler

from privacy_faces.config.options import Choice, OptionError, Options, Part, spelled_out
from privacy_faces.config.registry import Registry


@dataclass(frozen=True)
class Slot(Part):
    """Marks a field that chooses a component of a registry."""

    registry: Registry

    def without(self, choice: Choice, recognizer: str, instead: Sequence[str]) -> Choice:
        """The choice with a recognizer held out, see `Options.without`."""
        model = self.registry.spec(choice.name).option_model()
        options = model.validated(choice.options, f"{self.registry.kind} {choice.name}").without(recognizer, instead)
        return choice.model_copy(update={"options": options.model_dump(mode="json")})


def chosen_from(registry: Registry) -> Any:
    """The annotated type of a field that holds a component: "NAME" or {"name": NAME, option: value, ...}."""

    def choose(value: Any, handler: ModelWrapValidatorHandler[Choice]) -> Choice:
        given = spelled_out(value)
        if given is None or "name" not in given:
            raise OptionError(
                f"expected the {registry.kind}'s name, or a mapping with 'name' and its options, got {value!r}"
            )
        name = str(given.pop("name"))
        try:
            options = registry.spec(name).option_model().validated(given, f"{registry.kind} {name}")
        except ValueError as error:  # an unknown component, or options that do not fit it
            raise OptionError(str(error)) from None
        return handler({"name": name, "options": options.model_dump(mode="json")})

    return Annotated[Choice, WrapValidator(choose), Slot(registry)]


def slots_of(model: type[Options]) -> dict[str, Slot]:
    """The fields of `model` that choose a component."""
    found = {
        name: next((item for item in field.metadata if isinstance(item, Slot)), None)
        for name, field in model.model_fields.items()
    }
    return {name: slot for name, slot in found.items() if slot is not None}
