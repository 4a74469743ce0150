"""Data sets of faces: miniature trees of every layout, ways of being wrong with what is said of each, regions from
label maps, and folders of links."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from privacy_faces_makeup.datasets.celebamask_hq import TEST, TRAIN, diffam_split, read_celebamask_hq
from privacy_faces_makeup.datasets.labelings import (
    CELEBAMASK_HQ,
    MAKEUP_REGIONS,
    MAKEUP_TRANSFER,
    LabelError,
    regions_from_labels,
)
from privacy_faces_makeup.datasets.ladn import read_ladn
from privacy_faces_makeup.datasets.makeup_transfer import read_makeup_transfer

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.datasets import prepare as preparing
from privacy_faces.datasets.celeba import read_celeba, split_by_identity
from privacy_faces.datasets.folder import DatasetError, LabelledPhoto, identity_folders, photos_below
from privacy_faces.datasets.lfw import DIFFERENT, SAME, read_lfw, read_pairs
from privacy_faces.datasets.pairs import find_pairs
from privacy_faces.datasets.prepare import HARD, RECORD, SYMBOLIC, THERE, link

Tree = Callable[[Path], Path]


def picture(path: Path, size: int = 8, mode: str = "RGB", value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), (value,) * 3 if mode == "RGB" else value).save(path)
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


# Person -> number of photos.
PEOPLE = {"17": 5, "3": 10, "2880": 2, "8": 1}


def celeba(root: Path) -> Path:
    """Photos of the people one after the other, listed backwards."""
    people = [person for person, count in PEOPLE.items() for _ in range(count)]
    rows = [(f"{number:06d}.jpg", person) for number, person in enumerate(people, 1)]
    for number, (name, _) in enumerate(rows):
        picture(root / "img_align_celeba" / name, value=number)
    text(root / "identity_CelebA.txt", *(f"{name} {person}" for name, person in reversed(rows)))
    text(root / "list_eval_partition.txt", *(f"{name} {number % 3}" for number, (name, _) in enumerate(rows)))
    return root


def celebamask_hq(root: Path) -> Path:
    """Photos 0 to 11 and 2000; 3 without a left eye, 5 without masks."""
    for number in [*range(12), 2000]:
        picture(root / "CelebA-HQ-img" / f"{number}.jpg", 16, value=number % 256)
        boxes = {
            "skin": (1, 1, 14, 14),
            "nose": (6, 6, 9, 9),
            "l_eye": (3, 4, 5, 5),
            "r_eye": (10, 4, 12, 5),
            "u_lip": (5, 11, 10, 11),
            "l_lip": (5, 12, 10, 12),
        }
        for part, (left, top, right, bottom) in boxes.items():
            if number == 5 or (number == 3 and part == "l_eye"):
                continue
            mask = np.zeros((16, 16, 3), np.uint8)
            mask[top : bottom + 1, left : right + 1] = 255
            path = root / "CelebAMask-HQ-mask-anno" / str(number // 2000) / f"{number:05d}_{part}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(path)
    return root


def makeup_transfer(root: Path) -> Path:
    """Two photos with makeup, of which one has labels, and one without."""
    for kind, name in (("makeup", "XMY-060"), ("makeup", "vFG137"), ("non-makeup", "xfsy_0001")):
        picture(root / "images" / kind / f"{name}.png", 16)
        if name != "vFG137":
            picture(root / "segs" / kind / f"{name}.png", 16, "L", 7)
    text(root / "makeup_test.txt", "makeup/vFG137.png")
    text(root / "nomakeup_test.txt", "images/non-makeup/xfsy_0001.png segs/non-makeup/xfsy_0001.png")
    return root


def ladn(root: Path) -> Path:
    for folder, name in (("before", "000001"), ("before", "000002"), ("after", "110001")):
        picture(root / folder / f"{name}.jpg")
    return root


def lfw(root: Path) -> Path:
    """Two sets of two matched and two mismatched pairs."""
    for person, count in (("Ann_Ant", 3), ("Bob_Bee", 2), ("Cat_Cow", 11)):
        for number in range(1, count + 1):
            picture(root / "lfw" / person / f"{person}_{number:04d}.jpg")
    ann, bob, cat = "Ann_Ant", "Bob_Bee", "Cat_Cow"
    one = [f"{ann}\t1\t2", f"{cat}\t1\t11", f"{ann}\t1\t{bob}\t2", f"{bob}\t1\t{cat}\t3"]
    two = [f"{bob}\t1\t2", f"{cat}\t4\t5", f"{ann}\t3\t{cat}\t1", f"{ann}\t1\t{bob}\t1"]
    text(root / "pairs.txt", "2\t2", *one, *two)
    text(root / "pairsDevTrain.txt", "2", *one)
    return root


def call(*args: object, code: int = 0) -> Result:
    """`privacy-faces datasets prepare` in this process; a defect of the program is not an exit status."""
    result = CliRunner().invoke(main, ["datasets", "prepare", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def printed(result: Result) -> dict[str, Any]:
    """The one JSON object on stdout."""
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every path in a folder -> inode, mode, time of the last change."""
    return {
        path.relative_to(folder).as_posix(): (status.st_ino, status.st_mode, status.st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if (status := path.lstat())
    }


class TestReading:
    def test_celeba(self, tmp_path: Path) -> None:
        data = read_celeba(celeba(tmp_path))
        assert [(photo.path.name, photo.identity) for photo in data.parts["all"]][4:6] == [
            ("000005.jpg", "17"),
            ("000006.jpg", "3"),
        ]
        assert {name: len(photos) for name, photos in data.parts.items()} == {
            "all": 18,
            "train": 6,
            "valid": 6,
            "test": 6,
        }
        assert data.parts["valid"][0].path.name == "000002.jpg"
        with pytest.raises(DatasetError, match=r"^CelebA has no masks\.$"):
            data.labels(data.parts["all"][0].path)

    def test_celeba_as_its_download_is_laid_out(self, tmp_path: Path) -> None:
        celeba(tmp_path)
        for folder, name in (
            ("Anno", "identity_CelebA.txt"),
            ("Eval", "list_eval_partition.txt"),
            ("Img/img_align_celeba", "img_align_celeba"),
        ):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / name).rename(tmp_path / folder / name)
        data = read_celeba(tmp_path)
        assert data.parts["all"][0].path == tmp_path / "Img/img_align_celeba/img_align_celeba/000001.jpg"
        assert len(data.parts["valid"]) == 6

    def test_celebamask_hq(self, tmp_path: Path) -> None:
        data = read_celebamask_hq(celebamask_hq(tmp_path))
        everyone = [photo.path for photo in data.parts["all"]]
        assert [path.name for path in everyone[:4]] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
        assert everyone[-1].name == "2000.jpg"
        assert {path.name: what for path, what in data.without_masks.items()} == {"3.jpg": "no l_eye", "5.jpg": "none"}
        labels = data.labels(everyone[-1])
        assert (labels.shape, labels.dtype) == ((16, 16), np.uint8)
        # skin 1, nose 2, l_eye 4, r_eye 5, u_lip 11, l_lip 12: the order of the authors' script g_mask.py.
        assert [int(labels[y, x]) for y, x in ((0, 0), (2, 2), (7, 7), (4, 3), (5, 12), (11, 5), (12, 10))] == [
            0,
            1,
            2,
            4,
            5,
            11,
            12,
        ]
        assert np.array_equal(data.labels(everyone[0], 8), labels[1::2, 1::2])
        regions = data.regions(everyone[0])
        assert set(regions) == set(MAKEUP_REGIONS)
        assert regions["lips"].sum() == 12
        with pytest.raises(
            DatasetError,
            match=r"^Expected masks of .*3\.jpg, found no l_eye\. Leave the photos of `without_masks` out\.$",
        ):
            data.labels(everyone[3])
        assert data.parts["all"][0].identity == "0"
        assert "who is in the photos is not known" in data.notes[0]

    def test_celebamask_hq_with_the_people_of_celeba(self, tmp_path: Path) -> None:
        celebamask_hq(tmp_path)
        numbers = [*range(12), 2000]
        text(
            tmp_path / "CelebA-HQ-to-CelebA-mapping.txt",
            "idx  orig_idx  orig_file",
            *(f"{n}  {n + 9}  {n + 10:06d}.jpg" for n in numbers),
        )
        text(tmp_path / "identity_CelebA.txt", *(f"{n + 10:06d}.jpg {100 + n % 2}" for n in numbers))
        data = read_celebamask_hq(tmp_path)
        assert [photo.identity for photo in data.parts["all"]][:3] == ["100", "101", "100"]
        assert list(data.notes) == []

    def test_files_that_are_no_masks_are_told(self, tmp_path: Path) -> None:
        picture(celebamask_hq(tmp_path) / "CelebAMask-HQ-mask-anno/0/00001_beard.png")
        data = read_celebamask_hq(tmp_path)
        assert data.notes[0] == "1 files among the masks are no part masks: 0/00001_beard.png"

    def test_makeup_transfer(self, tmp_path: Path) -> None:
        data = read_makeup_transfer(makeup_transfer(tmp_path))
        assert {name: [photo.identity for photo in photos] for name, photos in data.parts.items()} == {
            "makeup": ["XMY-060", "vFG137"],
            "non-makeup": ["xfsy_0001"],
            "makeup test": ["vFG137"],
            "non-makeup test": ["xfsy_0001"],
        }
        assert {path.name: what for path, what in data.without_masks.items()} == {
            "vFG137.png": f"no {Path('segs/makeup/vFG137.png')}"
        }
        photo = data.parts["makeup"][0].path
        assert np.array_equal(data.labels(photo), np.full((16, 16), 7))
        assert data.regions(photo, 4)["lips"].tolist() == [[True] * 4] * 4
        (tmp_path / "nomakeup_test.txt").rename(tmp_path / "non-makeup_test.txt")
        assert read_makeup_transfer(tmp_path).parts == data.parts

    def test_makeup_transfer_without_masks(self, tmp_path: Path) -> None:
        (makeup_transfer(tmp_path) / "segs").rename(tmp_path / "elsewhere")
        data = read_makeup_transfer(tmp_path)
        assert (data.labeling, data.notes) == (None, [f"no masks: there is no folder segs in {tmp_path}"])

    @pytest.mark.parametrize(
        "folders", [("before", "after"), ("non-makeup", "makeup"), ("images/non-makeup", "images/makeup")]
    )
    def test_ladn(self, folders: tuple[str, str], tmp_path: Path) -> None:
        ladn(tmp_path)
        (tmp_path / "images").mkdir()
        for old, new in zip(("before", "after"), folders, strict=True):
            (tmp_path / old).rename(tmp_path / new)
        data = read_ladn(tmp_path)
        assert {name: [photo.path for photo in photos] for name, photos in data.parts.items()} == {
            "makeup": [tmp_path / folders[1] / "110001.jpg"],
            "non-makeup": [tmp_path / folders[0] / f"00000{number}.jpg" for number in (1, 2)],
        }
        assert data.labeling is None
        picture(tmp_path / "segs/makeup/110001.png", 8, "L", 9)
        assert read_ladn(tmp_path).labels(tmp_path / folders[1] / "110001.jpg").max() == 9

    def test_lfw(self, tmp_path: Path) -> None:
        photos = read_lfw(lfw(tmp_path)).parts["all"]
        assert (len(photos), photos[0].identity) == (16, "Ann_Ant")
        pairs = read_pairs(tmp_path)
        assert [(pair.groups["pair"], pair.groups["set"]) for pair in pairs] == [
            (kind, n) for n in "12" for kind in (SAME, SAME, DIFFERENT, DIFFERENT)
        ]
        assert [(pair.person, pair.original.name, pair.protected and pair.protected.name) for pair in pairs[1:3]] == [
            ("Cat_Cow", "Cat_Cow_0001.jpg", "Cat_Cow_0011.jpg"),
            ("Ann_Ant", "Ann_Ant_0001.jpg", "Bob_Bee_0002.jpg"),
        ]
        assert len({pair.name for pair in pairs}) == 8
        development = read_pairs(tmp_path, "pairsDevTrain.txt")
        assert [(pair.original, pair.protected) for pair in development] == [
            (pair.original, pair.protected) for pair in pairs[:4]
        ]
        assert {pair.groups["set"] for pair in development} == {"1"}

    def test_readers_import_no_torch(self) -> None:
        modules = [
            "cli.datasets",
            *(f"datasets.{name}" for name in ("celeba", "celebamask_hq", "makeup_transfer", "ladn", "lfw", "prepare")),
        ]
        code = (
            f"import sys; import {', '.join(f'privacy_faces.{name}' for name in modules)}; assert 'torch' not in "
            "sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


def _remove(*paths: str) -> Tree:
    def change(root: Path) -> Path:
        for path in paths:
            (root / path).rename(root.parent / f"removed {Path(path).name}")
        return root

    return change


def _write(path: str, *lines: str) -> Tree:
    def change(root: Path) -> Path:
        text(root / path, *lines)
        return root

    return change


def _picture(path: str, size: int = 8, mode: str = "RGB", value: int = 90) -> Tree:
    def change(root: Path) -> Path:
        picture(root / path, size, mode, value)
        return root

    return change


def _wide(path: str) -> Tree:
    def change(root: Path) -> Path:
        Image.new("L", (16, 12), 7).save(root / path)
        return root

    return change


def _replace(path: str, old: str, new: str) -> Tree:
    def change(root: Path) -> Path:
        before = (root / path).read_text()
        assert old in before
        (root / path).write_text(before.replace(old, new, 1))
        return root

    return change


def _bytes(path: str, content: bytes) -> Tree:
    def change(root: Path) -> Path:
        (root / path).write_bytes(content)
        return root

    return change


def _rename(old: str, new: str) -> Tree:
    def change(root: Path) -> Path:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)
        return root

    return change


