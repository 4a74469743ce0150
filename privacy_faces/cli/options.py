"""Command-line flags made from option models."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
import yaml
from pydantic.fields import FieldInfo

from privacy_faces.options import Choice, Options, slot_of
from privacy_faces.registry import REGISTRIES


class NameList(click.ParamType):
    """Names separated by commas."""

    name = "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        return value if isinstance(value, list) else [item.strip() for item in str(value).split(",") if item.strip()]


def flags_of(model: type[Options], chosen: Mapping[str, str] | None = None) -> Iterator[click.Option]:
    """One click option per field, without a default of its own, so that only what the user typed overrides profile and config.

    Args:
        model: the option model.
        chosen: field -> name of the component it will hold; that component's options follow as --FIELD-OPTION.
    """
    for name, field in model.model_fields.items():
        slot = slot_of(field.metadata)
        yield _flag(name, f"--{name}", field)
        if slot and chosen and name in chosen:
            component = REGISTRIES[slot.group].spec(chosen[name]).option_model()
            for inner, inner_field in component.model_fields.items():
                yield _flag(f"{name}__{inner}", f"--{name}-{inner}", inner_field, of=chosen[name])


def values_of(model: type[Options], params: Mapping[str, Any]) -> dict[str, Any]:
    """What the user typed for the fields of `model`, nested where a flag belongs to a component."""
    values: dict[str, Any] = {}
    for key, value in params.items():
        field, _, inner = key.partition("__")
        if field not in model.model_fields or value is None:
            continue
        if not inner:
            # The component's own flags may already be here.
            values[field] = {"name": value} | values[field] if isinstance(values.get(field), dict) else value
        elif isinstance(values.get(field), str):
            values[field] = {"name": values[field], inner: value}
        else:
            values.setdefault(field, {})[inner] = value
    return values


def assignments_of(pairs: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE pairs as a dict; values are read as YAML, so that numbers, booleans and lists need no quoting.

    Raises:
        click.BadParameter: for a pair without "=".
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"expected KEY=VALUE, got {pair!r}", param_hint="--set")
        try:
            values[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError:
            values[key.strip()] = text
    return values


def _flag(name: str, flag: str, field: FieldInfo, of: str = "") -> click.Option:
    default = field.default.name if isinstance(field.default, Choice) else field.default
    if isinstance(default, list):
        default = ",".join(item.name if isinstance(item, Choice) else str(item) for item in default)
    text = (field.description or "") + (f"  [{of}]" if of else "")
    shown = "" if default in (None, "", False) else f"  [default: {default}]"
    flag = flag.replace("_", "-")
    if field.annotation is bool:
        return click.Option([name, f"{flag}/--no-{flag[2:]}"], default=None, help=text)
    return click.Option([name, flag], type=_click_type(field), default=None, help=text + shown)


def _click_type(field: FieldInfo) -> click.ParamType | Any:
    annotation = field.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (item for item in get_args(annotation) if item is not type(None))
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if get_origin(annotation) is list:
        return NameList()
    if annotation is Path:
        return click.Path(path_type=Path)
    return annotation if annotation in (int, float) else str
