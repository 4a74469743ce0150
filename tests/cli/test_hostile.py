"""Inputs that ended in a traceback, or forged what was printed."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import privacy_faces
from privacy_faces.cli.command import wrong_usage
from privacy_faces.cli.options import assignments_of
from privacy_faces.cli.outcomes import as_table
from privacy_faces.config.options import OptionError
from privacy_faces.config.printable import printable
from privacy_faces.config.profiles import load_config
from privacy_faces.datasets.folder import DatasetError, metadata_of
from privacy_faces.datasets.pairs import PairsError, read_table
from privacy_faces.judge.receipt import Receipt, ReceiptError
from privacy_faces.photos.detection.finder import make_finder
from privacy_faces.photos.formats.read import read_photo
from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.inputs import InputError, collect, refuse_foreign
from privacy_faces.weights.state_dict import read_state_dict

FACE = Path(__file__).parents[2] / "assets" / "faces" / "007.png"


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return np.array(Image.open(FACE).convert("RGB").resize((160, 160)))


def test_name_of_a_file_forges_no_row(tmp_path: Path) -> None:
    name = "a\x1b[2K\nb.png  1  dlib-resnet (held-out)  1.000  0.1  0.9  no longer matched\u202e\u2028"
    (job,) = collect([tmp_path / name], tmp_path / "out").jobs
    rows = as_table([Outcome(job, "failed", f"found nothing at {name}")], tmp_path / "out\n1").splitlines()
    assert len(rows) == 5, "header, rule, one row, an empty line, where it was written"
    assert "a\\x1b[2K\\nb.png" in rows[2]
    assert "no longer matched\\u202e\\u2028" in rows[2]
    assert all(row.isprintable() for row in rows)


def test_printable_leaves_names_of_all_languages() -> None:
    assert printable("Zoë 写真 \N{GRINNING FACE}.jpg") == "Zoë 写真 \N{GRINNING FACE}.jpg"
    assert printable("two\nlines\r", keep="\n") == "two\nlines\\r"


def test_links_that_point_at_each_other_are_named_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").symlink_to(tmp_path / "in/b.png")
    (tmp_path / "in/b.png").symlink_to(tmp_path / "in/a.png")
    jobs = [
        *collect([tmp_path / "in"], tmp_path / "out").jobs,
        *collect([tmp_path / "in/a.png"], tmp_path / "out").jobs,
    ]
    assert [job.target.name for job in jobs] == ["a.png", "b.png", "a.png"]
    for job in jobs:
        with pytest.raises(ValueError, match=r"expected a readable photo at .*symbolic links"):
            job.read()


@pytest.mark.parametrize("detector", ["mtcnn", "dlib"])
@pytest.mark.parametrize(("height", "width"), [(60, 4000), (4000, 33), (32, 32)])
def test_strips_are_searched_like_other_photos(height: int, width: int, detector: str) -> None:
    finder = make_finder(detector)  # type: ignore[arg-type]
    assert finder.find(np.full((height, width, 3), 90, np.uint8)) == []


def test_face_as_high_as_a_strip_is_found(face: np.ndarray) -> None:
    """The smallest face sought followed the longer side alone, and 4000 x 60 was an error of torch."""
    strip = np.full((75, 4000, 3), 128, np.uint8)
    strip[:, 1000:1075] = np.array(Image.fromarray(face).resize((75, 75)))
    assert len(make_finder("mtcnn").find(strip)) == 1


@pytest.mark.parametrize("least", [161, 100_000])
def test_smallest_face_above_the_photo_finds_none(least: int, face: np.ndarray) -> None:
    assert make_finder("mtcnn", least).find(face) == []


@pytest.mark.parametrize("method", ["inpaint-random", "inpaint-gradcam"])
def test_fraction_that_hides_nothing_is_named(method: str, face: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"found none of face 1: --fraction 1e-09 of the frame"):
        privacy_faces.anonymize(face, method, fraction=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 20_000, "mine.yaml is not one: its values are nested too deeply"),
        ("run:\n  seed: 2001-99-99\n", "mine.yaml holds a value that cannot be: month must be in 1..12"),
    ],
    ids=["brackets", "date"],
)
def test_config_file_that_cannot_be_read_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(OptionError, match=message):
        load_config(tmp_path / "mine.yaml")


@pytest.mark.parametrize("text", ["[" * 20_000, "2001-99-99"], ids=["brackets", "date"])
def test_value_that_is_no_yaml_is_text(text: str) -> None:
    assert assignments_of((f"seed={text}",)) == {"seed": text}


def expanded() -> dict[str, torch.Tensor]:
    return {"conv.weight": torch.zeros(1).expand(10**6, 10**6)}  # four terabytes


def repeated() -> dict[str, torch.Tensor]:
    values = torch.zeros(1000)
    return {f"layer{number}": values for number in range(200)}


def sparse() -> dict[str, torch.Tensor]:
    return {"conv.weight": torch.zeros(4, 4).to_sparse()}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (expanded, r"about the size of their file .*big\.pth \([\d,]+ bytes\), found 4,000,000,000,000 bytes"),
        (repeated, r"about the size of their file .*big\.pth"),
        (sparse, r"Expected plain tensors in .*big\.pth, found another kind under 'conv\.weight'"),
    ],
)
def test_weights_that_expand_are_refused(make: object, message: str, tmp_path: Path) -> None:
    assert callable(make)
    torch.save(make(), tmp_path / "big.pth")
    with pytest.raises(ValueError, match=message):
        read_state_dict(tmp_path / "big.pth")


RECEIPTS = {
    "list": b"[1, 2]",
    "number": b"7",
    "null": b"null",
    "text": b'"receipt"',
    "brackets": b"[" * 200_000,
    "nested": b'{"faces": ' * 200_000,
    "digits": b"9" * 200_000,
    "bytes": bytes(range(256)),
    "utf-16": '{"schema": 1}'.encode("utf-16"),
    "nan": b'{"schema": NaN}',
}


@pytest.mark.parametrize("content", RECEIPTS.values(), ids=list(RECEIPTS))
def test_receipt_that_is_none_is_named(content: bytes, tmp_path: Path, face: np.ndarray) -> None:
    with pytest.raises(ReceiptError, match=r"Expected a receipt of version 1 in a\.receipt\.json"):
        Receipt.parse(content, "a.receipt.json")
    (tmp_path / "out").mkdir()
    for name in ("a.receipt.json", "run.json"):
        place = tmp_path / "out" / name
        place.write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            refuse_foreign(collect([tmp_path / "a.png"], tmp_path / "out"), tmp_path / "out")
        place.unlink()


TABLES = {
    "utf-16": ("original,protected\na.png,a.png\n".encode("utf-16"), "CSV file in UTF-8 at .*, found another encoding"),
    "latin-1": ("original,protected\nZo\xeb.png,a.png\n".encode("latin-1"), "found another encoding"),
    "long cell": (b"original,protected\na.png,a.png\n" + b"x" * 200_000, "found after line 2: field larger than"),
    "zero bytes": (
        b"original,protected\na.png\0,a.png\n",
        r"line 2 of .*found 'a\.png\\x00'|found after line \d: line",
    ),
    "cells beyond": (b"original,protected\nb.png,b.png,c,d\n", "a file below .* in line 2 of .*found 'b.png'"),
    "missing cells": (b"original,protected\nb.png\n", "in line 2 of .*found 'b.png'"),
}


@pytest.mark.parametrize(("content", "message"), TABLES.values(), ids=list(TABLES))
def test_table_that_cannot_be_read_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(PairsError, match=message):
        read_table(tmp_path / "pairs.csv", tmp_path, tmp_path)


def test_metadata_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes("file_name,identity\n".encode("utf-16"))
    with pytest.raises(DatasetError, match=r"in UTF-8 at .*metadata\.csv, found another encoding"):
        metadata_of(tmp_path)


def test_name_of_a_file_forges_no_line_of_the_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with wrong_usage():
        logging.getLogger("any").warning("left out %s: no face found", "a\x1b[2K\nb.png: protected")
    assert capsys.readouterr().err == "left out a\\x1b[2K\\nb.png: protected: no face found\n"


def test_jpeg_of_many_scans_is_refused(tmp_path: Path, face: np.ndarray) -> None:
    """Each scan, of a few bytes, is decoded over the whole picture: a small file would take hours."""
    Image.fromarray(face).save(tmp_path / "a.jpg", progressive=True)
    data = (tmp_path / "a.jpg").read_bytes()
    scan = b"\xff\xda" + struct.pack(">H", 8) + bytes((1, 1, 0x11, 1, 5, 0x20)) + b"\x7f"
    with pytest.raises(ValueError, match="more than 100 scans"):
        read_photo(data[:-2] + scan * 5000 + data[-2:])
