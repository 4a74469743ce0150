"""What happens to photos on their way: real operations of Pillow and OpenCV on the written file, each with the place
where it moves a face to."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from privacy_faces.photos.faces import to_uint8

Affine = NDArray[np.float64]
Rgb = NDArray[np.uint8] | NDArray[np.uint16]

# Share of the side that "crop" takes away at each edge.
_CROPPED = 0.06
# The longest side that a social network keeps; smaller photos are reduced by a quarter instead, so that something
# happens to them too.
_KEPT, _REDUCED = 1080, 0.75


@dataclass(frozen=True)
class Operation:
    """Something that happens to a picture.

    Attributes:
        summary: what is done.
        apply: an 8-bit RGB picture -> the picture after it.
        corner: share of the width and height at which the new picture begins.
    """

    summary: str
    apply: Callable[[Image.Image], Image.Image]
    corner: float = 0.0

    def __call__(self, rgb: Rgb) -> tuple[NDArray[np.uint8], Affine]:
        """The picture (H', W', 3) after the operation, and the affine (2, 3) from old to new pixel coordinates."""
        before = Image.fromarray(np.ascontiguousarray(to_uint8(rgb)))
        after = self.apply(before)
        kept = 1 - 2 * self.corner
        scale = np.array([after.width / (before.width * kept), after.height / (before.height * kept)])
        start = self.corner * np.array([before.width, before.height])
        # Pixels are centered on integers: x' = (x + 1/2 - start) * scale - 1/2.
        return np.asarray(after), np.column_stack([np.diag(scale), (0.5 - start) * scale - 0.5])


def through_jpeg(image: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    """Encoded and decoded; subsampling 2 is 4:2:0, as cameras and networks write."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(buffer).convert("RGB")


def _scaled(image: Image.Image, scale: float, how: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), how)


def _half_and_back(image: Image.Image) -> Image.Image:
    return _scaled(image, 0.5).resize(image.size, Image.Resampling.BICUBIC)


def _median(image: Image.Image) -> Image.Image:
    return Image.fromarray(cv2.medianBlur(np.asarray(image), 3))


def _cropped(image: Image.Image) -> Image.Image:
    # The box need not lie on whole pixels: the face lies exactly where `corner` says.
    width, height = image.size
    box = (_CROPPED * width, _CROPPED * height, (1 - _CROPPED) * width, (1 - _CROPPED) * height)
    return image.resize((round(box[2] - box[0]), round(box[3] - box[1])), Image.Resampling.BICUBIC, box)


def _screenshot(image: Image.Image) -> Image.Image:
    shown = _scaled(image, 0.8, Image.Resampling.BILINEAR)
    return through_jpeg(ImageEnhance.Color(shown).enhance(1.05), 90, 0)


def _network(image: Image.Image) -> Image.Image:
    longest = max(image.size)
    return through_jpeg(_scaled(image, _KEPT / longest if longest > _KEPT else _REDUCED), 75)


def _messenger(image: Image.Image) -> Image.Image:
    small = _scaled(through_jpeg(image, 85), 0.5, Image.Resampling.BILINEAR)
    return through_jpeg(small.filter(ImageFilter.UnsharpMask(1, 60, 2)), 60)


OPERATIONS: Mapping[str, Operation] = {
    "jpeg-95": Operation("JPEG, quality 95", lambda image: through_jpeg(image, 95)),
    "jpeg-75": Operation("JPEG, quality 75", lambda image: through_jpeg(image, 75)),
    "jpeg-50": Operation("JPEG, quality 50", lambda image: through_jpeg(image, 50)),
    "half-size": Operation("reduced to half its size and enlarged again", _half_and_back),
    "gaussian-blur": Operation(
        "Gaussian blur, standard deviation 1 pixel", lambda image: image.filter(ImageFilter.GaussianBlur(1))
    ),
    "median-blur": Operation("median of 3 x 3 pixels", _median),
    "crop": Operation(f"{_CROPPED:.0%} cut off at each edge, the face found and aligned anew", _cropped, _CROPPED),
    "brightness": Operation("30 % brighter", lambda image: ImageEnhance.Brightness(image).enhance(1.3)),
    "screenshot": Operation("shown at 80 %, colors 5 % stronger, saved as JPEG 90 without subsampling", _screenshot),
    "social-network": Operation(f"reduced to {_KEPT} pixels (smaller photos to {_REDUCED:.0%}), JPEG 75", _network),
    "messenger": Operation("JPEG 85, half its size, sharpened, JPEG 60", _messenger),
}
