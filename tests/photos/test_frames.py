"""Frames, regions and paste-back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from privacy_faces.config.files import resource
from privacy_faces.photos.detection.finder import FaceFinder, largest_first, make_finder
from privacy_faces.photos.detection.turned import Placed, merged
from privacy_faces.photos.faces import Face, same_face
from privacy_faces.photos.frames import cut_frame, five_points, frame_affine, invert, scale_of, transform
from privacy_faces.photos.paste import paste_frame
from privacy_faces.photos.regions import REGIONS, region_masks

UPRIGHT = np.array([[40.0, 50.0], [80.0, 50.0], [60.0, 70.0], [45.0, 90.0], [75.0, 90.0]])


def smooth_photo(height: int, width: int) -> np.ndarray:
    """A photo without fine detail, so that resampling it changes little."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack(
        [rows * 255 / height, columns * 255 / width, 128 + 60 * np.sin(rows / 40) * np.cos(columns / 50)], -1
    ).astype(np.uint8)


def test_frame_is_the_ffhq_crop() -> None:
    # By hand: eyes 40 apart, eye to mouth 40; half side max(2 * 40, 1.8 * 40) = 80; center (60, 54); so a 160-pixel
    # frame has scale 1.
    affine = frame_affine(UPRIGHT, 160)
    np.testing.assert_allclose(affine, [[1, 0, 79.5 - 60], [0, 1, 79.5 - 54]], atol=1e-9)
    assert scale_of(frame_affine(UPRIGHT, 320)) == pytest.approx(2.0)


@pytest.mark.parametrize("degrees", [-170, -90, -30, 15, 90])
def test_frame_of_a_turned_face_is_upright(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 300], [np.sin(angle), np.cos(angle), 200]])
    places = transform(frame_affine(transform(turn, UPRIGHT), 256), transform(turn, UPRIGHT))
    np.testing.assert_allclose(places, transform(frame_affine(UPRIGHT, 256), UPRIGHT), atol=1e-6)


def test_frame_of_coinciding_points_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected five distinct facial points"):
        frame_affine(np.full((5, 2), 7.0), 256)


def test_cut_and_transform_agree_on_where_a_pixel_is() -> None:
    photo = np.zeros((200, 200, 3), dtype=np.uint8)
    photo[90, 120] = 255
    for size in (96, 160, 512):
        affine = frame_affine(UPRIGHT + 40, size)
        frame = cut_frame(photo, affine, size)[:, :, 0]
        rows, columns = np.mgrid[:size, :size]
        centroid = [(columns * frame).sum() / frame.sum(), (rows * frame).sum() / frame.sum()]
        np.testing.assert_allclose(centroid, transform(affine, np.array([120.0, 90.0])), atol=0.15)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("zoom", [0.4, 1.0, 3.7])
def test_unchanged_frame_pastes_back_as_the_photo(zoom: float, dtype: type) -> None:
    photo = smooth_photo(600, 800).astype(dtype) * (257 if dtype is np.uint16 else 1)
    affine = frame_affine(UPRIGHT * zoom + [200, 100], 256)
    frame = cut_frame(photo, affine, 256)
    pasted, changed = photo.copy(), np.zeros(photo.shape[:2], dtype=bool)
    paste_frame(pasted, changed, affine, frame, frame, np.ones((256, 256), dtype=bool), "replace", 0.02)
    unit = np.iinfo(dtype).max
    inner = np.abs(pasted.astype(float) - photo)[changed] / unit
    assert np.quantile(inner, 0.999) < 2.5 / 255
    exact = photo.copy()
    paste_frame(exact, changed, affine, frame, frame, np.ones((256, 256), dtype=bool), "difference", 0.0)
    np.testing.assert_array_equal(exact, photo)


@pytest.mark.parametrize("mode", ["replace", "difference"])
def test_pixels_outside_the_mask_stay_bit_identical(mode: str) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    affine = frame_affine(UPRIGHT * 2, 128)
    mask = np.zeros((128, 128), dtype=bool)
    mask[30:90, 40:100] = True
    frame = cut_frame(photo, affine, 128)
    pasted, changed = photo.copy(), np.zeros((400, 300), dtype=bool)
    paste_frame(pasted, changed, affine, frame, 1 - frame, mask, mode, 0.03)  # type: ignore[arg-type]
    np.testing.assert_array_equal(pasted[~changed], photo[~changed])
    assert (pasted != photo).any(-1)[changed].mean() > 0.9
    # The mask covers 60 x 60 of 128 x 128 frame pixels; its area in the photo follows from the scale.
    assert changed.sum() == pytest.approx(3600 / scale_of(affine) ** 2, rel=0.02)