def _heap(root: Path) -> Path:
    masks = root / "CelebAMask-HQ-mask-anno"
    (masks / "1").rename(root.parent / "1")
    (masks / "0").rename(masks / "all")
    return root


def _mapping(row: str) -> Tree:
    def change(root: Path) -> Path:
        text(root / "identity_CelebA.txt", "000001.jpg 5")
        text(root / "CelebA-HQ-to-CelebA-mapping.txt", "idx orig_idx orig_file", row)
        return root

    return change


def _labels_of_first(root: Path) -> object:
    data = read_makeup_transfer(root)
    return data.labels(data.parts["makeup"][0].path)


def _labels_of_zero(root: Path) -> object:
    data = read_celebamask_hq(root)
    return data.labels(data.parts["all"][0].path)


CELEBA_AT = (
    r"CelebA comes from https://mmlab\.ie\.cuhk\.edu\.hk/projects/CelebA\.html: img_align_celeba\.zip \(unpacked\)"
)
WRONG = {
    # CelebA
    "no folder": (
        celeba,
        _rename("", "../elsewhere"),
        read_celeba,
        rf"^Expected a folder with the people of the photos, found no folder at .*root\. {CELEBA_AT}",
    ),
    "no list of people": (
        celeba,
        _remove("identity_CelebA.txt"),
        read_celeba,
        r"^Expected the people of the photos at .*root.identity_CelebA\.txt, found img_align_celeba, "
        rf"list_eval_partition\.txt in .*root\. {CELEBA_AT}",
    ),
    "not unpacked": (
        celeba,
        _rename("img_align_celeba", "img_align_celeba.zip"),
        read_celeba,
        r"^Expected the aligned photos at .*img_align_celeba, found identity_CelebA\.txt, img_align_celeba\.zip, .*\. "
        r"Unpack img_align_celeba\.zip first\. ",
    ),
    "a photo too few": (
        celeba,
        _remove("img_align_celeba/000004.jpg", "img_align_celeba/000011.jpg"),
        read_celeba,
        r"^Expected the 18 photos that .*identity_CelebA\.txt names in .*img_align_celeba, found 2 missing: "
        r"000004\.jpg, 000011\.jpg\. Unpack",
    ),
    "a photo too many": (
        celeba,
        _picture("img_align_celeba/000099.jpg"),
        read_celeba,
        r"^Expected every photo of .*img_align_celeba in .*identity_CelebA\.txt, found 1 that are not: 000099\.jpg\. "
        r"Take the whole list",
    ),
    "no person": (
        celeba,
        _replace("identity_CelebA.txt", "000002.jpg 17", "000002.jpg"),
        read_celeba,
        r"^Expected a photo and a person's number in line 17 of .*identity_CelebA\.txt, found '000002\.jpg'\.$",
    ),
    "a photo twice": (
        celeba,
        _replace("identity_CelebA.txt", "000002.jpg 17", "000003.jpg 3"),
        read_celeba,
        r"^Expected every photo once in .*identity_CelebA\.txt, found 000003\.jpg again in line 17\.$",
    ),
    "a way out": (
        celeba,
        _replace("identity_CelebA.txt", "000002.jpg", "../secret.jpg"),
        read_celeba,
        r"^Expected the 18 photos .*, found 1 missing: \.\./secret\.jpg\.",
    ),
    "a fourth split": (
        celeba,
        _replace("list_eval_partition.txt", "000003.jpg 2", "000003.jpg 3"),
        read_celeba,
        r"^Expected a photo and 0, 1 or 2 in line 3 of .*list_eval_partition\.txt, found '000003\.jpg 3'\.$",
    ),
    "no text": (
        celeba,
        _bytes("identity_CelebA.txt", b"\xff\xd8\xff\xe0"),
        read_celeba,
        r"^Expected a text file at .*identity_CelebA\.txt, found other bytes\.",
    ),
    "an empty list": (
        celeba,
        _bytes("identity_CelebA.txt", b""),
        read_celeba,
        r"^Expected lines such as '000001\.jpg 2880' in .*identity_CelebA\.txt, found an empty file\.",
    ),
    # CelebAMask-HQ
    "no masks": (
        celebamask_hq,
        _remove("CelebAMask-HQ-mask-anno"),
        read_celebamask_hq,
        r"^Expected the part masks at .*CelebAMask-HQ-mask-anno, found CelebA-HQ-img in .* comes from "
        r"https://github\.com/switchablenorms/CelebAMask-HQ",
    ),
    "masks in one heap": (
        celebamask_hq,
        _heap,
        read_celebamask_hq,
        r"^Expected the folders 0 to 14 with 2000 photos' masks each in .*CelebAMask-HQ-mask-anno, found all\.",
    ),
    "a mask astray": (
        celebamask_hq,
        _rename("CelebAMask-HQ-mask-anno/1/02000_skin.png", "CelebAMask-HQ-mask-anno/0/02000_skin.png"),
        read_celebamask_hq,
        r"^Expected the masks of photo 2000 in the folder 1 of .*CelebAMask-HQ-mask-anno, found 0/02000_skin\.png\.",
    ),
    "a name for a number": (
        celebamask_hq,
        _picture("CelebA-HQ-img/ann.jpg"),
        read_celebamask_hq,
        r"^Expected photos named by number, 0\.jpg to 29999\.jpg, in .*CelebA-HQ-img, found ann\.jpg\.",
    ),
    "masks of two sizes": (
        celebamask_hq,
        _picture("CelebAMask-HQ-mask-anno/0/00000_nose.png", 8),
        _labels_of_zero,
        r"^Expected all masks of photo 0 in one size, 16 x 16, found another in .*00000_nose\.png\.$",
    ),
    "a broken mask": (
        celebamask_hq,
        _bytes("CelebAMask-HQ-mask-anno/0/00000_nose.png", b"\x89PNG"),
        _labels_of_zero,
        r"^Expected a part mask at .*00000_nose\.png, could not read it: .*\. CelebAMask-HQ comes from",
    ),
    "a mapping of other columns": (
        celebamask_hq,
        _mapping("0 000001.jpg"),
        read_celebamask_hq,
        r"^Expected the columns idx, orig_idx and orig_file in line 2 of .*mapping\.txt, found '0 000001\.jpg'\.$",
    ),
    "a mapping to other photos": (
        celebamask_hq,
        _mapping("0 1 000002.jpg"),
        read_celebamask_hq,
        r"^Expected photos of .*identity_CelebA\.txt in .*mapping\.txt, found 000002\.jpg in line 2\.",
    ),
    "a mapping cut short": (
        celebamask_hq,
        _mapping("0 0 000001.jpg"),
        read_celebamask_hq,
        r"^Expected every photo in .*mapping\.txt, found 12 that are not: 1\.jpg, 2\.jpg, 3\.jpg, 4\.jpg, 5\.jpg and "
        r"7 more\.$",
    ),
    # Makeup Transfer
    "no photos": (
        makeup_transfer,
        _remove("images/makeup/XMY-060.png", "images/makeup/vFG137.png"),
        read_makeup_transfer,
        r"^Expected photos makeup in the folder .*images.makeup, found none\. The Makeup Transfer data set is linked "
        r"from https://github\.com/wtjiang98/PSGAN",
    ),
    "SCGAN's layout": (
        makeup_transfer,
        _rename("segs", "parsing"),
        read_makeup_transfer,
        r"^Expected label maps in .*segs, found .*parsing, the layout of SCGAN, whose numbers mean other parts\. Add "
        r"the original segs/",
    ),
    "a list of other photos": (
        makeup_transfer,
        _write("makeup_test.txt", "makeup/vFG137.png", "non-makeup/xfsy_0001.png"),
        read_makeup_transfer,
        r"^Expected a photo of images/makeup/ in line 2 of .*makeup_test\.txt, found 'non-makeup/xfsy_0001\.png'\.$",
    ),
    "two lists": (
        makeup_transfer,
        _write("non-makeup_test.txt", "non-makeup/xfsy_0001.png"),
        read_makeup_transfer,
        r"^Expected one list of photos non-makeup to test with in .*, found two, one of them non-makeup_test\.txt\. "
        r"Keep one\.$",
    ),
    "a list's way out": (
        makeup_transfer,
        _write("makeup_test.txt", "makeup/../../../secret.png"),
        read_makeup_transfer,
        r"^Expected a photo of images/makeup/ in line 1 of .*makeup_test\.txt, found "
        r"'makeup/\.\./\.\./\.\./secret\.png'\.$",
    ),
    "colours for labels": (
        makeup_transfer,
        _picture("segs/makeup/XMY-060.png", 16),
        _labels_of_first,
        r"^Expected one 8-bit label per pixel in .*XMY-060\.png, found a picture of the mode RGB: colours in place of "
        r"labels\.$",
    ),
    "labels of another photo": (
        makeup_transfer,
        _wide("segs/makeup/XMY-060.png"),
        _labels_of_first,
        r"^Expected labels in the proportions of .*images.makeup.XMY-060\.png, 16 x 16, found 16 x 12 in "
        r".*segs.makeup.XMY-060\.png\.$",
    ),
    "labels of another labeling": (
        makeup_transfer,
        _picture("segs/makeup/XMY-060.png", 16, "L", 17),
        _labels_of_first,
        r"XMY-060\.png: Expected labels from 0 to 13 \(Makeup Transfer\), found 17: another labeling, or a picture of "
        r"the labels\.$",
    ),
    # LADN
    "half of it": (
        ladn,
        _remove("after"),
        read_ladn,
        r"^Expected the photos makeup at .*after, found before in .*\. The LADN data set is linked from "
        r"https://github\.com/wangguanzhi/LADN",
    ),
    "two layouts": (
        ladn,
        _picture("images/makeup/1.jpg"),
        read_ladn,
        r"^Expected one pair of folders in .*, found after and before, images/makeup and images/non-makeup\. Keep one "
        r"of them\.$",
    ),
    # LFW
    "nothing at all": (
        lfw,
        _remove("lfw"),
        read_lfw,
        r"^Expected one folder per person at .*lfw, found pairs\.txt, pairsDevTrain\.txt in .*\. LFW comes with "
        r"scikit-learn: python -c 'from sklearn",
    ),
    "two sets of photos": (
        lfw,
        _picture("lfw_funneled/Ann_Ant/Ann_Ant_0001.jpg"),
        read_pairs,
        r"^Expected one folder of photos in .*, found lfw, lfw_funneled\. Choose one: --folder lfw$",
    ),
    "no header": (
        lfw,
        _replace("pairs.txt", "2\t2\n", ""),
        read_pairs,
        r"^Expected the numbers of sets and of pairs, such as '10 300', or of pairs alone in the first line of "
        r".*pairs\.txt, found 'Ann_Ant\\t1\\t2'\.$",
    ),
    "a list cut short": (
        lfw,
        _replace("pairs.txt", "Ann_Ant\t1\tBob_Bee\t1\n", ""),
        read_pairs,
        r"^Expected 8 pairs after the line '2\\t2' of .*pairs\.txt, found 7\.",
    ),
    "a mismatched pair for a matched one": (
        lfw,
        _replace("pairs.txt", "Bob_Bee\t1\t2\n", "Bob_Bee\t1\tAnn_Ant\t2\n"),
        read_pairs,
        r"^Expected a matched pair, NAME i j, in line 6 of .*pairs\.txt, found 'Bob_Bee\\t1\\tAnn_Ant\\t2'\.$",
    ),
    "a photo that is not there": (
        lfw,
        _replace("pairs.txt", "Cat_Cow\t4\t5", "Cat_Cow\t4\t12"),
        read_pairs,
        r"^Expected a person and the number of a photo in line 7 of .*pairs\.txt, found 'Cat_Cow' and '12': there is "
        r"no Cat_Cow_0012\.jpg\.$",
    ),
    "a pair's way out": (
        lfw,
        _replace("pairs.txt", "Cat_Cow\t4\t5", "../../secret\t4\t5"),
        read_pairs,
        r"^Expected a person and the number of a photo in line 7 of .*pairs\.txt, found '\.\./\.\./secret' and '4': "
        r"there is no",
    ),
}


