"""Painted makeup: where it goes, what color it is, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from kornia.color import rgb_to_lab
from PIL import Image
from privacy_faces_makeup.face.look import (
    COLORS,
    LIPSTICK_COLORS,
    Look,
    Paint,
    caption,
    captions,
    random_claims,
    random_look,
    satisfies,
)
from privacy_faces_makeup.face.rendering import makeup_mask, render
from skimage.draw import polygon2mask

from privacy_faces.methods.contract import FrameBatch
from privacy_faces.photos.detection.finder import FaceFinder
from privacy_faces.photos.faces import Face
from privacy_faces.photos.regions import region_masks
from privacy_faces.testing import batch_of

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 192
EVERYTHING = Look(Paint("purple", 1.0, 0.5), Paint("blue", 1.0, 1.0), Paint("black", 1.0), Paint("rose", 1.0), 1.0)
# A man with dark skin, a woman with light skin, a woman with glasses.
PEOPLE = ("tim-scott", "abigail-spanberger", "marcia-fudge")


@pytest.fixture(scope="module")
def astronaut_face(sample: np.ndarray, sample_face: Face) -> FrameBatch:
    return batch_of([sample], [sample_face], SIZE, [0])


@pytest.fixture(scope="module")
def people(shared_data: Path, finder: FaceFinder) -> FrameBatch:
    rgbs = [np.asarray(Image.open(shared_data / "portraits" / name / "0.jpg").convert("RGB")) for name in PEOPLE]
    return batch_of(rgbs, [finder.find(rgb)[0] for rgb in rgbs], SIZE, list(range(len(rgbs))))


def worn(faces: FrameBatch, look: Look, seed: int = 0) -> torch.Tensor:
    return render(faces.frames, faces.landmarks, [look] * len(faces.frames), [seed] * len(faces.frames))


def lab_of(color: tuple[int, int, int]) -> torch.Tensor:
    return rgb_to_lab(torch.tensor(color).view(1, 3, 1, 1) / 255).flatten()


def lips(faces: FrameBatch, index: int) -> torch.Tensor:
    """The lips without their rim, where paint and skin mix."""
    mask = torch.from_numpy(region_masks(faces.landmarks[index].double().numpy(), SIZE)["lips"]).float()[None]
    return -torch.nn.functional.max_pool2d(-mask, 3, 1, 1)[0] > 0


def test_the_empty_look_changes_nothing(astronaut_face: FrameBatch) -> None:
    assert Look().is_bare
    assert torch.equal(worn(astronaut_face, Look()), astronaut_face.frames)
    assert not makeup_mask(astronaut_face.landmarks[0].double().numpy(), Look(), SIZE).any()


def test_a_seed_gives_one_picture_alone_and_in_a_batch(astronaut_face: FrameBatch) -> None:
    alone = worn(astronaut_face, EVERYTHING, seed=3)
    assert torch.equal(alone, worn(astronaut_face, EVERYTHING, seed=3))
    assert not torch.equal(alone, worn(astronaut_face, EVERYTHING, seed=4))
    frames, places = astronaut_face.frames.repeat(3, 1, 1, 1), astronaut_face.landmarks.repeat(3, 1, 1)
    batch = render(frames, places, [Look(), EVERYTHING, Look(lipstick=Paint("red"))], [1, 3, 1])
    torch.testing.assert_close(batch[1:2], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "look",
    [
        EVERYTHING,
        *(Look(**{item: Paint(next(iter(COLORS[item])))}, foundation=0.0) for item in COLORS),
        Look(foundation=1.0),
    ],
)
def test_only_the_mask_is_touched(astronaut_face: FrameBatch, look: Look) -> None:
    changed = (worn(astronaut_face, look) != astronaut_face.frames).any(1)[0]
    mask = torch.from_numpy(makeup_mask(astronaut_face.landmarks[0].double().numpy(), look, SIZE))
    assert not changed[~mask].any()
    assert changed[mask].float().mean() > 0.8
    assert mask.float().mean() < 0.4


@pytest.mark.parametrize("color", LIPSTICK_COLORS)
def test_lips_get_the_lipsticks_color_on_dark_and_light_skin(people: FrameBatch, color: str) -> None:
    """At full opacity, the lips' median (a, b) goes half of the way to the product's at least, and their lightness a
    third; wet highlights stay white."""
    before = rgb_to_lab(people.frames)
    after = rgb_to_lab(worn(people, Look(lipstick=Paint(color, 1.0))))
    goal = lab_of(LIPSTICK_COLORS[color])
    for index in range(len(PEOPLE)):
        was, now = (lab[index][:, lips(people, index)].median(1).values for lab in (before, after))
        assert (now - goal)[1:].norm() <= max(0.5 * float((was - goal)[1:].norm()), 6)
        assert abs(now - goal)[0] <= max(0.67 * float(abs(was - goal)[0]), 6)


def test_lips_keep_their_texture(people: FrameBatch) -> None:
    after = worn(people, Look(lipstick=Paint("red", 1.0)))
    for index in range(len(PEOPLE)):
        inside = lips(people, index)
        lightness = torch.stack([rgb_to_lab(frames)[index, 0][inside] for frames in (people.frames, after)])
        assert torch.corrcoef(lightness)[0, 1] > 0.6


def test_eyeballs_and_open_mouths_stay_clean(people: FrameBatch) -> None:
    after = worn(
        people, Look(eyeshadow=Paint("green", 1.0, 1.0), eyeliner=Paint("black", 1.0), lipstick=Paint("black", 1.0))
    )
    for index in range(len(PEOPLE)):
        places = people.landmarks[index].double().numpy()
        for outline in (places[36:42], places[42:48], places[60:68]):
            center = outline.mean(0)
            inside = torch.from_numpy(polygon2mask((SIZE, SIZE), (center + 0.8 * (outline - center))[:, ::-1]))
            assert inside.any()
            assert torch.equal(after[index][:, inside], people.frames[index][:, inside])


def test_eyeshadow_colors_the_lids(people: FrameBatch) -> None:
    for color in ("blue", "green"):
        look = Look(eyeshadow=Paint(color, 1.0))
        shift = rgb_to_lab(worn(people, look)) - rgb_to_lab(people.frames)
        goal = lab_of(COLORS["eyeshadow"][color])[1:]
        for index in range(len(PEOPLE)):
            mask = torch.from_numpy(makeup_mask(people.landmarks[index].double().numpy(), look, SIZE))
            towards = (shift[index, 1:][:, mask] * (goal / goal.norm())[:, None]).sum(0)
            assert towards.mean() > 4


def test_gloss_adds_light_to_the_lips(astronaut_face: FrameBatch) -> None:
    matt, glossy = (worn(astronaut_face, Look(lipstick=Paint("red", 1.0, gloss))) for gloss in (0.0, 1.0))
    assert (glossy - matt).amax() > 0.05
    assert (rgb_to_lab(glossy) - rgb_to_lab(matt))[:, 0].amin() > -0.5


def test_foundation_evens_the_skin(people: FrameBatch) -> None:
    after = worn(people, Look(foundation=1.0))
    for index in range(len(PEOPLE)):
        places = people.landmarks[index].double().numpy()
        # The forehead: wrinkles at the cheeks are meant to stay.
        x, y = (places[21:23].mean(0) + 0.5 * (places[27] - places[30])).round().astype(int)
        patches = [rgb_to_lab(frames)[index, 0, y - 6 : y + 7, x - 6 : x + 7] for frames in (people.frames, after)]
        rough = [(patch[1:, 1:] + patch[:-1, :-1] - patch[1:, :-1] - patch[:-1, 1:]).std() for patch in patches]
        assert rough[1] < 0.7 * rough[0]


def test_render_names_the_shape_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Expected frames \(N, 3, S, S\), found \(1, 1, 8, 8\)"):
        render(torch.zeros(1, 1, 8, 8), torch.zeros(1, 68, 2), [Look()], [0])
    with pytest.raises(ValueError, match=r"2 looks and 2 seeds for 2 frames, found \(2, 68, 2\), 1 looks and 2 seeds"):
        render(torch.zeros(2, 3, 8, 8), torch.zeros(2, 68, 2), [Look()], [0, 1])


def test_looks_name_what_is_wrong() -> None:
    with pytest.raises(
        ValueError, match="Expected one of the lipstick colors red, pink, purple, orange, brown, black, found 'gold'"
    ):
        Look(lipstick=Paint("gold"))
    with pytest.raises(ValueError, match=r"Expected opacity in \[0, 1\], found 1.5"):
        Paint("red", 1.5)


def test_claims_say_what_is_true() -> None:
    assert Look().claims() == {"makeup": False}
    assert EVERYTHING.claims() == {
        "makeup": True,
        "eyeliner": True,
        "blush": True,
        "eyeshadow": "blue",
        "lipstick": "purple",
    }
    assert satisfies(EVERYTHING, {"makeup": True, "lipstick": True, "eyeshadow": "blue"})
    assert not satisfies(EVERYTHING, {"makeup": True, "lipstick": "red"})
    assert not satisfies(Look(lipstick=Paint("red")), {"makeup": True, "eyeshadow": True})
    assert not satisfies(Look(lipstick=Paint("red")), {"makeup": False})


def test_random_looks_satisfy_what_is_said_of_them() -> None:
    generator = torch.Generator().manual_seed(0)
    looks = [random_look(generator) for _ in range(100)]
    said = [random_claims(look, generator) for look in looks]
    assert all(satisfies(look, claims) for look, claims in zip(looks, said, strict=True))
    assert {"makeup": True} in said
    assert max(len(claims) for claims in said) >= 4
    assert {look.lipstick.color for look in looks if look.lipstick} == set(LIPSTICK_COLORS)
    assert looks[:5] == [random_look(again) for again in [torch.Generator().manual_seed(0)] for _ in range(5)]


def test_captions() -> None:
    assert captions({"makeup": True})[0] == "face with makeup"
    assert captions({"makeup": False})[0] == "face without makeup"
    assert {"a bare face without makeup", "a person with no makeup on"} <= set(captions({"makeup": False}))
    assert "a person wearing red lipstick" in captions({"makeup": True, "lipstick": "red"})
    spoken = captions({"makeup": True, "lipstick": "purple", "eyeshadow": "blue"})
    assert {
        "a photo of a face with purple lipstick and blue eyeshadow",
        "face with blue eye shadow and purple lipstick",
    } <= set(spoken)
    assert "face with red lipstick, eyeliner and blush" in captions(
        {"makeup": True, "lipstick": "red", "eyeliner": True, "blush": True}
    )
    assert caption({"makeup": False}, torch.Generator().manual_seed(0)) in captions({"makeup": False})