def test_feather_rises_from_the_masks_edge_to_full_strength() -> None:
    photo = np.zeros((256, 256, 3), dtype=np.uint8)
    affine = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    mask = np.zeros((256, 256), dtype=bool)
    mask[50:200, 50:200] = True
    white = np.ones((256, 256, 3), dtype=np.float32)
    changed = np.zeros((256, 256), dtype=bool)
    paste_frame(photo, changed, affine, white * 0, white, mask, "replace", 4 / 256)
    # Distance 1, 2, 3, 4 of 5 from the edge, then 1.
    assert photo[128, 48:56, 0].tolist() == [0, 0, 51, 102, 153, 204, 255, 255]


def test_face_cut_by_the_border_is_changed_up_to_the_border() -> None:
    photo = smooth_photo(200, 200)
    affine = frame_affine(UPRIGHT * 2 - [60, 60], 256)
    frame = cut_frame(photo, affine, 256)
    pasted, changed = photo.copy(), np.zeros((200, 200), dtype=bool)
    paste_frame(pasted, changed, affine, frame, np.zeros_like(frame), np.ones((256, 256), dtype=bool), "replace", 0.05)
    assert (pasted[:100, 0] == 0).all(), "no soft edge along the photo's own border"


def test_face_outside_the_photo_is_no_error() -> None:
    photo = smooth_photo(64, 64)
    changed = np.zeros((64, 64), dtype=bool)
    frame = np.zeros((64, 64, 3), dtype=np.float32)
    paste_frame(
        photo, changed, frame_affine(UPRIGHT + 4000, 64), frame, frame, np.ones((64, 64), dtype=bool), "replace", 0.0
    )
    assert not changed.any()


def test_regions_lie_where_they_should(sample: np.ndarray, sample_face: Face) -> None:
    landmarks = sample_face.frame_landmarks(256)
    masks = region_masks(landmarks, 256)
    assert tuple(masks) == REGIONS
    assert 0.15 < masks["face"].mean() < 0.45
    assert masks["face"].sum() > masks["skin"].sum() > masks["eyes"].sum() > 0
    parts = [masks[name] for name in ("skin", "lips", "eyes", "brows")]
    assert (sum(part.astype(int) for part in parts) <= 1).all(), "a pixel belongs to one part at most"
    x, y = five_points(landmarks).round().astype(int).T
    assert masks["eyes"][y[0], x[0]]
    assert masks["eyes"][y[1], x[1]]
    assert masks["skin"][y[2], x[2]]
    lips = cut_frame(sample, sample_face.affine(256), 256)[masks["lips"]].mean(0)
    skin = cut_frame(sample, sample_face.affine(256), 256)[masks["skin"]].mean(0)
    assert lips[0] - lips[1] > skin[0] - skin[1], "lips are redder than skin"


@pytest.mark.parametrize("detector", ["mtcnn", "dlib"])
def test_detectors_agree_on_the_sample_face(detector: str, sample: np.ndarray, sample_face: Face) -> None:
    if detector == "mtcnn":
        pytest.importorskip("facenet_pytorch", reason="MTCNN comes with facenet-pytorch")
    (face,) = make_finder(detector).find(sample)  # type: ignore[arg-type]
    assert np.abs(face.landmarks - sample_face.landmarks).mean() < 0.06 * sample_face.eye_distance
    # Where the astronaut's eyes are, read off the picture.
    np.testing.assert_allclose(five_points(face.landmarks)[:2], [[204, 102], [247, 103]], atol=4)


def test_every_face_is_found_at_every_size_and_angle(sample: np.ndarray, finder: FaceFinder) -> None:
    import cv2

    canvas = np.full((1500, 2000, 3), 90, dtype=np.uint8)
    portrait = sample[20:260, 110:350]
    places = [(100, 100, 480, 0), (700, 150, 360, 20), (1300, 200, 240, -20), (300, 900, 120, 0), (1000, 800, 600, 10)]
    for x, y, side, degrees in places:
        turn = cv2.getRotationMatrix2D((120, 120), degrees, 1.0)
        tile = cv2.warpAffine(portrait, turn, (240, 240), borderMode=cv2.BORDER_REPLICATE)
        canvas[y : y + side, x : x + side] = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)
    faces = finder.find(canvas)
    assert len(faces) == len(places)
    widths = [face.box[2] - face.box[0] for face in faces]
    assert widths == sorted(widths, reverse=True), "largest first"


