"""Constants of an OpenVINO model (version 10 and 11: `.xml` beside `.bin`), read without OpenVINO and without running
code.

The `.xml` lists layers; one of type Const states the element type, the shape, and where in the `.bin` its values lie,
little-endian and without a header:

    <layer name="conv.bias" type="Const"><data element_type="f32" shape="1, 64" offset="0" size="256"/></layer>
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError, ParserCreate

if TYPE_CHECKING:
    from torch import Tensor

# A graph of a thousand layers takes half a megabyte.
_LARGEST_GRAPH = 16 * 1024 * 1024
_TYPES = {"f16": "<f2", "f32": "<f4", "i32": "<i4", "i64": "<i8"}


class OpenvinoError(ValueError):
    """A pair of files that is no OpenVINO model, or whose `.bin` does not hold what its `.xml` states."""


def read_constants(graph: Path, values: Path) -> dict[str, Tensor]:
    """Name of a layer of type Const -> its tensor.

    Args:
        graph: the `.xml`.
        values: the `.bin`.

    Raises:
        OpenvinoError: for files of another kind, or such as do not belong together; the message names the file and the
            constant.
    """
    import numpy as np
    import torch

    data = values.read_bytes()
    tensors = {}
    for name, stated in _constants(graph).items():
        try:
            kind, shape = np.dtype(_TYPES[stated["element_type"]]), _shape(stated["shape"])
            offset, size = int(stated["offset"]), int(stated["size"])
        except (KeyError, ValueError) as error:
            raise OpenvinoError(
                f"Expected element_type ({', '.join(_TYPES)}), shape, offset and size of the constant {name!r} in "
                f"{graph}, found {dict(stated)}."
            ) from error
        if size != prod(shape) * kind.itemsize or not 0 <= offset <= len(data) - size:
            raise OpenvinoError(
                f"Expected the constant {name!r} of {graph} in {values}: {prod(shape)} values of {kind.itemsize} "
                f"bytes, stated as {size} bytes from {offset}; the file has {len(data)} bytes."
            )
        tensors[name] = torch.from_numpy(np.frombuffer(data[offset : offset + size], kind).reshape(shape).copy())
    return tensors


def _shape(text: str) -> list[int]:
    shape = [int(size) for size in text.split(",")] if text.strip() else []
    if min(shape, default=1) < 0:
        raise ValueError(f"sizes below 0: {shape}")
    return shape


def _constants(graph: Path) -> dict[str, Mapping[str, str]]:
    """Name -> attributes of `data`, of every layer of type Const."""
    if (found := graph.stat().st_size) > _LARGEST_GRAPH:
        raise OpenvinoError(f"Expected a graph of at most {_LARGEST_GRAPH} bytes in {graph}, found {found} bytes.")
    constants: dict[str, Mapping[str, str]] = {}
    path: list[str] = []
    name = ""

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal name
        path.append(tag)
        if path == ["net", "layers", "layer"]:
            name = attributes.get("name", "") if attributes.get("type") == "Const" else ""
        elif path == ["net", "layers", "layer", "data"] and name:
            if name in constants:
                raise OpenvinoError(f"Expected one constant {name!r} in {graph}, found two.")
            constants[name] = dict(attributes)

    def refuse(*_: object) -> None:
        raise OpenvinoError(f"Expected no document type in {graph}: its entities could expand without bound.")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    try:
        parser.Parse(graph.read_bytes(), True)
    except ExpatError as error:
        raise OpenvinoError(
            f"Expected the graph of an OpenVINO model in {graph}, found another file: {error}."
        ) from error
    if not constants:
        raise OpenvinoError(f"Expected layers of type Const in {graph}, found none.")
    return constants