@pytest.mark.parametrize("way", WRONG)
def test_ways_of_being_wrong(way: str, tmp_path: Path) -> None:
    build, spoil, read, message = WRONG[way]
    picture(tmp_path / "secret.jpg")
    root = build(tmp_path / "root")
    read_once: Callable[[Path], object] = read
    read_once(root)
    spoil(root)
    with pytest.raises(DatasetError, match=message):
        read_once(root)


def face_of(labeling: Any, left: str, right: str) -> np.ndarray:
    """A face in 256 x 256: skin with neck, nose, lips around an open mouth, a brow over each eye, hair over the
    forehead."""
    labels = np.zeros((256, 256), np.uint8)
    skin = labeling.face[0]
    inside = labeling.parts[labeling.parts.index("u_lip") + (1 if labeling is MAKEUP_TRANSFER else -1)]
    boxes = [
        (skin, 20, 30, 220, 225),
        ("neck", 220, 90, 250, 165),
        ("nose", 100, 115, 160, 140),
        ("hair", 20, 30, 40, 225),
    ]
    boxes += [("u_lip", 180, 100, 185, 155), (inside, 186, 100, 190, 155), ("l_lip", 191, 100, 198, 155)]
    boxes += [
        (left, 100, 80, 105, 95),
        (right, 100, 160, 105, 175),
        ("l_brow", 92, 75, 95, 100),
        ("r_brow", 92, 155, 95, 180),
    ]
    for part, top, first, bottom, last in boxes:
        labels[top : bottom + 1, first : last + 1] = labeling.parts.index(part) + 1
    return labels


