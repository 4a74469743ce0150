"""Makeup by words: what is understood, what is refused, and what a face then wears."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kornia.color import rgb_to_lab
from privacy_faces_makeup.face.look import Look, Paint
from privacy_faces_makeup.face.references import UnknownReferenceError
from privacy_faces_makeup.face.rendering import layer_masks
from privacy_faces_makeup.face.style import Style, read_style
from privacy_faces_makeup.face.words import WordsError, look_of
from privacy_faces_makeup.options import TransferFinetuneOptions, TransferOptions

from privacy_faces.photos.detection.finder import FaceFinder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("words", "look"),
    [
        (
            "red lipstick and smoky eyes",
            Look(
                lipstick=Paint("red", 0.9, 0.3),
                eyeshadow=Paint("charcoal", 0.97, 0.3, (52, 56, 55)),
                eyeliner=Paint("black", 0.9),
            ),
        ),
        ("Purple lips and lids", Look(lipstick=Paint("purple", 0.9, 0.3), eyeshadow=Paint("purple", 0.9, 0.3))),
        # The survey's name is longer than a product's: dark teal is #014d4e.
        ("dark-teal eye shadow", Look(eyeshadow=Paint("dark teal", 0.9, 0.3, (1, 77, 78)))),
        ("lips in matte burgundy", Look(lipstick=Paint("burgundy", 0.9, 0.0, (97, 0, 35)))),
        (
            "glossy nude lips with rosy cheeks, eyeliner",
            Look(
                lipstick=Paint("nude", 0.9, 0.8, (190, 124, 108)),
                eyeliner=Paint("black", 0.9, 0.3),
                blush=Paint("rose", 0.9, 0.3),
            ),
        ),
        # The survey's soft pink, #fdb0c0, would be white lips; its dark red, #840000, is what is meant.
        ("soft pink lips", Look(lipstick=Paint("pink", 0.5, 0.3))),
        ("dark red lips", Look(lipstick=Paint("dark red", 0.9, 0.3, (132, 0, 0)))),
        ("dark lips", Look(lipstick=Paint("red", 0.97, 0.3))),
        ("soft lip gloss and powder", Look(lipstick=Paint("red", 0.5, 0.8), foundation=0.6)),
    ],
)
def test_looks_by_words(words: str, look: Look) -> None:
    assert look_of(words) == look


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("XMY-999", "the word 'xmy' is not understood"),
        ("no lipstick", "the word 'no' is not understood"),
        ("burgundy", "it does not say of what burgundy is"),
        ("red lipstick and blue", "it does not say of what blue is"),
        ("red blue lips", "it has two colors, red and blue, for one thing"),
        ("orange foundation", "foundation has the skin's color, not orange"),
        ("a makeup look", "it names nothing to put on"),
        ("", "it names nothing to put on"),
    ],
)
def test_what_is_not_understood_is_refused(words: str, why: str) -> None:
    with pytest.raises(WordsError, match=f"{why}. Words for what is put on: lipstick, lips.*dark teal.*smoky"):
        look_of(words)


def test_an_adapter_learns_one_target(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one target, which the adapter learns, found varied"):
        TransferFinetuneOptions(data=tmp_path, target="varied")


def styled(words: str, finder: FaceFinder) -> Style:
    return read_style(TransferOptions(ref=words), finder, 128, torch.device("cpu"))


def test_words_are_a_reference_with_its_bare_twin(finder: FaceFinder) -> None:
    """Lips of "dark teal" (#014d4e) end near its hue, 197 degrees in (a, b); what is not named stays to the bit."""
    style = styled("dark teal lipstick", finder)
    assert style.source == "words"
    assert style.clean is not None
    lips = layer_masks(style.landmarks[0].double().numpy(), 128)[-1] > 0.8
    _, a, b = (rgb_to_lab(style.makeup)[0] * lips).sum((1, 2)) / lips.sum()
    hue = float(torch.rad2deg(torch.atan2(b, a))) % 360
    assert hue == pytest.approx(197, abs=25)
    assert torch.equal(style.makeup[..., :50, :], style.clean[..., :50, :])


def test_neither_name_nor_file_nor_words(finder: FaceFinder) -> None:
    with pytest.raises(
        UnknownReferenceError, match=r"Unknown reference 'XMY-999'.*there is none at XMY-999.*'xmy' is not understood"
    ):
        styled("XMY-999", finder)
