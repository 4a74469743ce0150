"""Photos as phones, scanners and browsers leave them: HEIC, AVIF, gain maps, color chunks, tones; and a pipe."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pillow_heif
import pytest
from click.testing import CliRunner
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from skimage.data import astronaut

from privacy_faces.cli import main
from privacy_faces.datasets.folder import photos_below
from privacy_faces.photos.formats.icc import colors_only
from privacy_faces.photos.formats.read import photo_from_array, read_photo
from privacy_faces.photos.formats.write import encode_photo
from privacy_faces.photos.photo import PhotoError
from privacy_faces.photos.tone import keep_tone
from privacy_faces.photos.xmp import safe_xmp
from privacy_faces.pipeline.inputs import collect
from tests.photo_files import HEIGHT, RGB, SRGB, WIDTH, chunk, pixels, saved, smooth

pytestmark = pytest.mark.usefixtures("one_thread")
FACE = np.ascontiguousarray(astronaut()[:256, 100:356])


def heic(samples: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    mode = "RGBA" if samples.shape[2] == 4 else "RGB"
    image = pillow_heif.from_bytes(mode, (samples.shape[1], samples.shape[0]), samples.tobytes())
    image.save(file, quality=95, chroma=444, **options)
    return file.getvalue()


def avif(samples: np.ndarray, **options: Any) -> bytes:
    return saved(Image.fromarray(samples), "AVIF", quality=95, subsampling="4:4:4", **options)


@pytest.mark.parametrize(("make", "pixels"), [(heic, 1400), (avif, 1100)])
def test_what_their_encoders_would_take_is_counted_before_they_are_decoded(make: Any, pixels: int) -> None:
    """A photo of so many pixels squared is written as PNG with 1.5 GiB of memory, and not in these formats."""
    samples = np.full((pixels, pixels, 3), 127, np.uint8)
    read_photo(saved(Image.fromarray(samples), "PNG"), max_memory=1.5)
    with pytest.raises(PhotoError, match="--max-memory 2"):
        read_photo(make(samples), max_memory=1.5)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("make", "format"), [(heic, "HEIF"), (avif, "AVIF")])
def test_heic_and_avif_in_and_out(make: Any, format: str, mode: str) -> None:
    samples = smooth(mode)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Maker"
    photo = read_photo(make(samples, icc_profile=SRGB, exif=exif.tobytes()))
    assert (photo.format, photo.mode, photo.lossy, photo.icc_profile) == (format, mode, True, colors_only(SRGB))
    assert photo.native.shape[:2] == (WIDTH, HEIGHT), "turned as EXIF says, once"
    assert np.abs(photo.native.astype(int) - np.rot90(samples, -1)).max() <= 12
    for keep in (False, True):
        data = encode_photo(photo, keep)
        other = (AvifImageFile if format == "AVIF" else pillow_heif.HeifImageFile)(io.BytesIO(data))
        assert other.size == (HEIGHT, WIDTH)
        assert other.info["icc_profile"] == colors_only(SRGB)
        assert (other.getexif().get(ExifTags.Base.Make) == "Maker") is keep
        again = read_photo(data)
        assert np.abs(again.native.astype(int) - photo.native).max() <= 12


def test_heic_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(smooth("RGB"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r'Install it: pip install "privacy-faces\[heif\]"'):
        read_photo(data)


def test_further_pictures_of_a_jpeg_are_told(caplog: pytest.LogCaptureFixture) -> None:
    second = Image.fromarray(pixels("RGB", seed=1))
    with caplog.at_level(logging.WARNING):
        photo = read_photo(saved(RGB, "MPO", save_all=True, append_images=[second], quality=95))
    assert "further pictures (a gain map or a second view)" in caplog.text
    assert b"MPF" not in encode_photo(photo)


COLORS = {
    b"gAMA": (45455).to_bytes(4, "big"),
    b"cHRM": b"".join(number.to_bytes(4, "big") for number in (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    b"cICP": bytes((9, 16, 0, 1)),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_colors_of_a_png_mean_is_kept(dtype: Any) -> None:
    data = encode_photo(photo_from_array(pixels("RGB", dtype)))
    # After the signature and IHDR; the last is no chunk of that name, but a message.
    planted = [chunk(name, body) for name, body in COLORS.items()] + [chunk(b"sRGB", b"called Anna")]
    photo = read_photo(data[:33] + b"".join(planted) + data[33:])
    written = encode_photo(photo)
    for name, body in COLORS.items():
        assert chunk(name, body) in written
    assert b"Anna" not in written
    Image.open(io.BytesIO(written)).load()


def test_kept_xmp_promises_no_part_that_is_gone() -> None:
    packet = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:G="http://ns.google.com/photos/1.0/camera/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:I="http://ns.google.com/photos/1.0/container/item/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:n='http://ns.adobe.com/xmp/note/' hdrgm:Version="1.0"
 G:MotionPhoto="1" G:MotionPhotoPresentationTimestampUs='500' n:HasExtendedXMP="ABCD" dc:format="image/jpeg">
<C:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">
<C:Item I:Semantic="GainMap" I:Length="49035"/></rdf:li></rdf:Seq>
</C:Directory><hdrgm:GainMapMax>2.5</hdrgm:GainMapMax><dc:title>Gain</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"""
    kept = safe_xmp(packet)
    for gone in (b"hdrgm", b"Motion", b"GainMap", b"HasExtendedXMP", b"Directory"):
        assert gone not in kept
    assert b'dc:format="image/jpeg"' in kept
    assert b"<dc:title>Gain</dc:title>" in kept
    ElementTree.fromstring(kept)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_black_and_white_stays_so_and_sepia_keeps_its_tint(dtype: Any) -> None:
    top = int(np.iinfo(dtype).max)
    random = np.random.default_rng(0)
    gray = (random.random((60, 60, 1)) * [1, 1, 1]).astype(float)
    tint = np.stack([gray[..., 0] ** 0.8, gray[..., 0], gray[..., 0] ** 1.3], -1)
    changed = np.zeros((60, 60), bool)
    changed[10:40, 10:50] = True
    colored = (random.random((60, 60, 3)) * top).astype(dtype)
    for tone in (gray, tint):
        before = (tone * top + 0.5).astype(dtype)
        after = np.where(changed[..., None], colored, before)
        keep_tone(before, after, changed)
        assert np.array_equal(after[~changed], before[~changed])
        inside = after[changed] / top
        if tone is gray:
            assert (inside == inside[:, :1]).all()
        else:
            assert np.abs(inside[:, 0] - inside[:, 1] ** 0.8).max() < 0.02
            assert np.abs(inside[:, 2] - inside[:, 1] ** 1.3).max() < 0.02
        assert np.ptp(inside[:, 1]) > 0.5
    after = colored.copy()
    keep_tone((random.random((60, 60, 3)) * top).astype(dtype), after, changed)
    assert np.array_equal(after, colored), "a photo in color is left alone"