class TestRegions:
    @pytest.mark.parametrize("labeling", [CELEBAMASK_HQ, MAKEUP_TRANSFER])
    @pytest.mark.parametrize("eyes", [("l_eye", "r_eye"), ("r_eye", "l_eye")])
    def test_they_are_those_of_diffam(self, labeling: Any, eyes: tuple[str, str]) -> None:
        labels = face_of(labeling, *eyes)
        before = labels.copy()
        regions = regions_from_labels(labels, labeling)
        assert np.array_equal(labels, before)
        assert tuple(regions) == MAKEUP_REGIONS
        # Rows and columns of its rebound_box: from the first - 10 to the last + 11, the end not included.
        for name, first, last in (("left eye", 80, 95), ("right eye", 160, 175)):
            box = np.zeros((256, 256), bool)
            box[100 - 10 : 105 + 11, first - 10 : last + 11] = True
            box[100:106, first : last + 1] = False  # the eyeball
            box[92:96, first - 5 : last + 6] = False  # the brow
            assert np.array_equal(regions[name], box)
        assert regions["lips"].sum() == (6 + 8) * 56
        skin = regions["skin"]
        assert skin[230, 120], "the neck"
        assert skin[130, 130], "the nose"
        assert not skin[30, 130], "hair"
        assert not skin[188, 120], "the open mouth"
        assert not skin[100, 85], "an eyeball"
        assert not skin[10, 10]
        assert np.sum(list(regions.values()), axis=0).max() == 1, "no two overlap"
        lips, eye = skin | regions["lips"], regions["left eye"] | regions["right eye"]
        assert not (lips & eye).any()

    def test_labels_are_those_of_diffam(self) -> None:
        every = np.arange(14, dtype=np.uint8)[None]
        assert [
            np.flatnonzero(MAKEUP_TRANSFER.mask(every, *parts)).tolist()
            for parts in (MAKEUP_TRANSFER.lips, MAKEUP_TRANSFER.eyes)
        ] == [[7, 9], [4, 5]]
        assert np.flatnonzero(MAKEUP_TRANSFER.mask(every, *MAKEUP_TRANSFER.face, *MAKEUP_TRANSFER.neck)).tolist() == [
            1,
            6,
            13,
        ]

    def test_an_eye_at_the_edge_and_one_that_is_not_there(self) -> None:
        labels = np.ones((256, 256), np.uint8)
        labels[2:6, 0:9] = CELEBAMASK_HQ.parts.index("r_eye") + 1
        regions = regions_from_labels(labels, CELEBAMASK_HQ)
        assert not regions["left eye"].any()
        assert regions["right eye"].sum() == 16 * 19 - 4 * 9

    def test_eyes_close_together_share_nothing(self) -> None:
        labels = np.ones((64, 64), np.uint8)
        labels[30, 30], labels[30, 32] = 4, 5
        regions = regions_from_labels(labels, CELEBAMASK_HQ)
        assert not (regions["left eye"] & regions["right eye"]).any()
        assert (regions["left eye"].sum(), regions["right eye"].sum()) == (25 - 2, 10)

    def test_they_fit_the_losses_of_the_makeup_plugin(self) -> None:
        from privacy_faces_makeup.face.regions import REGIONS

        assert REGIONS == MAKEUP_REGIONS

    def test_the_shipped_reference(self) -> None:
        labels = np.asarray(Image.open(resource("assets/references") / "XMY-060_mask.png"))
        regions = regions_from_labels(labels, MAKEUP_TRANSFER)
        columns = {name: np.flatnonzero(mask.any(0)).mean() / labels.shape[1] for name, mask in regions.items()}
        assert columns["left eye"] < columns["lips"] < columns["right eye"]
        assert all(mask.any() for mask in regions.values())

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (np.zeros((4, 4, 3), np.uint8), r"^Expected a label map of shape \(H, W\), got \(4, 4, 3\)\.$"),
            (
                np.full((4, 4), 19, np.uint8),
                r"^Expected labels from 0 to 18 \(CelebAMask-HQ\), found 19: another labeling",
            ),
        ],
    )
    def test_other_arrays_are_refused(self, labels: np.ndarray, message: str) -> None:
        with pytest.raises(LabelError, match=message):
            regions_from_labels(labels, CELEBAMASK_HQ)


