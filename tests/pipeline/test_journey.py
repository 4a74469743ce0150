"""Whole photos: group pictures, faces that overlap or leave the picture, color models, and what the seed decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from privacy_faces.config.plan import make_plan
from privacy_faces.judge.receipt import Receipt
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import Photo
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.destination import Memory
from privacy_faces.pipeline.protect import frame_batch, paste

# (left, top, side, degrees) of five portraits in a 12-megapixel picture; the second overlaps the first and third, the
# fourth is cut by the border.
PLACES = [(100, 300, 1300, 0), (1300, 900, 900, 12), (2100, 200, 1100, -15), (3000, 1400, 1100, 0), (900, 1900, 800, 5)]


def group_photo(tiles: list[np.ndarray]) -> np.ndarray:
    """Five portraits on a noisy wall, (3000, 4000, 3)."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:3000, :4000].astype(np.float32)
    wall = np.stack(
        [120 + 40 * np.sin(columns / 300), 130 + 30 * np.cos(rows / 250), 140 + 20 * np.sin((columns + rows) / 400)], -1
    )
    canvas = Image.fromarray(np.clip(wall + random.normal(0, 6, wall.shape), 0, 255).astype(np.uint8))
    for (left, top, side, degrees), tile in zip(PLACES, tiles, strict=True):
        portrait = Image.fromarray(tile).resize((side, side), Image.Resampling.LANCZOS)
        cover = Image.new("L", portrait.size, 255).rotate(degrees)
        canvas.paste(portrait.rotate(degrees, Image.Resampling.BICUBIC), (left, top), cover)
    return np.array(canvas)