@pytest.mark.parametrize("name", ["IMG_1", "IMG_2.HIF", "photo.jpg_large", "scan.0001"])
def test_photos_are_told_by_their_content(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(heic(smooth("RGB")) if name.endswith("HIF") else saved(RGB, "JPEG"))
    (tmp_path / "in/notes").write_text("BM, but no photo")
    found = collect([tmp_path / "in"], tmp_path / "out")
    assert [job.target.name for job in found.jobs] == [name]
    assert found.ignored == [str(tmp_path / "in/notes")]
    assert [photo.path.name for photo in photos_below(tmp_path / "in")] == [name]


class TestPipe:
    def test_from_stdin_to_stdout(self) -> None:
        photo = saved(Image.fromarray(FACE), "PNG")
        done = CliRunner().invoke(main, ["anonymize", "-", "--method", "fill"], input=photo)
        assert done.exit_code == 0, done.stderr
        written = read_photo(done.stdout_bytes)
        assert written.rgb.shape == FACE.shape
        assert (written.rgb != FACE).any()

    def test_what_fails_writes_nothing(self) -> None:
        done = CliRunner().invoke(main, ["anonymize", "-", "--method", "fill"], input=b"<html>")
        assert (done.exit_code, done.stdout_bytes) == (1, b"")
        assert "-: FAILED: expected a JPEG, PNG, WebP, TIFF, BMP, HEIC or AVIF photo, found a text file" in done.stderr

    @pytest.mark.parametrize("more", [["a.jpg"], ["--output", "out"], ["--json"]])
    def test_alone_only(self, more: list[str]) -> None:
        done = CliRunner().invoke(main, ["anonymize", "-", "--method", "fill", *more], input=b"")
        assert done.exit_code == 2
        assert "reads one photo from stdin" in done.stderr