def photos(people: dict[str, int]) -> list[LabelledPhoto]:
    return [
        LabelledPhoto(Path(f"{person}-{number}.jpg"), person)
        for person, count in people.items()
        for number in range(count)
    ]


class TestSplits:
    def test_80_to_20_of_each_person(self) -> None:
        split = split_by_identity(photos({"ten": 10, "five": 5, "four": 4, "three": 3, "two": 2, "one": 1}))
        counts = {
            person: [sum(photo.identity == person for photo in side) for side in (split.train, split.test)]
            for person in ("ten", "five", "four", "three", "two", "one")
        }
        assert counts == {"ten": [8, 2], "five": [4, 1], "four": [3, 1], "three": [2, 1], "two": [1, 1], "one": [1, 0]}
        assert (split.alone, split.left_out) == (["one"], {})
        assert not {photo.path for photo in split.train} & {photo.path for photo in split.test}

    def test_it_depends_on_seed_and_person_alone(self) -> None:
        everyone = photos({"a": 10, "b": 10})
        split = split_by_identity(everyone)
        assert split_by_identity(random.Random(0).sample(everyone, len(everyone))) == split
        assert split_by_identity(everyone, seed=1).test != split.test
        alone = split_by_identity(photos({"a": 10}))
        assert alone.test == [photo for photo in split.test if photo.identity == "a"]
        # Pinned, so that a split which was published stays the same: random.Random("0 a") shuffles a-0.jpg ... a-9.jpg,
        # the last two are tested.
        assert [photo.path.name for photo in alone.test] == ["a-3.jpg", "a-6.jpg"]

    def test_people_with_few_photos_are_left_out(self) -> None:
        split = split_by_identity(photos({"ten": 10, "two": 2, "one": 1}), min_photos=3)
        assert ({photo.identity for photo in split.train}, split.left_out, split.alone) == (
            {"ten"},
            {"one": 1, "two": 2},
            [],
        )
        with pytest.raises(
            DatasetError,
            match=r"^Expected people with at least 11 photos, found 2 people with at most 10\. Lower --min-photos\.$",
        ):
            split_by_identity(photos({"ten": 10, "two": 2}), min_photos=11)

    @pytest.mark.parametrize("fraction", [0.0, 1.0, 80.0])
    def test_a_share_is_between_0_and_1(self, fraction: float) -> None:
        with pytest.raises(
            DatasetError,
            match=(
                r"^Expected a share of training photos between 0 and 1, such as --train-fraction 0\.8, got "
                rf"{fraction:g}\.$"
            ),
        ):
            split_by_identity(photos({"a": 2}), fraction)

    def test_diffam(self) -> None:
        everyone = [LabelledPhoto(Path(f"{number}.jpg"), str(number)) for number in range(30000)]
        train, test = diffam_split(random.Random(0).sample(everyone, len(everyone)))
        assert (len(train), len(test)) == (1000, 1000)
        # Its code: random.seed(1234); random.shuffle(lines) of the 30,000 lines of the attribute list, then [4000:5000]
        # and [15000:16000].
        assert [photo.path.name for photo in (*train[:3], train[-1])] == [
            "10138.jpg",
            "3707.jpg",
            "11686.jpg",
            "27262.jpg",
        ]
        assert [photo.path.name for photo in (*test[:3], test[-1])] == [
            "17205.jpg",
            "21950.jpg",
            "1270.jpg",
            "12620.jpg",
        ]

    def test_diffam_on_fewer_photos(self) -> None:
        few = [LabelledPhoto(Path(f"{number}.jpg"), str(number)) for number in range(13)]
        with pytest.raises(
            DatasetError,
            match=(
                r"^Expected places within the 13 photos to train with, got 4000:5000\. .* such as --train 0:6 --test "
                r"6:13\.$"
            ),
        ):
            diffam_split(few, TRAIN, TEST)
        with pytest.raises(
            DatasetError,
            match=r"^Expected no photo on both sides, got the places 0:6 to train and 5:13 to test with\.$",
        ):
            diffam_split(few, range(6), range(5, 13))
        train, test = diffam_split(few, range(6), range(6, 13))
        assert {photo.path for photo in train + test} == {photo.path for photo in few}
        assert diffam_split(few, range(6), range(6, 13), seed=5)[0] != train


