"""Data sets that makeup uses: miniature trees of every layout, ways of being wrong with what is said of each, and
regions from label maps."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
from privacy_faces_makeup.face.references import shipped_references

from privacy_faces.datasets.folder import DatasetError, LabeledPhoto, photos_below
from tests.trees import (
    Tree,
    call,
    picture,
    printed,
    put_bytes,
    put_picture,
    put_wide,
    remove,
    rename,
    snapshot,
    text,
    write,
)


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


class TestReading:
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

    def test_readers_import_no_torch(self) -> None:
        modules = ["commands.datasets", *(f"datasets.{name}" for name in ("celebamask_hq", "makeup_transfer", "ladn"))]
        code = (
            f"import sys; import {', '.join(f'privacy_faces_makeup.{name}' for name in modules)}; "
            "assert 'torch' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


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


WRONG = {
    # CelebAMask-HQ
    "no masks": (
        celebamask_hq,
        remove("CelebAMask-HQ-mask-anno"),
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
        rename("CelebAMask-HQ-mask-anno/1/02000_skin.png", "CelebAMask-HQ-mask-anno/0/02000_skin.png"),
        read_celebamask_hq,
        r"^Expected the masks of photo 2000 in the folder 1 of .*CelebAMask-HQ-mask-anno, found 0/02000_skin\.png\.",
    ),
    "a name for a number": (
        celebamask_hq,
        put_picture("CelebA-HQ-img/ann.jpg"),
        read_celebamask_hq,
        r"^Expected photos named by number, 0\.jpg to 29999\.jpg, in .*CelebA-HQ-img, found ann\.jpg\.",
    ),
    "masks of two sizes": (
        celebamask_hq,
        put_picture("CelebAMask-HQ-mask-anno/0/00000_nose.png", 8),
        _labels_of_zero,
        r"^Expected all masks of photo 0 in one size, 16 x 16, found another in .*00000_nose\.png\.$",
    ),
    "a broken mask": (
        celebamask_hq,
        put_bytes("CelebAMask-HQ-mask-anno/0/00000_nose.png", b"\x89PNG"),
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
        remove("images/makeup/XMY-060.png", "images/makeup/vFG137.png"),
        read_makeup_transfer,
        r"^Expected photos makeup in the folder .*images.makeup, found none\. The Makeup Transfer data set is linked "
        r"from https://github\.com/wtjiang98/PSGAN",
    ),
    "SCGAN's layout": (
        makeup_transfer,
        rename("segs", "parsing"),
        read_makeup_transfer,
        r"^Expected label maps in .*segs, found .*parsing, the layout of SCGAN, whose numbers mean other parts\. Add "
        r"the original segs/",
    ),
    "a list of other photos": (
        makeup_transfer,
        write("makeup_test.txt", "makeup/vFG137.png", "non-makeup/xfsy_0001.png"),
        read_makeup_transfer,
        r"^Expected a photo of images/makeup/ in line 2 of .*makeup_test\.txt, found 'non-makeup/xfsy_0001\.png'\.$",
    ),
    "two lists": (
        makeup_transfer,
        write("non-makeup_test.txt", "non-makeup/xfsy_0001.png"),
        read_makeup_transfer,
        r"^Expected one list of photos non-makeup to test with in .*, found two, one of them non-makeup_test\.txt\. "
        r"Keep one\.$",
    ),
    "a list's way out": (
        makeup_transfer,
        write("makeup_test.txt", "makeup/../../../secret.png"),
        read_makeup_transfer,
        r"^Expected a photo of images/makeup/ in line 1 of .*makeup_test\.txt, found "
        r"'makeup/\.\./\.\./\.\./secret\.png'\.$",
    ),
    "colors for labels": (
        makeup_transfer,
        put_picture("segs/makeup/XMY-060.png", 16),
        _labels_of_first,
        r"^Expected one 8-bit label per pixel in .*XMY-060\.png, found a picture of the mode RGB: colors in place of "
        r"labels\.$",
    ),
    "labels of another photo": (
        makeup_transfer,
        put_wide("segs/makeup/XMY-060.png"),
        _labels_of_first,
        r"^Expected labels in the proportions of .*images.makeup.XMY-060\.png, 16 x 16, found 16 x 12 in "
        r".*segs.makeup.XMY-060\.png\.$",
    ),
    "labels of another labeling": (
        makeup_transfer,
        put_picture("segs/makeup/XMY-060.png", 16, "L", 17),
        _labels_of_first,
        r"XMY-060\.png: Expected labels from 0 to 13 \(Makeup Transfer\), found 17: another labeling, or a picture of "
        r"the labels\.$",
    ),
    # LADN
    "half of it": (
        ladn,
        remove("after"),
        read_ladn,
        r"^Expected the photos makeup at .*after, found before in .*\. The LADN data set is linked from "
        r"https://github\.com/wangguanzhi/LADN",
    ),
    "two layouts": (
        ladn,
        put_picture("images/makeup/1.jpg"),
        read_ladn,
        r"^Expected one pair of folders in .*, found after and before, images/makeup and images/non-makeup\. Keep one "
        r"of them\.$",
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
        labels = np.asarray(Image.open(shipped_references()["XMY-060"].mask))
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


class TestSplit:
    def test_diffam(self) -> None:
        everyone = [LabeledPhoto(Path(f"{number}.jpg"), str(number)) for number in range(30000)]
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
        few = [LabeledPhoto(Path(f"{number}.jpg"), str(number)) for number in range(13)]
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
