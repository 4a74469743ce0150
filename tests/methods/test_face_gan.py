"""Another person laid into the photo: who is chosen, how it sits, and what stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from privacy_faces.config.options import OptionError
from privacy_faces.config.registry import INPAINTERS, METHODS
from privacy_faces.judge.thresholds import above_threshold, load_thresholds
from privacy_faces.methods.context import Context
from privacy_faces.methods.contract import FrameBatch
from privacy_faces.methods.inpainting.inpainters.donors import Donors, Person
from privacy_faces.methods.inpainting.inpainters.face_gan import FaceGan
from privacy_faces.methods.inpainting.inpainters.lay import Ground, soft
from privacy_faces.methods.inpainting.inpainters.options import STRENGTHS
from privacy_faces.models import face_attributes, face_bank
from privacy_faces.models.face_looks import COARSE, FRAME, Looks
from privacy_faces.photos.batch import to_pixels
from privacy_faces.photos.warp import displacement
from privacy_faces.weights.store import verified

SIZE = 128


@pytest.fixture(scope="module")
def gan() -> FaceGan:
    inpainter = INPAINTERS.build("face-gan", None, Context("cpu"))
    assert isinstance(inpainter, FaceGan)
    return inpainter


@pytest.fixture
def face(contract_batch: FrameBatch) -> FrameBatch:
    return contract_batch[0]


class TestDonors:
    @pytest.fixture(scope="class")
    @staticmethod
    def donors() -> Donors:
        bank = face_bank.load(verified("face-bank")[0])
        return Donors(bank, face_attributes.load(verified("face-attributes")[0]), "dlib-resnet")

    @staticmethod
    def of_the_bank(donors: Donors, row: int) -> Person:
        """A person who is face `row` of the bank."""
        looks = Looks(*(getattr(donors.looks, part)[row : row + 1] for part in ("landmarks", "tone", "coarse")))
        embedding = donors.bank.embeddings["dlib-resnet"][row % len(donors.bank)]
        return Person(looks, np.ones((COARSE, COARSE), np.float32), {"dlib-resnet": embedding}, bridge=0.0)

    def test_looks_decide_where_everybody_is_far_enough(self, donors: Donors) -> None:
        for row in (3, len(donors.bank) + 3):
            assert int(np.argmin(donors.costs(self.of_the_bank(donors, row), nearest=1e3))) == row

    def test_nobody_gets_a_face_near_the_own(self, donors: Donors) -> None:
        person = self.of_the_bank(donors, 3)
        costs = donors.costs(person, nearest=-2.0)
        nearness = np.tile(donors.nearness(person, donors.bank.embeddings), 2)
        best = np.argsort(costs)[:20]
        assert 3 not in best
        by_looks = np.argsort(donors.costs(person, nearest=1e3))[:20]
        assert nearness[best].mean() < nearness[by_looks].mean() - 1
        assert np.argsort(costs).tolist().index(3) > 20 * max(level.candidates for level in STRENGTHS.values())

    def test_women_get_faces_of_women_and_men_of_men(self, donors: Donors) -> None:
        scores = donors.kind.sex
        for sign in (-1, 1):
            (rows,) = np.nonzero(scores * sign > 0.9)
            kept = [
                scores[int(np.argmin(donors.costs(self.of_the_bank(donors, row), -2.0))) % len(donors.bank)] * sign > 0
                for row in rows[:30]
            ]
            assert np.mean(kept) >= 0.9

    def test_unsure_glasses_are_believed_where_a_line_crosses_the_nose(self, donors: Donors) -> None:
        row = int(np.argmin(np.abs(donors.kind.glasses - 0.45)))
        person = self.of_the_bank(donors, row)
        assert (donors.kind_of(person).glasses, donors.kind_of(replace(person, bridge=1.0)).glasses) == (0, 1)

    def test_nobody_gets_a_face_under_a_hat(self, donors: Donors) -> None:
        """A white cap lay like a bandage over the brows."""
        bank, row = donors.bank, 3
        assert not donors.covered[row]
        assert donors.covered.mean() < 0.25
        coarse = bank.looks.coarse.copy()
        brows = int(bank.looks.landmarks[row, 17:27, 1].min() * COARSE / FRAME)
        coarse[row, :brows] = (40, -15, -15)  # what is no skin, in Lab, less the skin's color
        capped = replace(donors, bank=replace(bank, looks=replace(bank.looks, coarse=coarse)))
        assert capped.covered[row]
        assert capped.covered[row + len(bank)]
        assert np.isinf(capped.costs(self.of_the_bank(donors, row), nearest=1e3)[row])

    def test_children_get_faces_of_children(self, donors: Donors) -> None:
        groups = donors.kind.age_group
        (rows,) = np.nonzero(groups == 0)
        kept = [
            groups[int(np.argmin(donors.costs(self.of_the_bank(donors, row), -2.0))) % len(donors.bank)] == 0
            for row in rows[:20]
        ]
        assert np.mean(kept) >= 0.6

    def test_who_is_like_the_person_is_hardly_steered(self, donors: Donors) -> None:
        """The face itself, but for a sex and glasses that are read with more certainty of a person."""
        styles, mean = donors.bank.styles, donors.bank.styles.mean(0)
        for row in (3, len(donors.bank) + 3):
            person = self.of_the_bank(donors, row)
            change = np.linalg.norm(donors.steered(np.array([row]), person) - styles[3])
            other = np.linalg.norm(donors.steered(np.array([500]), person) - styles[500])
            assert change < 0.3 * np.linalg.norm(styles[3] - mean)
            assert change < other

    def test_steered_faces_turn_to_the_persons_pose(self, donors: Donors, gan: FaceGan, context: Context) -> None:
        """Half as far from the landmarks of people who look to the side, whom few faces of the bank resemble."""
        place, bank = context.finder.landmark_model.place, donors.bank
        aside = np.argsort(bank.looks.landmarks[:, 30, 0] - bank.looks.landmarks[:, [2, 14], 0].mean(1))
        errors = []
        for row, other in zip(aside[[5, 10, -6, -11]].tolist(), (100, 200, 300, 400), strict=True):
            theirs = bank.looks.landmarks[row]
            steered = donors.steered(np.array([other]), self.of_the_bank(donors, row))
            with torch.no_grad():
                drawn = (gan.network.synthesize(torch.from_numpy(steered), FRAME)[0] + 1) / 2
            found = place(to_pixels(drawn.clamp(0, 1)))
            errors.append([np.abs(points - theirs).mean() for points in (bank.looks.landmarks[other], found)])
        before, after = np.mean(errors, axis=0)
        assert after < 0.6 * before


class TestLay:
    @staticmethod
    def parts(seed: int, tone: float = 0.5) -> torch.Tensor:
        return (tone + 0.1 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))).clamp(0, 1)

    def test_takes_the_photos_light_and_tone(self) -> None:
        still = displacement(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))[None]
        face = torch.ones(1, 1, 64, 64)
        photo = self.parts(0, 0.3) + torch.linspace(0, 0.3, 64)
        laid = Ground(photo, face).lay(self.parts(1, 0.8), still)
        for side in (slice(0, 20), slice(44, 64)):
            assert float(laid[..., side].mean()) == pytest.approx(float(photo[..., side].mean()), abs=0.02)

    def test_takes_no_color_into_a_gray_photo(self) -> None:
        still = displacement(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))[None]
        gray = self.parts(0).mean(1, keepdim=True).expand(-1, 3, -1, -1)
        laid = Ground(gray, torch.ones(1, 1, 64, 64)).lay(self.parts(1), still)
        assert float((laid - laid.mean(1, keepdim=True)).abs().max()) < 1e-4

    def test_is_no_sharper_than_the_photo(self) -> None:
        still = displacement(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))[None]
        x = torch.linspace(0, 6, 64)
        smooth = (0.5 + 0.1 * torch.sin(x)).expand(1, 3, 64, 64)
        laid = Ground(smooth, torch.ones(1, 1, 64, 64)).lay(self.parts(1), still)
        rough = (self.parts(1)[..., 1:] - self.parts(1)[..., :-1]).abs().mean()
        assert (laid[..., 1:] - laid[..., :-1]).abs().mean() < 0.6 * rough

    def test_soft_masks_stay_inside(self) -> None:
        mask = torch.zeros(1, 1, 64, 64)
        mask[..., 16:48, 16:48] = 1
        alpha = soft(mask, 2.0)
        assert (alpha[mask == 0] == 0).all()
        assert float(alpha[0, 0, 32, 32]) == pytest.approx(1, abs=1e-5)
        assert 0 < alpha[0, 0, 32, 17] < 1


class TestFill:
    def test_is_somebody_else_with_the_same_expression(self, gan: FaceGan, face: FrameBatch, context: Context) -> None:
        recognizer = context.recognizer("dlib-resnet")
        filled = gan(face, face.regions["face"])
        with torch.no_grad():
            before, after = (recognizer.embed(frames, face.landmarks)[0] for frames in (face.frames, filled))
        assert float(before @ after) < 0.9
        assert gan.surrogates == ("dlib-resnet",)
        assert {record["id"].split("/")[0] for record in gan.weight_records} >= {"face-bank", "face-attributes"}

    def test_another_seed_is_another_person(self, gan: FaceGan, face: FrameBatch) -> None:
        masks = face.regions["face"]
        first, again, other = (gan(replace(face, seeds=[seed]), masks) for seed in (1, 1, 4))
        assert torch.equal(first, again)
        assert float((first - other).abs().mean()) > 0.002

    def test_candidates_are_different_people(
        self, gan: FaceGan, face: FrameBatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A face and its mirror image were two of three."""
        tried: list[int] = []
        placed = gan._placed
        monkeypatch.setattr(gan, "_placed", lambda rows, *rest: tried.extend(rows) or placed(rows, *rest))
        gan.fill(face, face.regions["face"])
        assert len({row % len(gan.donors.bank) for row in tried}) == len(tried) > 1

    @pytest.mark.parametrize(("nearness", "chosen"), [([-2.0], 0), ([0.5, -1.5], 1), ([0.5, 0.0, 1.0], 1)])
    def test_the_next_is_tried_where_a_face_stays_near(
        self,
        gan: FaceGan,
        face: FrameBatch,
        monkeypatch: pytest.MonkeyPatch,
        nearness: list[float],
        chosen: int,
    ) -> None:
        """The first that is far enough is laid, or else the farthest."""
        tried: list[torch.Tensor] = []
        laid: list[torch.Tensor] = []

        def moved(*given: Any) -> Any:
            tried.append(given[-1].styles)
            return given[-1], nearness[len(tried) - 1]

        lay = gan._lay
        monkeypatch.setattr(gan, "_moved", moved)
        monkeypatch.setattr(gan, "_lay", lambda hole, donor: laid.append(donor.styles) or lay(hole, donor))
        gan.fill(face, face.regions["face"])
        assert len(tried) == len(nearness)
        assert torch.equal(laid[-1], tried[chosen])

    def test_black_and_white_stays(self, gan: FaceGan, face: FrameBatch) -> None:
        gray = face.frames.mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
        filled = gan(replace(face, frames=gray), face.regions["face"])
        assert float((filled - filled.mean(1, keepdim=True)).abs().max()) < 1e-4
        assert not torch.equal(filled, gray)

    @pytest.mark.slow(reason="lays several faces and descends a gradient")
    def test_strong_goes_farther_than_natural(self, gan: FaceGan, face: FrameBatch, context: Context) -> None:
        recognizer, similarity = context.recognizer("dlib-resnet"), {}
        try:
            for strength in ("natural", "strong"):
                gan.strength = strength  # type: ignore[assignment]
                with torch.no_grad():
                    before = recognizer.embed(face.frames, face.landmarks)[0]
                filled = gan(face, face.regions["face"])
                with torch.no_grad():
                    similarity[strength] = float(recognizer.embed(filled, face.landmarks)[0] @ before)
        finally:
            gan.strength = "balanced"
        assert similarity["strong"] < similarity["natural"] - 0.02

    def test_needs_a_surrogate_that_tells_sex_and_age(self, monkeypatch: pytest.MonkeyPatch) -> None:
        maps = face_attributes.load(verified("face-attributes")[0])
        monkeypatch.setattr(
            face_attributes,
            "load",
            lambda path: replace(maps, maps={"mobileface-v2": maps.maps["mobileface-v2"]}),
        )
        with pytest.raises(ValueError, match=r"\(mobileface-v2\), found dlib-resnet"):
            INPAINTERS.build("face-gan", None, Context("cpu"))


