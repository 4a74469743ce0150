"""What ships with the plugin: every file accounted for, references that are whole; and the commands that made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import privacy_faces_makeup
import pytest
from click.testing import CliRunner
from PIL import Image
from privacy_faces_makeup.face.painting import LOOKS, region_labels
from privacy_faces_makeup.face.references import UnknownReferenceError, find_reference, shipped_references

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.weights.hub import OfflineError
from privacy_faces.weights.manifest import manifest
from privacy_faces.weights.store import pull, verified

ASSETS = Path(privacy_faces_makeup.__file__).with_name("assets")
OWN = [item for item in manifest().values() if item.package == "privacy_faces_makeup"]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


class TestManifest:
    def test_lists_every_shipped_file_with_its_digest(self) -> None:
        listed = {file.path: file for item in OWN for file in item.files}
        shipped = {
            path.relative_to(ASSETS).as_posix(): path
            for path in ASSETS.rglob("*")
            if path.is_file() and path.suffix != ".md"
        }
        assert listed.keys() == shipped.keys()
        for name, path in shipped.items():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name].sha256, name
            assert path.stat().st_size == listed[name].bytes, name

    @pytest.mark.parametrize("weight_id", ["makeup-clip", "makeup-adapter-xmy-060", "makeup-references"])
    def test_says_license_and_origin(self, weight_id: str) -> None:
        item = manifest()[weight_id]
        assert item in OWN
        assert item.license.startswith("Apache-2.0")
        assert item.origin.startswith("privacy-faces ")
        assert all(path.is_relative_to(ASSETS) for path in verified(weight_id))

    def test_clip_of_the_hub_is_not_pulled_offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(OfflineError, match=r"HF_HUB_OFFLINE=0 privacy-faces weights pull clip-vit-b-16$"):
            pull("clip-vit-b-16")

    def test_an_adapter_is_small(self) -> None:
        assert manifest()["makeup-adapter-xmy-060"].bytes <= 4 * 2**20

    @pytest.mark.parametrize("name", ["makeup-clip", "references", "XMY-060"])
    def test_a_card_lies_beside_the_files(self, name: str) -> None:
        card = (ASSETS / f"{name}.md").read_text(encoding="utf-8")
        for part in ("**What**", "**Made by** `privacy-faces ", "**Limits**", "**License**"):
            assert part in card


class TestReferences:
    def test_are_whole_and_show_the_makeup_they_are_named_for(self) -> None:
        assert list(shipped_references()) == list(LOOKS)
        assert shipped_references()["XMY-060"].summary == "face with eyeliner, purple eyeshadow and purple lipstick"
        for reference in shipped_references().values():
            makeup, clean, mask = (
                pixels(path).astype(int) for path in (reference.makeup, reference.clean, reference.mask)
            )
            assert makeup.shape == clean.shape == (*mask.shape, 3)
            assert set(np.unique(mask)) == set(range(10))
            changed = np.abs(makeup - clean).max(2) > 8
            assert changed[np.isin(mask, (7, 9))].mean() > 0.5, "the lips are painted"
            assert changed[mask == 0].mean() < 0.02
        look = shipped_references()["XMY-060"]
        lips = np.isin(pixels(look.mask), (7, 9))
        red, green, blue = pixels(look.makeup)[lips].mean(0)
        assert green < min(red, blue), "purple"

    def test_labels_are_those_of_the_makeup_transfer_dataset(self) -> None:
        name = "XMY-060"
        mask = pixels(shipped_references()[name].mask)
        rows, columns = np.indices(mask.shape)
        middle = {label: (columns[mask == label].mean(), rows[mask == label].mean()) for label in range(1, 10)}
        assert middle[4][0] < middle[6][0] < middle[5][0], "left eye, nose, right eye as seen in the picture"
        assert middle[2][1] < middle[4][1] < middle[6][1] < middle[7][1] < middle[8][1] < middle[9][1], (
            "brow, eye, nose, upper lip, teeth, lower lip"
        )

    def test_region_labels_follow_the_landmarks(
        self, sample_face: object, finder: FaceFinder, sample: np.ndarray
    ) -> None:
        places = finder.find(sample)[0].frame_landmarks(256)
        labels = region_labels(places, 256)
        column, row = places[36:42].mean(0).round().astype(int)
        assert labels[row, column] == 4
        assert labels[0, 0] == 0

    def test_a_users_own_comes_first(self, tmp_path: Path) -> None:
        assert find_reference("XMY-060", tmp_path).source == "shipped"
        for part in ("_m", "_nm", "_mask"):
            (tmp_path / f"XMY-060{part}.png").write_bytes(b"")
        own = find_reference("XMY-060", tmp_path)
        assert (own.source, own.makeup) == (str(tmp_path), tmp_path / "XMY-060_m.png")

    def test_a_part_that_is_missing_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "mine_m.png").write_bytes(b"")
        with pytest.raises(UnknownReferenceError, match=r"is not whole: mine_nm\.png, mine_mask\.png not found"):
            find_reference("mine", tmp_path)

    @pytest.mark.parametrize("name", ["../XMY-060", "a/b", "", "a b", "x.png"])
    def test_names_never_leave_the_folder(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(UnknownReferenceError, match="Expected a reference's name"):
            find_reference(name, tmp_path)

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(
            UnknownReferenceError,
            match="Unknown reference 'nobody': not found among the shipped ones, XMY-060, classic-red",
        ):
            find_reference("nobody")

    def test_the_listing(self) -> None:
        assert (
            "XMY-060      shipped  face with eyeliner, purple eyeshadow and purple lipstick"
            in CliRunner().invoke(main, ["references"]).stdout
        )
        found = json.loads(CliRunner().invoke(main, ["references", "--json"]).stdout)
        assert [row["name"] for row in found["references"]] == list(LOOKS)

    def test_the_command_makes_the_shipped_pictures(self, tmp_path: Path) -> None:
        canvas = ",".join(
            json.loads((ASSETS / "references/references.json").read_text())["looks"][name]["face"] for name in LOOKS
        )
        done = CliRunner().invoke(
            main,
            [
                "models",
                "references",
                "--faces",
                str(resource("assets/faces")),
                "--output",
                str(tmp_path),
                "--canvas",
                canvas,
            ],
        )
        assert done.exit_code == 0, done.output
        for reference in shipped_references().values():
            for path in (reference.makeup, reference.clean, reference.mask):
                assert np.abs(pixels(path).astype(int) - pixels(tmp_path / path.name)).max() <= 1, path.name

    def test_the_command_refuses_a_folder_without_faces(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            main, ["models", "references", "--faces", str(tmp_path), "--output", str(tmp_path / "out")]
        )
        assert done.exit_code == 2
        assert "Expected a picture of a face at" in done.stderr
