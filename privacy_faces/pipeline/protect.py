"""From the faces of a photo to the frames that a method sees, and from its frames back into the photo."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from privacy_faces.methods.contract import Protection
from privacy_faces.photos.batch import FrameBatch, frame_tensors
from privacy_faces.photos.faces import Face, lies_inside
from privacy_faces.photos.paste import paste_frame
from privacy_faces.photos.photo import Photo
from privacy_faces.photos.regions import region_masks
from privacy_faces.photos.tone import keep_tone


def frame_batch(photo: Photo, faces: Sequence[Face], size: int, seed: int, device: torch.device) -> FrameBatch:
    """What a method sees of the faces of a photo.

    Args:
        photo, faces: N faces of it.
        size: side S of the frames.
        seed: of the run; a face's own seed comes from it, the photo's pixels and the face's number.
        device: where the frames are put.
    """
    frames, landmarks = frame_tensors(photo, faces, size, device)
    masks = [region_masks(places.double().cpu().numpy(), size) for places in landmarks]
    regions = {
        name: torch.from_numpy(np.stack([mask[name] for mask in masks]))[:, None].to(frames.device) for name in masks[0]
    }
    pixels = hashlib.sha256(np.ascontiguousarray(photo.rgb).data).hexdigest()
    seeds = [
        int.from_bytes(hashlib.sha256(f"{seed}:{pixels}:{index}".encode()).digest()[:7], "little")
        for index in range(len(faces))
    ]
    return FrameBatch(frames, landmarks, regions, seeds)


def paste(
    photo: Photo, faces: Sequence[Face], batch: FrameBatch, protection: Protection
) -> tuple[Photo, NDArray[np.bool_]]:
    """The photo with every protected frame in its place, and the mask (H, W) of the pixels that may have changed.

    Small faces go first: where two overlap, the larger one is most likely in front. One that lies inside another, as on
    a badge, is in front of it.
    """
    rgb = photo.rgb.copy()
    changed = np.zeros(rgb.shape[:2], dtype=bool)
    size = batch.frames.shape[-1]
    original, protected = (frames.permute(0, 2, 3, 1).cpu().numpy() for frames in (batch.frames, protection.frames))
    masks = protection.mask[:, 0].cpu().numpy()
    inside = [any(lies_inside(face, other) for other in faces if other is not face) for face in faces]
    for index in sorted(range(len(faces)), key=lambda index: (inside[index], -index)):
        paste_frame(
            rgb,
            changed,
            faces[index].affine(size),
            original[index],
            protected[index],
            masks[index],
            protection.paste,
            protection.feather,
        )
    keep_tone(photo.rgb, rgb, changed)
    return photo.with_rgb(rgb), changed
