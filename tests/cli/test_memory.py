"""The largest photos that are accepted, through the whole command: the process stays below its limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from privacy_faces.config.run import MAX_MEMORY
from privacy_faces.photos.formats.heif import AVIF_BYTES, HEIC_BYTES
from privacy_faces.photos.formats.refuse import room, sample_bytes
from tests.cli.test_fuzz import run
from tests.fuzz_files import face
from tests.photo_files import png

# Nearly all that is allowed, of each color model and depth; the face fills the photo, so that its frame is as large.
CASES = {
    "JPEG": ("RGB", 8),
    "progressive": ("RGB", 8),
    "gray": ("L", 8),
    "CMYK": ("CMYK", 8),
    "PNG": ("RGB", 8),
    "alpha": ("RGBA", 8),
    "deep": ("RGB", 16),
    "deep alpha": ("RGBA", 16),
    "TIFF": ("RGB", 8),
    "WEBP": ("RGBA", 8),
    "AVIF": ("RGB", 8),
    "AVIF alpha": ("RGBA", 8),
    "HEIC": ("RGB", 8),
}
# Bytes of a pixel that the formats' own libraries take.
MORE = {"WEBP": 2, "AVIF": AVIF_BYTES, "AVIF alpha": AVIF_BYTES, "HEIC": HEIC_BYTES}
ENDINGS = {
    "TIFF": "tif",
    "PNG": "png",
    "alpha": "png",
    "WEBP": "webp",
    "AVIF": "avif",
    "AVIF alpha": "avif",
    "HEIC": "heic",
}


def largest(root: Path, case: str) -> Path:
    mode, bits = CASES[case]
    per_pixel = sample_bytes(mode, bits // 8) + MORE.get(case, 0)
    side = int((0.97 * room(MAX_MEMORY) / per_pixel) ** 0.5)
    image = face(256).resize((side, side), Image.Resampling.NEAREST)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").point(lambda value: 255 - value // 4).resize((side, side)))
    if bits == 16:
        (root / "a.png").write_bytes(png(np.asarray(image).astype(np.uint16) * 257, mode))
        return root / "a.png"
    ending = ENDINGS.get(case, "jpg")
    options = {"compress_level": 1} if ending == "png" else {"compression": "tiff_lzw"} if ending == "tif" else {}
    options |= {"method": 0} if ending == "webp" else {"speed": 10} if ending == "avif" else {}
    if ending == "heic":
        pillow_heif.from_pillow(image).save(root / "a.heic", quality=50)
        return root / "a.heic"
    (image if mode in ("RGB", "RGBA") else image.convert(mode)).save(
        root / f"a.{ending}", progressive=case == "progressive", **options
    )
    return root / f"a.{ending}"


@pytest.mark.slow(reason="photos of up to a hundred megapixels")
@pytest.mark.parametrize("case", CASES)
def test_largest_photos_take_no_more_than_promised(case: str, tmp_path: Path) -> None:
    photo = largest(tmp_path, case)
    done = run("anonymize", photo, "--method", "blur", "--output", tmp_path / "out", "--device", "cpu", folder=tmp_path)
    assert done.status == 0, done.err
    assert done.peak < MAX_MEMORY
    print(f"{case}: {photo.stat().st_size:,} bytes, peak {done.peak:.2f} GiB")  # noqa: T201