class TestMasks:
    @staticmethod
    def method(**options: object) -> object:
        context = Context("cpu", above_threshold=above_threshold(load_thresholds(), 0.001))
        spec = METHODS.spec("inpaint-random")
        values = {"inpainter": "face-gan", "frame_size": SIZE} | options
        return METHODS.build("inpaint-random", spec.option_model().validated(values, "inpaint-random"), context)

    def test_without_a_share_all_features_change(self, face: FrameBatch) -> None:
        result = self.method(fraction="auto")(face)  # type: ignore[operator]
        features = face.regions["eyes"] | face.regions["brows"] | face.regions["mouth"]
        assert (result.mask | ~features).all()
        assert result.mask.float().mean() > 0.8 * face.regions["face"].float().mean()

    def test_a_share_is_kept_exactly(self, face: FrameBatch) -> None:
        result = self.method(fraction=0.1)(face)  # type: ignore[operator]
        assert result.details[0]["mask_fraction"] == pytest.approx(0.1, abs=0.02)
        assert not (result.mask | ~face.regions["face"]).all()

    def test_a_strength_needs_an_inpainter_that_knows_it(self) -> None:
        with pytest.raises(OptionError, match="Expected no strength with the inpainter classical"):
            self.method(inpainter="classical", strength="strong")

    @staticmethod
    def squeezed(batch: FrameBatch) -> FrameBatch:
        """The first face's landmarks squeezed to a third of their width."""
        landmarks = batch.landmarks.clone()
        landmarks[0, :, 0] = SIZE / 2 + (landmarks[0, :, 0] - SIZE / 2) / 3
        return replace(batch, landmarks=landmarks)

    def test_faces_that_it_cannot_draw_are_covered_when_asked(self, contract_batch: FrameBatch) -> None:
        """A face squeezed to a third is none that the generator draws; its neighbor is."""
        batch = self.squeezed(contract_batch.take([0, 1]))
        result = self.method(fraction="auto", fallback="pixelate", strength="natural")(batch)  # type: ignore[operator]
        odd, usual = result.warnings
        assert odd.startswith("the head is turned too far")
        assert odd.endswith("its face is hidden by pixelate")
        assert usual is None
        mosaic = METHODS.build("pixelate", None, Context("cpu"))(batch.take([0]))
        assert torch.equal(result.frames[:1], mosaic.frames)
        assert torch.equal(result.mask[:1], mosaic.mask)
        assert not torch.equal(result.frames[1], batch.frames[1])

    def test_a_doubt_is_told_where_nothing_covers_it(self, face: FrameBatch) -> None:
        (told,) = self.method(fraction="auto", strength="natural")(self.squeezed(face)).warnings  # type: ignore[operator]
        assert told.endswith("look at it, or cover such faces by --fallback pixelate")