def test_finding_is_the_same_in_8_and_16_bits(sample: np.ndarray, finder: FaceFinder, sample_face: Face) -> None:
    (face,) = finder.find(sample.astype(np.uint16) * 257)
    np.testing.assert_array_equal(face.landmarks, sample_face.landmarks)


def test_same_face_needs_the_same_place(sample_face: Face) -> None:
    moved = Face(sample_face.box, sample_face.landmarks + 0.3 * sample_face.eye_distance, 1.0)
    far = Face(sample_face.box, sample_face.landmarks + 2 * sample_face.eye_distance, 1.0)
    assert same_face(sample_face, [far, moved]) is moved
    assert same_face(sample_face, [far]) is None
    assert same_face(sample_face, []) is None


def test_affine_inverse() -> None:
    affine = frame_affine(UPRIGHT, 256)
    np.testing.assert_allclose(transform(invert(affine), transform(affine, UPRIGHT)), UPRIGHT, atol=1e-9)


class TestTurnedFaces:
    @pytest.mark.parametrize("degrees", [90, 135, 180])
    def test_is_found_and_its_frame_is_upright(self, degrees: int) -> None:
        upright = np.asarray(Image.open(resource("assets/faces/004.png")).convert("RGB"))
        finder = make_finder("mtcnn")
        (expected,) = finder.find(upright)
        rgb, affine = turned(upright, degrees)
        (face,) = finder.find(rgb)
        apart = np.abs(face.landmarks - transform(affine, expected.landmarks)).mean() / expected.eye_distance
        assert apart < 0.1, "the right way up: a mirrored or inverted face would be a whole eye distance away"
        assert np.abs(face.frame(rgb, 64) - expected.frame(upright, 64)).mean() < 0.04

    def test_a_sideways_head_beside_an_upright_one(self) -> None:
        upright, other = (
            np.asarray(Image.open(resource(f"assets/faces/{name}.png")).convert("RGB")) for name in ("003", "005")
        )
        faces = make_finder("mtcnn").find(np.concatenate([upright, np.rot90(other)], 1))
        assert sorted(round(float(face.box[0]) / 256) for face in faces) == [0, 1]
        eyes = {round(float(face.box[0]) / 256): np.diff(five_points(face.landmarks)[:2], axis=0)[0] for face in faces}
        assert abs(eyes[0][1]) < 0.2 * abs(eyes[0][0]), "level"
        assert abs(eyes[1][0]) < 0.2 * abs(eyes[1][1]), "one above the other"

    @pytest.mark.parametrize("detector", ["mtcnn", "dlib"])
    def test_upright_photos_have_the_very_same_faces(self, detector: str, sample: np.ndarray) -> None:
        finder = make_finder(detector)  # type: ignore[arg-type]
        photos = [np.asarray(Image.open(resource(f"assets/faces/{name:03}.png")).convert("RGB")) for name in range(4)]
        for rgb in (sample, *photos):
            for one, other in zip(finder.find(rgb), largest_first(finder.upright(rgb)), strict=True):
                np.testing.assert_array_equal(one.landmarks, other.landmarks)
                np.testing.assert_array_equal(one.box, other.box)

    def test_a_tie_is_upright(self, sample_face: Face) -> None:
        upside_down = Face(sample_face.box, sample_face.landmarks[::-1], 1.0)
        assert merged([Placed(sample_face, 0.01)], [Placed(upside_down, 0.009)])[0].face is sample_face
        assert merged([Placed(sample_face, 0.04)], [Placed(upside_down, 0.009)])[0].face is upside_down
        assert merged([], [Placed(upside_down, 0.04)]) == []


def turned(rgb: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo turned about its middle on a gray ground, and the affine (2, 3) from old to new pixels."""
    import cv2

    height, width = rgb.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    affine = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    affine[:, 2] += [(side - width) / 2, (side - height) / 2]
    return cv2.warpAffine(rgb, affine, (side, side), borderValue=(128, 128, 128)), affine
