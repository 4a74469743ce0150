"""The cascade of MTCNN (Zhang et al., IEEE SPL 2016) over its three networks.

It differs from facenet-pytorch's in what it keeps. There, of two boxes that share seven tenths of the smaller one, one
is dropped: a badge on somebody's forehead hides either the badge or the person. Here a box hides another only where
both show one face: they cover the same place, or their points do. And the photo is seen in strips, so that memory does
not grow with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from privacy_faces.photos.detection.turned import SAME_BOX, SAME_POINTS, SAME_SIZE
from privacy_faces.photos.faces import overlaps

Rgb = NDArray[np.uint8]
Array = NDArray[np.float32]

#: Side of the window of the first network, the least that it can see.
WINDOW = 12
_STRIDE = 2
_FACTOR = 0.709  # between two scales
_SCORES = (0.6, 0.7)  # of the first two networks; the authors' own
_BATCH = 256
_STRIP = 1 << 18  # pixels of a scaled photo that the first network sees at once


@dataclass(frozen=True)
class Found:
    """N faces: boxes (N, 4), scores (N,), and the five points of each (N, 5, 2), in pixels."""

    boxes: Array
    scores: Array
    points: Array


_NOTHING = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


class Cascade:
    """The three networks.

    Args:
        networks: proposal, refinement and output network.
        device: where they run.
    """

    def __init__(self, networks: Sequence[nn.Module], device: torch.device) -> None:
        self._proposal, self._refinement, self._output = (
            network.to(device).to(memory_format=torch.channels_last) for network in networks
        )
        self._device = device

    @torch.inference_mode()
    def find(self, rgb: Rgb, smallest: float, least: float) -> Found:
        """Upright faces of an RGB photo (H, W, 3).

        Args:
            rgb: the photo.
            smallest: side of the smallest face sought, in pixels.
            least: score below which a face is not believed.
        """
        boxes = self._proposed(rgb, smallest)
        if not len(boxes):
            return _NOTHING
        scores, moves = self._seen(self._refinement, rgb, boxes, 24)
        sure = scores > _SCORES[1]
        boxes, moves, scores = boxes[sure], moves[sure], scores[sure]
        kept = _suppressed(boxes, scores, 0.7)
        boxes = _squares(_moved(boxes[kept], moves[kept]))
        if not len(boxes):
            return _NOTHING
        scores, moves, places = self._seen(self._output, rgb, boxes, 48)
        sure = scores > least
        boxes, moves, scores = boxes[sure], moves[sure], scores[sure]
        points = places[sure].reshape(-1, 2, 5).transpose(0, 2, 1)
        points = points * (boxes[:, None, 2:] - boxes[:, None, :2] + 1) + boxes[:, None, :2] - 1
        return _each_once(Found(_moved(boxes, moves), scores, points))

    def _proposed(self, rgb: Rgb, smallest: float) -> Array:
        """The squares (N, 4) that may show a face, of all scales."""
        height, width = rgb.shape[:2]
        scale, found = WINDOW / smallest, [np.zeros((0, 9), np.float32)]
        reduced = [(1.0, rgb)]
        while scale * min(height, width) >= WINDOW:
            # From the smallest copy that is still twice as large: the photo itself may be huge.
            larger = next((copy for known, copy in reversed(reduced) if known >= 2 * scale), rgb)
            small = cv2.resize(larger, (int(width * scale + 1), int(height * scale + 1)), interpolation=cv2.INTER_AREA)
            reduced.append((scale, small))
            rows = self._windows(small, scale)
            found.append(rows[_suppressed(rows[:, :4], rows[:, 4], 0.5)])
            scale *= _FACTOR
        rows = np.concatenate(found)
        rows = rows[_suppressed(rows[:, :4], rows[:, 4], 0.7)]
        return _squares(_moved(rows[:, :4], rows[:, 5:], 0))

    def _windows(self, small: Rgb, scale: float) -> Array:
        """What the first network takes for a face in a scaled photo: its windows in the photo, scores, and how they are
        to be moved (N, 4 + 1 + 4)."""
        count = max(1, _STRIP // small.shape[1] // _STRIDE)
        found = []
        for first in range(0, (small.shape[0] - WINDOW) // _STRIDE + 1, count):
            scores, moves = self._proposal(
                self._tensor(small[None, _STRIDE * first : _STRIDE * (first + count - 1) + WINDOW])
            )
            row, column = (scores[0] >= _SCORES[0]).nonzero(as_tuple=True)
            start = torch.stack([column, row + first], 1) * _STRIDE
            found.append(
                torch.cat(
                    [
                        ((start + 1) / scale).floor(),
                        ((start + WINDOW) / scale).floor(),
                        scores[0, row, column, None],
                        moves[0, :, row, column].T,
                    ],
                    1,
                )
            )
        return np.asarray(torch.cat(found).cpu().numpy())

    def _seen(self, network: nn.Module, rgb: Rgb, boxes: Array, side: int) -> list[Array]:
        """What a network says of squares of the photo: each of its outputs (N, ...)."""
        parts = []
        for first in range(0, len(boxes), _BATCH):
            crops = [_crop(rgb, box, side) for box in boxes[first : first + _BATCH]]
            parts.append(network(self._tensor(np.stack(crops))))
        return [torch.cat(rows).cpu().numpy() for rows in zip(*parts, strict=True)]

    def _tensor(self, images: Rgb) -> torch.Tensor:
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(self._device).permute(0, 3, 1, 2)
        return (batch.float() - 127.5) * 0.0078125


def _crop(rgb: Rgb, box: Array, side: int) -> Rgb:
    """A square of the photo (side, side, 3), cut off where the photo ends; gray where it lies outside."""
    x0, y0 = np.maximum(box[:2].astype(int) - 1, 0)
    part = rgb[y0 : max(0, int(box[3])), x0 : max(0, int(box[2]))]
    if not part.size:
        return np.full((side, side, 3), 128, np.uint8)
    return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA))


def _moved(boxes: Array, moves: Array, pixel: int = 1) -> Array:
    """Boxes moved by shares of their sides; their last pixel is part of them where `pixel` is 1."""
    return np.asarray(boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2] + pixel, 2), dtype=np.float32)


def _squares(boxes: Array) -> Array:
    """The squares of the longer sides around the same centers."""
    half = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True) / 2
    center = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([center - half, center + half], axis=1)


def _suppressed(boxes: Array, scores: Array, most: float) -> NDArray[np.int64]:
    """Which boxes are left when those go that share more than `most` with a better one (intersection over union)."""
    corners = boxes.astype(float)
    rows = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
    return np.asarray(cv2.dnn.NMSBoxes(rows.tolist(), scores.tolist(), 0.0, most), dtype=np.int64)


def _each_once(found: Found) -> Found:
    """Each face once, by falling score."""
    kept: list[int] = []
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1)
    eyes = np.hypot(*(found.points[:, 1] - found.points[:, 0]).T) + 1e-6
    apart = np.abs(found.points[:, None] - found.points[None]).mean((2, 3))
    near = apart < SAME_POINTS * np.maximum(sides[:, None], sides[None])
    alike = (eyes[:, None] > SAME_SIZE * eyes[None]) & (eyes[None] > SAME_SIZE * eyes[:, None])
    same = (near & alike) | (overlaps(found.boxes, found.boxes) > SAME_BOX)
    for index in np.argsort(-found.scores, kind="stable"):
        if not same[index, kept].any():
            kept.append(int(index))
    return Found(found.boxes[kept], found.scores[kept], found.points[kept])