@pytest.mark.slow(reason="a 12-megapixel photo through the command, to measure its memory")
@pytest.mark.parametrize("source", ["sample", "portraits"])
def test_group_photo_of_12_megapixels(
    source: str, request: pytest.FixtureRequest, sample: np.ndarray, tmp_path: Path
) -> None:
    if source == "portraits":
        tiles = [np.array(Image.open(path).convert("RGB")) for path in request.getfixturevalue("portraits")[7::120][:5]]
    else:
        tiles = [np.ascontiguousarray(np.roll(sample[0:300, 80:380], index, axis=1)) for index in range(5)]
    photo = group_photo(tiles)
    Image.fromarray(photo).save(tmp_path / "group.png", compress_level=1)
    measured = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    command = [
        "anonymize",
        str(tmp_path / "group.png"),
        "--method",
        "inpaint-gradcam",
        "--output",
        str(tmp_path / "out"),
        "--save-masks",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", measured, sys.executable, "-m", "privacy_faces", *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 3 * 1024**2, "kilobytes: below 3 GiB"
    faces = json.loads(done.stdout)["photos"][0]["receipt"]["faces"]
    assert len(faces) == 5
    result = np.array(Image.open(tmp_path / "out" / "group.png"))
    mask = np.array(Image.open(tmp_path / "out.masks" / "group.mask.png")) > 0
    differs = (result != photo).any(-1)
    assert not (differs & ~mask).any(), "pixels outside the face masks are bit-identical"
    for face in faces:
        x0, y0, x1, y1 = (max(0, round(value)) for value in face["box"])
        assert differs[y0:y1, x0:x1].mean() > 0.2, "every face is changed"


class Kept(Memory):
    """Keeps the mask too."""

    mask: np.ndarray

    def finish(self, receipt: Receipt, original: Photo, protected: Photo, mask: np.ndarray) -> Receipt:
        self.mask = mask
        return super().finish(receipt, original, protected, mask)


def mask_of(anonymizer: Anonymizer, photo: Photo) -> np.ndarray:
    kept = Kept("photo")
    anonymizer.anonymize(photo, kept)
    return kept.mask


@pytest.fixture(scope="module")
def pixelate() -> Anonymizer:
    return Anonymizer(make_plan("pixelate"))


def test_overlapping_faces_are_both_changed(pixelate: Anonymizer, sample: np.ndarray) -> None:
    canvas = np.concatenate([sample[:260, 120:252], cv2.resize(sample[:260, 160:330], None, fx=1.0, fy=1.0)], axis=1)
    faces = pixelate.finder.find(canvas)
    kept = Kept("canvas")
    receipt = pixelate.anonymize(photo_from_array(canvas), kept)
    assert len(receipt.faces) == len(faces) >= 1
    changed = (read_photo(kept.data).rgb != canvas).any(-1)
    for face in receipt.faces:
        x0, y0, x1, y1 = (max(0, round(value)) for value in face.box)
        assert changed[y0:y1, x0:x1].mean() > 0.3


def test_of_two_overlapping_frames_the_larger_face_is_in_front(pixelate: Anonymizer, sample: np.ndarray) -> None:
    photo = photo_from_array(sample)
    (face,) = pixelate.finder.find(sample)
    small = type(face)(face.box, face.landmarks.mean(0) + (face.landmarks - face.landmarks.mean(0)) * 0.5, 1.0)
    batch = frame_batch(photo, [face, small], 256, 0, pixelate.context.device)
    both, _ = paste(photo, [face, small], batch, pixelate.method(batch))
    front, mask = paste(photo, [face], batch[0], pixelate.method(batch[0]))
    inner = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    np.testing.assert_array_equal(both.rgb[inner], front.rgb[inner])


@pytest.mark.parametrize("case", ["gray", "alpha", "sixteen", "cmyk"])
def test_color_models_survive_the_whole_way(case: str, pixelate: Anonymizer, sample: np.ndarray) -> None:
    original = photo_in(case, sample)
    kept = Kept(case)
    receipt = pixelate.anonymize(original, kept)
    result = read_photo(kept.data)
    assert (result.mode, result.native.dtype, result.format) == (original.mode, original.native.dtype, original.format)
    assert receipt.faces[0].protected
    if not original.lossy:
        np.testing.assert_array_equal(result.native[~kept.mask], original.native[~kept.mask])
    if case == "alpha":
        np.testing.assert_array_equal(result.native[..., 3], original.native[..., 3])


def photo_in(case: str, sample: np.ndarray) -> Photo:
    """The sample photo as a file of some kind."""
    if case == "sixteen":
        return Photo.from_native(sample.astype(np.uint16) * 257, "RGB", "PNG")
    if case == "gray":
        return Photo.from_native(np.array(Image.fromarray(sample).convert("L")), "L", "PNG")
    if case == "alpha":
        alpha = np.tile(np.arange(512, dtype=np.uint16) // 2, (512, 1)).astype(np.uint8)
        return Photo.from_native(np.dstack([sample, alpha]), "RGBA", "PNG")
    return read_photo(
        encode_photo(Photo.from_native(np.array(Image.fromarray(sample).convert("CMYK")), "CMYK", "TIFF"))
    )


def test_random_masks_depend_on_the_photo_and_the_seed_only(sample: np.ndarray) -> None:
    options = {"inpainter": "classical", "fraction": 0.25}  # what fills the masks does not matter
    first, second = (
        Anonymizer(make_plan("inpaint-random", options=options, run={"seed": seed, "min_face": 80})) for seed in (1, 2)
    )
    photo, other = photo_from_array(sample), photo_from_array(np.ascontiguousarray(sample[:, ::-1]))
    alone = mask_of(first, photo)
    mask_of(first, other)
    np.testing.assert_array_equal(mask_of(first, photo), alone)
    assert (mask_of(second, photo) != alone).any()


def test_photo_without_a_face(pixelate: Anonymizer) -> None:
    with pytest.raises(ValueError, match=r"no face found \(detector mtcnn\)|no face found \(detector dlib\)"):
        mask_of(pixelate, photo_from_array(np.full((300, 300, 3), 128, dtype=np.uint8)))


@pytest.mark.slow(reason="detection on sixty photos")
def test_every_face_is_found_on_sixty_portraits(portraits: list[Path], pixelate: Anonymizer) -> None:
    counts = [len(pixelate.finder.find(read_photo(path).rgb)) for path in portraits[::10][:60]]
    assert counts == [1] * 60
