"""Data sets of faces: miniature trees of every layout, ways of being wrong with what is said of each, and folders of
links."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from privacy_faces.cli import main
from privacy_faces.datasets import prepare as preparing
from privacy_faces.datasets.celeba import read_celeba, split_by_identity
from privacy_faces.datasets.folder import DatasetError, LabeledPhoto, identity_folders
from privacy_faces.datasets.lfw import DIFFERENT, SAME, read_lfw, read_pairs
from privacy_faces.datasets.prepare import HARD, RECORD, SYMBOLIC, THERE, link
from privacy_faces.pipeline.layouts.pairs import find_pairs
from tests.trees import call, picture, printed, put_bytes, put_picture, remove, rename, replace, snapshot, text

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
            *(f"datasets.{name}" for name in ("celeba", "lfw", "prepare")),
        ]
        code = (
            f"import sys; import {', '.join(f'privacy_faces.{name}' for name in modules)}; assert 'torch' not in "
            "sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


CELEBA_AT = (
    r"CelebA comes from https://mmlab\.ie\.cuhk\.edu\.hk/projects/CelebA\.html: img_align_celeba\.zip \(unpacked\)"
)
WRONG = {
    # CelebA
    "no folder": (
        celeba,
        rename("", "../elsewhere"),
        read_celeba,
        rf"^Expected a folder with the people of the photos, found no folder at .*root\. {CELEBA_AT}",
    ),
    "no list of people": (
        celeba,
        remove("identity_CelebA.txt"),
        read_celeba,
        r"^Expected the people of the photos at .*root.identity_CelebA\.txt, found img_align_celeba, "
        rf"list_eval_partition\.txt in .*root\. {CELEBA_AT}",
    ),
    "not unpacked": (
        celeba,
        rename("img_align_celeba", "img_align_celeba.zip"),
        read_celeba,
        r"^Expected the aligned photos at .*img_align_celeba, found identity_CelebA\.txt, img_align_celeba\.zip, .*\. "
        r"Unpack img_align_celeba\.zip first\. ",
    ),
    "a photo too few": (
        celeba,
        remove("img_align_celeba/000004.jpg", "img_align_celeba/000011.jpg"),
        read_celeba,
        r"^Expected the 18 photos that .*identity_CelebA\.txt names in .*img_align_celeba, found 2 missing: "
        r"000004\.jpg, 000011\.jpg\. Unpack",
    ),
    "a photo too many": (
        celeba,
        put_picture("img_align_celeba/000099.jpg"),
        read_celeba,
        r"^Expected every photo of .*img_align_celeba in .*identity_CelebA\.txt, found 1 that are not: 000099\.jpg\. "
        r"Take the whole list",
    ),
    "no person": (
        celeba,
        replace("identity_CelebA.txt", "000002.jpg 17", "000002.jpg"),
        read_celeba,
        r"^Expected a photo and a person's number in line 17 of .*identity_CelebA\.txt, found '000002\.jpg'\.$",
    ),
    "a photo twice": (
        celeba,
        replace("identity_CelebA.txt", "000002.jpg 17", "000003.jpg 3"),
        read_celeba,
        r"^Expected every photo once in .*identity_CelebA\.txt, found 000003\.jpg again in line 17\.$",
    ),
    "a way out": (
        celeba,
        replace("identity_CelebA.txt", "000002.jpg", "../secret.jpg"),
        read_celeba,
        r"^Expected the 18 photos .*, found 1 missing: \.\./secret\.jpg\.",
    ),
    "a fourth split": (
        celeba,
        replace("list_eval_partition.txt", "000003.jpg 2", "000003.jpg 3"),
        read_celeba,
        r"^Expected a photo and 0, 1 or 2 in line 3 of .*list_eval_partition\.txt, found '000003\.jpg 3'\.$",
    ),
    "no text": (
        celeba,
        put_bytes("identity_CelebA.txt", b"\xff\xd8\xff\xe0"),
        read_celeba,
        r"^Expected a text file at .*identity_CelebA\.txt, found other bytes\.",
    ),
    "an empty list": (
        celeba,
        put_bytes("identity_CelebA.txt", b""),
        read_celeba,
        r"^Expected lines such as '000001\.jpg 2880' in .*identity_CelebA\.txt, found an empty file\.",
    ),
    # LFW
    "nothing at all": (
        lfw,
        remove("lfw"),
        read_lfw,
        r"^Expected one folder per person at .*lfw, found pairs\.txt, pairsDevTrain\.txt in .*\. LFW comes with "
        r"scikit-learn: python -c 'from sklearn",
    ),
    "two sets of photos": (
        lfw,
        put_picture("lfw_funneled/Ann_Ant/Ann_Ant_0001.jpg"),
        read_pairs,
        r"^Expected one folder of photos in .*, found lfw, lfw_funneled\. Choose one: --folder lfw$",
    ),
    "no header": (
        lfw,
        replace("pairs.txt", "2\t2\n", ""),
        read_pairs,
        r"^Expected the numbers of sets and of pairs, such as '10 300', or of pairs alone in the first line of "
        r".*pairs\.txt, found 'Ann_Ant\\t1\\t2'\.$",
    ),
    "a list cut short": (
        lfw,
        replace("pairs.txt", "Ann_Ant\t1\tBob_Bee\t1\n", ""),
        read_pairs,
        r"^Expected 8 pairs after the line '2\\t2' of .*pairs\.txt, found 7\.",
    ),
    "a mismatched pair for a matched one": (
        lfw,
        replace("pairs.txt", "Bob_Bee\t1\t2\n", "Bob_Bee\t1\tAnn_Ant\t2\n"),
        read_pairs,
        r"^Expected a matched pair, NAME i j, in line 6 of .*pairs\.txt, found 'Bob_Bee\\t1\\tAnn_Ant\\t2'\.$",
    ),
    "a photo that is not there": (
        lfw,
        replace("pairs.txt", "Cat_Cow\t4\t5", "Cat_Cow\t4\t12"),
        read_pairs,
        r"^Expected a person and the number of a photo in line 7 of .*pairs\.txt, found 'Cat_Cow' and '12': there is "
        r"no Cat_Cow_0012\.jpg\.$",
    ),
    "a pair's way out": (
        lfw,
        replace("pairs.txt", "Cat_Cow\t4\t5", "../../secret\t4\t5"),
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


def photos(people: dict[str, int]) -> list[LabeledPhoto]:
    return [
        LabeledPhoto(Path(f"{person}-{number}.jpg"), person)
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
            replace(name, "000001.jpg", "000099.jpg")(root)
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
