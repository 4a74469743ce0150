"""Constants of OpenVINO models: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from privacy_faces.weights import openvino
from privacy_faces.weights.openvino import OpenvinoError, read_constants

GRAPH = """<?xml version="1.0"?>
<net name="tiny" version="10"><layers>
<layer id="0" name="input" type="Parameter"><data shape="1, 2" element_type="f32"/></layer>
<layer id="1" name="weight" type="Const"><data element_type="f32" shape="2, 3" offset="4" size="24"/></layer>
<layer id="2" name="axis" type="Const"><data element_type="i32" shape="" offset="0" size="4"/></layer>
</layers><edges/></net>
"""


def files(folder: Path, graph: str = GRAPH, size: int = 28) -> tuple[Path, Path]:
    """The pair: an int32 of 7, then 0, 1, 2, ... as float32, cut to `size` bytes."""
    (folder / "tiny.xml").write_text(graph, encoding="utf-8")
    values = torch.tensor([7], dtype=torch.int32).numpy().tobytes() + torch.arange(6.0).numpy().tobytes()
    (folder / "tiny.bin").write_bytes(values[:size])
    return folder / "tiny.xml", folder / "tiny.bin"


def test_constants_by_name(tmp_path: Path) -> None:
    found = read_constants(*files(tmp_path))
    assert list(found) == ["weight", "axis"]
    assert found["weight"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert found["axis"].shape == ()
    assert found["axis"] == 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</net>", "", r"Expected the graph of an OpenVINO model in .*tiny\.xml, found another file: no element"),
        ("<layers>", "<nodes>", r"mismatched tag"),
        ('type="Const"', 'type="Constant"', r"Expected layers of type Const in .*tiny\.xml, found none"),
        ('name="axis"', 'name="weight"', r"Expected one constant 'weight' in .*tiny\.xml, found two"),
        ('element_type="i32"', 'element_type="u1"', r"of the constant 'axis' in .*tiny\.xml, found .*'u1'"),
        ('offset="0" ', "", r"offset and size of the constant 'axis'"),
        ('shape="2, 3"', 'shape="2, -3"', r"of the constant 'weight' in"),
        (
            'shape="2, 3"',
            'shape="2, 4"',
            r"'weight' of .*tiny\.bin: 8 values of 4 bytes, stated as 24 bytes from 4",
        ),
        ('offset="4"', 'offset="8"', r"stated as 24 bytes from 8; the file has 28 bytes"),
        ('offset="4"', 'offset="-4"', r"stated as 24 bytes from -4"),
        (
            "<net ",
            '<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]><net ',
            r"Expected no document type in .*tiny\.xml",
        ),
    ],
)
def test_malformed_graphs_are_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(OpenvinoError, match=message):
        read_constants(*files(tmp_path, GRAPH.replace(old, new)))


def test_short_values_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(OpenvinoError, match=r"tiny\.bin.*the file has 20 bytes"):
        read_constants(*files(tmp_path, size=20))


def test_huge_graphs_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "_LARGEST_GRAPH", 100)
    with pytest.raises(OpenvinoError, match=r"at most 100 bytes in .*tiny\.xml"):
        read_constants(*files(tmp_path))