class TestLinks:
    def test_a_hard_link(self, tmp_path: Path) -> None:
        source = picture(tmp_path / "a.png")
        assert link(source, tmp_path / "b.png") == HARD
        assert (tmp_path / "b.png").samefile(source)
        assert source.stat().st_nlink == 2
        assert link(source, tmp_path / "b.png") == THERE

    def test_a_symbolic_link_where_the_file_system_has_no_hard_ones(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(source: Path, target: Path) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        source = picture(tmp_path / "a.png")
        assert link(source, tmp_path / "b.png") == SYMBOLIC
        assert (tmp_path / "b.png").is_symlink()
        assert (tmp_path / "b.png").samefile(source)
        assert link(source, tmp_path / "b.png") == THERE
        monkeypatch.setattr(os, "symlink", refuse)
        with pytest.raises(
            DatasetError,
            match=(
                r"^Could not link .*c\.png to .*a\.png: Operation not permitted\. Choose an --output on a file system "
                r"with links\.$"
            ),
        ):
            link(source, tmp_path / "c.png")

    def test_a_link_to_a_link_is_one_to_the_file(self, tmp_path: Path) -> None:
        source = picture(tmp_path / "a.png")
        (tmp_path / "b.png").symlink_to("a.png")
        (tmp_path / "deep").mkdir()
        link(tmp_path / "b.png", tmp_path / "deep/c.png")
        assert not (tmp_path / "deep/c.png").is_symlink()
        assert (tmp_path / "deep/c.png").samefile(source)

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        source, other = picture(tmp_path / "a.png"), text(tmp_path / "b.png", "mine")
        with pytest.raises(
            DatasetError, match=r"^Expected no file but a link to .*a\.png at .*b\.png, found another\. Remove it"
        ):
            link(source, other)
        assert other.read_text() == "mine\n"
        with pytest.raises(DatasetError, match=r"^Expected a file to link to at .*none\.png, found none\.$"):
            link(tmp_path / "none.png", tmp_path / "c.png")


class TestPrepareCelebA:
    def test_folders_of_links(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        told = printed(call("celeba", "--root", root, "--output", output, "--json"))
        assert told == {
            "schema": 1,
            "dataset": "celeba",
            "output": str(output),
            "links": 18,
            "new": {"hard": 18, "symbolic": 0},
            "people": 4,
            "photos": 18,
            "train": 14,
            "test": 4,
            "people_with_one_photo": 1,
            "people_left_out": 0,
            "photos_left_out": 0,
            "merged": {"train": 6, "valid": 6, "test": 6},
        }
        train, test = identity_folders(output / "train"), identity_folders(output / "test")
        assert {photo.identity for photo in train} == set(PEOPLE)
        assert {photo.identity for photo in test} == set(PEOPLE) - {"8"}
        known = {photo.path.name: photo for photo in read_celeba(root).parts["all"]}
        assert sorted(photo.path.name for photo in train + test) == sorted(known)
        for photo in train + test:
            assert photo.identity == known[photo.path.name].identity
            assert photo.path.samefile(known[photo.path.name].path)
        record = json.loads((output / RECORD).read_text())
        assert (record["finished"], record["options"]) == (True, {"train_fraction": 0.8, "seed": 0, "min_photos": 1})
        assert record["report"]["people_with_one_photo"] == 1

    def test_what_is_printed(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        lines = call("celeba", "--root", root, "--output", output, "--min-photos", 3).stdout.splitlines()
        assert lines[:7] == [
            "people: 2",
            "photos: 15",
            "train: 12",
            "test: 3",
            "people with one photo: 0",
            "people left out: 2",
            "photos left out: 3",
        ]
        assert lines[7:] == ["merged: train 6; valid 6; test 6", f"15 hard links made in {output}"]
        assert (
            call("celeba", "--root", root, "--output", output, "--min-photos", 3).stdout.splitlines()[-1]
            == f"nothing to do, all links are in {output}"
        )

    def test_a_second_run_changes_nothing(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        before = snapshot(output)
        told = printed(call("celeba", "--root", root, "--output", output, "--json"))
        assert told["new"] == {"hard": 0, "symbolic": 0}
        assert snapshot(output) == before

    def test_the_order_of_files_and_lists_does_not_matter(self, tmp_path: Path) -> None:
        celeba(tmp_path / "a")
        lines = (tmp_path / "a/identity_CelebA.txt").read_text().splitlines()
        for name in random.Random(0).sample(os.listdir(tmp_path / "a/img_align_celeba"), 18):
            picture(tmp_path / "b/img_align_celeba" / name)
        text(tmp_path / "b/identity_CelebA.txt", *random.Random(1).sample(lines, 18))
        found = []
        for root in (tmp_path / "a", tmp_path / "b"):
            call("celeba", "--root", root, "--output", root / "out", "--seed", 7)
            found.append([path.relative_to(root).as_posix() for path in sorted((root / "out").rglob("*"))])
        assert found[0] == found[1]
        first, second = (json.loads((tmp_path / name / "out" / RECORD).read_text()) for name in "ab")
        assert first["sha256"] == second["sha256"]

    def test_an_interrupted_preparation_is_finished(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root, output, whole = celeba(tmp_path / "root"), tmp_path / "out", tmp_path / "whole"
        call("celeba", "--root", root, "--output", whole)
        made = []

        def five_then_stop(source: Path, target: Path) -> str:
            if len(made) == 5:
                raise KeyboardInterrupt
            made.append(target)
            return link(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(preparing, "link", five_then_stop)
            stopped = CliRunner().invoke(
                main, ["datasets", "prepare", "celeba", "--root", str(root), "--output", str(output)]
            )
        assert stopped.exit_code == 1
        assert len(list(output.rglob("*.jpg"))) == 5
        assert json.loads((output / RECORD).read_text())["finished"] is False
        told = printed(call("celeba", "--root", root, "--output", output, "--json"))
        assert told["new"] == {"hard": 13, "symbolic": 0}
        assert sorted(path.relative_to(output) for path in output.rglob("*")) == sorted(
            path.relative_to(whole) for path in whole.rglob("*")
        )
        assert (output / RECORD).read_bytes() == (whole / RECORD).read_bytes()

    def test_one_killed_before_its_record_was_written_is_finished(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        text(output / ".privacy-faces-0123456789abcdef-00000000.partial", "{")
        assert printed(call("celeba", "--root", root, "--output", output, "--json"))["new"]["hard"] == 18

    def test_links_that_were_removed_are_made_again(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        next((output / "test").rglob("*.jpg")).unlink()
        assert printed(call("celeba", "--root", root, "--output", output, "--json"))["new"] == {
            "hard": 1,
            "symbolic": 0,
        }

    def test_the_user_may_add_metadata(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        text(output / "train/metadata.csv", "file_name,age", "3/000006.jpg,old")
        call("celeba", "--root", root, "--output", output)

    def refused(self, root: Path, output: Path, message: str, *options: object) -> None:
        before = snapshot(output)
        said = " ".join(call("celeba", "--root", root, "--output", output, *options, code=2).stderr.split())
        assert message in said
        assert snapshot(output) == before, "nothing was touched"

    def test_folders_of_others_are_not_touched(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        text(output / "thesis.txt", "mine")
        self.refused(
            root,
            output,
            f"Expected a new or empty folder, or one that was prepared before, at {output}, found another. Choose "
            "another --output.",
        )
        self.refused(root, root, "found another. Choose another --output.")
        text(output / RECORD, "[]")
        self.refused(root, output, f"Expected the record of a preparation at {output / RECORD}, found something else.")

    def test_a_folder_prepared_otherwise_is_not_mixed(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        self.refused(root, output, '"seed": 0', "--seed", 1)
        self.refused(root, output, '"train_fraction": 0.5', "--train-fraction", 0.5)
        (root / "img_align_celeba/000001.jpg").rename(root / "img_align_celeba/000099.jpg")
        for name in ("identity_CelebA.txt", "list_eval_partition.txt"):
            _replace(name, "000001.jpg", "000099.jpg")(root)
        self.refused(root, output, "found other photos. Choose another --output.")

    def test_photos_and_linked_folders_of_others_are_found(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        stranger = picture(output / "train/3/zoe.jpg")
        self.refused(
            root,
            output,
            f"Expected no photos but those of {output / RECORD} in {output}, found 1 others: train/3/zoe.jpg. Move "
            "them elsewhere.",
        )
        stranger.unlink()
        (output / "train/3").rename(tmp_path / "elsewhere")
        (output / "train/3").symlink_to(tmp_path / "elsewhere")
        self.refused(root, output, "found 1 others: train/3. Move them elsewhere.")

    def test_another_file_in_place_of_a_link_is_not_overwritten(self, tmp_path: Path) -> None:
        root, output = celeba(tmp_path / "root"), tmp_path / "out"
        call("celeba", "--root", root, "--output", output)
        place = next((output / "test").rglob("*.jpg"))
        place.unlink()
        text(place, "mine")
        self.refused(root, output, f"at {place}, found another. Remove it, or choose another --output.")

    def test_wrong_data_is_wrong_usage(self, tmp_path: Path) -> None:
        root = celeba(tmp_path / "root")
        (root / "identity_CelebA.txt").unlink()
        said = call("celeba", "--root", root, "--output", tmp_path / "out", code=2).stderr
        assert "Expected the people of the photos at" in said
        assert not (tmp_path / "out").exists()


class TestPrepareCelebAMaskHQ:
    def test_flat_folders_and_the_photos_without_masks(self, tmp_path: Path) -> None:
        root, output = celebamask_hq(tmp_path / "root"), tmp_path / "out"
        told = printed(
            call(
                "celebamask-hq",
                "--root",
                root,
                "--output",
                output,
                "--train",
                "0:7",
                "--test",
                "7:13",
                "--seed",
                3,
                "--json",
            )
        )
        data = read_celebamask_hq(root)
        left_out = told["left_out_without_masks"]
        assert {**left_out["train"], **left_out["test"]} == {"3.jpg": "no l_eye", "5.jpg": "none"}
        for side, chosen in zip(
            ("train", "test"), diffam_split(data.parts["all"], range(7), range(7, 13), 3), strict=True
        ):
            names = {photo.path.name for photo in chosen}
            assert {photo.path.name for photo in photos_below(output / side)} == names - {"3.jpg", "5.jpg"}
            assert set(left_out[side]) == names & {"3.jpg", "5.jpg"}
            assert told[side] == len(names - {"3.jpg", "5.jpg"})
            assert all(
                photo.path.samefile(root / "CelebA-HQ-img" / photo.path.name) for photo in photos_below(output / side)
            )
        before = snapshot(output)
        assert (
            "nothing to do"
            in call(
                "celebamask-hq", "--root", root, "--output", output, "--train", "0:7", "--test", "7:13", "--seed", 3
            ).stdout
        )
        assert snapshot(output) == before

    def test_names_are_printed(self, tmp_path: Path) -> None:
        root = celebamask_hq(tmp_path / "root")
        said = call(
            "celebamask-hq", "--root", root, "--output", tmp_path / "out", "--train", "0:12", "--test", "12:13"
        ).stdout
        assert "3.jpg no l_eye" in said
        assert "5.jpg none" in said

    def test_places_are_refused(self, tmp_path: Path) -> None:
        root = celebamask_hq(tmp_path / "root")
        said = " ".join(call("celebamask-hq", "--root", root, "--output", tmp_path / "out", code=2).stderr.split())
        assert "Expected places within the 13 photos to train with, got 4000:5000." in said
        said = call(
            "celebamask-hq", "--root", root, "--output", tmp_path / "out", "--train", "4000-5000", code=2
        ).stderr
        assert "expected START:STOP, such as 4000:5000, got '4000-5000'" in said


class TestPrepareLFW:
    def test_the_table_is_the_one_that_evaluate_reads(self, tmp_path: Path) -> None:
        root, table = lfw(tmp_path / "root"), tmp_path / "out/pairs.csv"
        told = printed(call("lfw", "--root", root, "--output", table, "--json"))
        assert (told["pairs"], told["same_person"], told["different_people"], told["sets"], told["written"]) == (
            8,
            4,
            4,
            2,
            True,
        )
        pairs, wanted = find_pairs(root / "lfw", root / "lfw", table), read_pairs(root)
        assert [(pair.person, pair.original, pair.protected, pair.groups) for pair in pairs] == [
            (pair.person, pair.original, pair.protected, pair.groups) for pair in wanted
        ]
        assert len({pair.name for pair in pairs}) == 8, "Ann_Ant_0001.jpg is the first photo of three pairs"
        before = snapshot(table.parent)
        assert printed(call("lfw", "--root", root, "--output", table, "--json"))["written"] is False
        assert snapshot(table.parent) == before

    def test_another_list_and_another_file(self, tmp_path: Path) -> None:
        root, table = lfw(tmp_path / "root"), tmp_path / "pairs.csv"
        said = call("lfw", "--root", root, "--output", table, "--pairs", "pairsDevTrain.txt").stdout
        assert (
            said.splitlines()[-1] == f"use it: privacy-faces evaluate {root / 'lfw'} {root / 'lfw'} --pairs {table} "
            "--no-robustness --no-attackers"
        )
        said = " ".join(call("lfw", "--root", root, "--output", table, code=2).stderr.split())
        assert (
            f"Expected no file, or the same table, at {table}, found another. Remove it, or choose another --output."
            in said
        )
        assert len(table.read_text().splitlines()) == 5
        said = " ".join(
            call(
                "lfw", "--root", root, "--output", tmp_path / "none.csv", "--folder", "lfw_funneled", code=2
            ).stderr.split()
        )
        assert "Expected one folder per person at" in said
