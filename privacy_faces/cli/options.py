"""Command-line flags made from option models."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import yaml
from pydantic.fields import FieldInfo
from pydantic.types import PathType
from pydantic_core import PydanticUndefined

from privacy_faces.config.components import slots_of
from privacy_faces.config.options import NoneMeans, Options, Switch, nested, spelled_out


class NameList(click.ParamType):  # type: ignore[type-arg]  # generic only in recent click
    """Names separated by commas."""

    name = "a,b,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """The names as a list."""
        return value if isinstance(value, list) else [item.strip() for item in str(value).split(",") if item.strip()]


def flags_of(model: type[Options], values: Mapping[str, Any] | None = None) -> Iterator[click.Option]:
    """One click option per field, without a default of its own, so that only what the user typed overrides profile and
    config.

    Args:
        model: the option model.
        values: what the fields will hold if nothing is typed, shown as their defaults. The options of a component that
            is chosen there follow as --FIELD-OPTION.
    """
    values = values or {}
    slots = slots_of(model)
    for name, field in model.model_fields.items():
        value = values.get(name, field.get_default(call_default_factory=True))
        yield _flag(name, field, value, names=list(slots[name].registry.entries()) if name in slots else ())
        chosen = spelled_out(value) if name in slots else None
        if chosen and "name" in chosen:
            component = slots[name].registry.spec(str(chosen["name"])).option_model()
            for inner, inner_field in component.model_fields.items():
                inner_value = chosen.get(inner, inner_field.get_default(call_default_factory=True))
                yield _flag(f"{name}__{inner}", inner_field, inner_value, of=str(chosen["name"]))


def values_of(model: type[Options], params: Mapping[str, Any]) -> dict[str, Any]:
    """What the user typed for the fields of `model`, nested where a flag belongs to a component."""
    typed = {key.replace("__", "."): value for key, value in params.items() if value is not None}
    return nested({key: value for key, value in typed.items() if key.partition(".")[0] in model.model_fields})


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
        except (yaml.YAMLError, ValueError, RecursionError):  # such as "2001-99-99", or no end of brackets
            values[key.strip()] = text
    return values


def _flag(name: str, field: FieldInfo, value: Any, *, of: str = "", names: Sequence[str] = ()) -> click.Option:
    flag = name.replace("__", "-").replace("_", "-")
    text = f"{of}: {field.description}" if of else field.description or ""
    if any(isinstance(item, Switch) for item in field.metadata):
        return click.Option([name, f"--{flag}"], is_flag=True, default=None, help=text)
    if field.annotation is bool:
        return click.Option(
            [name, f"--{flag}/--no-{flag}"], default=None, help=f"{text}  [default: {flag if value else f'no-{flag}'}]"
        )
    return click.Option(
        [name, f"--{flag}"],
        type=_click_type(field),
        default=None,
        metavar=f"[{'|'.join(names)}]" if names else None,
        help=text + _default(field, value),
    )


def _default(field: FieldInfo, value: Any) -> str:
    if value is PydanticUndefined:
        return "  [required]"
    if value is None:
        value = next((item.text for item in field.metadata if isinstance(item, NoneMeans)), None)
    return "" if value in (None, "", []) else f"  [default: {_shown(value)}]"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    return str(value if (chosen := spelled_out(value)) is None else chosen.get("name"))


def _click_type(field: FieldInfo) -> Any:
    annotation, metadata = field.annotation, list(field.metadata)
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [item for item in get_args(annotation) if item is not type(None)]
        annotation = kinds[0] if len(kinds) == 1 else str
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += more
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if get_origin(annotation) is list:
        return NameList()
    if annotation is Path:
        folder = any(isinstance(item, PathType) and item.path_type == "dir" for item in metadata)
        return click.Path(path_type=Path, exists=folder, file_okay=not folder)
    return annotation if annotation in (int, float) else str
