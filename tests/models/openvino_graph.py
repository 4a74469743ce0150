"""An OpenVINO graph run layer by layer in PyTorch: the reference that a network of our own is compared with.

It knows the operations of MobileStyleGAN's graphs and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import torch
import torch.nn.functional as F
from torch import Tensor

from privacy_faces.weights.openvino import read_constants

Attributes = Mapping[str, str]


def sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def grouped(run: Callable[..., Tensor], attributes: Attributes, values: Tensor, filters: Tensor) -> Tensor:
    """A convolution whose filters (G, ., ., H, W) lead with their group."""
    place = {"stride": sizes(attributes["strides"]), "padding": sizes(attributes["pads_begin"])}
    return run(values, filters.flatten(0, 1), groups=len(filters), **place)


def unsqueeze(values: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(axes.tolist()):
        values = values.unsqueeze(axis)
    return values


def split(values: Tensor, axis: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    known = [length for length in lengths.tolist() if length >= 0]
    rest = values.shape[int(axis)] - sum(known)
    return values.split([rest if length < 0 else length for length in lengths.tolist()], int(axis))


OPERATIONS: Mapping[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "Add": lambda _, a, b: a + b,
    "Multiply": lambda _, a, b: a * b,
    "Power": lambda _, a, b: a**b,
    "PReLU": lambda _, a, slope: F.prelu(a, slope),
    "MatMul": lambda attributes, a, b: a @ (b.T if attributes["transpose_b"] == "true" else b),
    "ReduceMean": lambda _, a, axes: a.mean(axes.tolist(), keepdim=True),
    "Convolution": lambda attributes, a, filters: grouped(F.conv2d, attributes, a, filters[None]),
    "GroupConvolution": lambda attributes, a, filters: grouped(F.conv2d, attributes, a, filters),
    "GroupConvolutionBackpropData": lambda attributes, a, filters: grouped(F.conv_transpose2d, attributes, a, filters),
    "ShapeOf": lambda _, a: torch.tensor(a.shape),
    "Gather": lambda _, a, index, axis: a.select(int(axis), int(index)),
    "Unsqueeze": lambda _, a, axes: unsqueeze(a, axes),
    "Squeeze": lambda _, a, axes: a.squeeze(axes.tolist()),
    "Concat": lambda attributes, *parts: torch.cat(parts, int(attributes["axis"])),
    "Reshape": lambda _, a, shape: a.reshape(shape.tolist()),
    "Broadcast": lambda _, a, shape: a.expand(torch.broadcast_shapes(a.shape, shape.tolist())),
    "Tile": lambda _, a, repeats: a.repeat(repeats.tolist()),
    "VariadicSplit": lambda _, a, axis, lengths: split(a, axis, lengths),
}


def run_graph(graph: Path, values: Path, given: Tensor) -> Tensor:
    """The result of the graph for its one input, in the precision of the input."""
    constants = read_constants(graph, values)
    root = ElementTree.parse(graph).getroot()
    edges: dict[str, dict[int, tuple[str, str]]] = {}
    for edge in root.iter("edge"):
        source = edge.attrib["from-layer"], edge.attrib["from-port"]
        edges.setdefault(edge.attrib["to-layer"], {})[int(edge.attrib["to-port"])] = source
    results: dict[tuple[str, str], Tensor] = {}
    for layer in root.iter("layer"):
        number, kind = layer.attrib["id"], layer.attrib["type"]
        inputs = [results[source] for _, source in sorted(edges.get(number, {}).items())]
        if kind == "Result":
            return inputs[0]
        data = layer.find("data")
        found: Tensor | tuple[Tensor, ...]
        if kind == "Const":
            constant = constants[layer.attrib["name"]]
            found = constant.to(given.dtype) if constant.is_floating_point() else constant
        elif kind == "Parameter":
            found = given
        else:
            found = OPERATIONS[kind](data.attrib if data is not None else {}, *inputs)
        ports = [port.attrib["id"] for port in layer.findall("output/port")]
        results |= {
            (number, port): part
            for port, part in zip(ports, found if isinstance(found, tuple) else (found,), strict=True)
        }
    raise ValueError(f"Expected a layer of type Result in {graph}.")
