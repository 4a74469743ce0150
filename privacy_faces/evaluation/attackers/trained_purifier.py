"""A purifier that was trained on photos of other people, before and after the protection (PuFace, Wen, arXiv
2406.02253, 2024).

As there, the network sees protected and unprotected photos alike, the change of the protected ones amplified, and is to
return the photo before, by the picture and by a recognizer's features. It is small and trained for minutes: one that is
trained for longer, on more people, may recover more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from diffusers import UNet2DModel
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from privacy_faces.judge.observations import Observer
from privacy_faces.recognizers.ensemble import Ensemble

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.float64]

#: Fewer people would leave too few to learn from.
LEAST_PEOPLE = 10
STEPS = 150
_FOLDS = 2
_SIDE = 128
# Of a map of half the side, with four pixels in each position.
_WIDTHS = (24, 48, 96)
_BATCH, _LEARNING_RATE = 4, 2e-3
# The change is amplified up to so many times; the weight of the features beside the picture.
_AMPLIFIED, _FEATURES = 2.0, 0.2


class Pairs(NamedTuple):
    """The place (M,) of each protected frame among those before, and whether it lies pixel on pixel on it (M,): the
    others teach nothing."""

    rows: NDArray[np.int64]
    placed: NDArray[np.bool_]


class Purifier(nn.Module):
    """A U-Net that begins as the identity."""

    def __init__(self) -> None:
        super().__init__()
        levels = len(_WIDTHS)
        self.network = UNet2DModel(
            sample_size=_SIDE // 2,
            in_channels=12,
            out_channels=12,
            layers_per_block=1,
            block_out_channels=_WIDTHS,
            down_block_types=("DownBlock2D",) * levels,
            up_block_types=("UpBlock2D",) * levels,
            norm_num_groups=4,
        )
        nn.init.zeros_(self.network.conv_out.weight)
        nn.init.zeros_(self.network.conv_out.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """Purified frames (N, 3, 128, 128) in [0, 1]."""
        change: Tensor = self.network(pixel_unshuffle(2 * frames - 1, 2), 0).sample
        return (frames + pixel_shuffle(change, 2)).clamp(0, 1)


def purified_by_others(
    before: Frames,
    after: Frames,
    pairs: Pairs,
    landmarks: Landmarks,
    people: Sequence[str],
    observer: Observer,
    steps: int,
) -> tuple[Frames, Frames]:
    """Photos before (N) and after (M), each purified by a network that saw no photo of its person.

    Args:
        before, after: frames (N, S, S, 3) and (M, S, S, 3).
        pairs: which belong together.
        landmarks: (N, 68, 2) of the frames before, in their pixels.
        people: N names, of at least two people.
        observer: has the recognizers whose features count, and the store that keeps the networks.
        steps: of each training.
    """
    from sklearn.model_selection import GroupKFold

    names = np.asarray(people, dtype=str)
    clean, protected = before.copy(), after.copy()
    for training, _ in GroupKFold(_FOLDS).split(before, groups=names):
        known = np.isin(names, names[training])
        learned = np.flatnonzero(known[pairs.rows] & pairs.placed)
        targets = pairs.rows[learned]
        network = _trained(before[targets], after[learned], landmarks[targets], observer, steps)
        others = ~known[pairs.rows]
        clean[~known], protected[others] = _purified(network, before[~known]), _purified(network, after[others])
    return clean, protected


def _trained(before: Frames, after: Frames, landmarks: Landmarks, observer: Observer, steps: int) -> Purifier:
    """A purifier trained on pairs (K, S, S, 3) with the same landmarks (K, 68, 2), or the one that was."""
    digest = hashlib.sha256(f"{steps} {observer.ensemble.names} {torch.__version__}".encode())
    for array in (before, after, landmarks):
        digest.update(np.ascontiguousarray(array).data)
    key = f"trained-purifier {digest.hexdigest()}"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Purifier()
        if (known := observer.store.get(key)) is not None:
            network.load_state_dict(load(known))
        elif len(before):
            points = torch.from_numpy(landmarks * _SIDE / before.shape[1]).float()
            device = observer.device
            pictures = _small(before).to(device), _small(after).to(device)
            _train(network.to(device), *pictures, points.to(device), observer.ensemble, steps)
            observer.store.put(key, save(network.cpu().state_dict()))
    return network.eval()


def _train(network: Purifier, before: Tensor, after: Tensor, landmarks: Tensor, ensemble: Ensemble, steps: int) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), _LEARNING_RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(before), (_BATCH,))
        target = before[chosen]
        # From 0, an unprotected photo, to a change twice as large.
        much = _AMPLIFIED * torch.rand(_BATCH, 1, 1, 1).to(target)
        found = network((target + much * (after[chosen] - target)).clamp(0, 1))
        with torch.no_grad():
            wanted = ensemble.embed(target, landmarks[chosen])
        alike = ensemble.similarity(ensemble.embed(found, landmarks[chosen]), wanted)
        features = torch.stack([1 - each.mean() for each in alike.values()]).mean()
        loss = (found - target).abs().mean() + _FEATURES * features
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()


@torch.no_grad()
def _purified(network: Purifier, frames: Frames) -> Frames:
    """Frames (N, S, S, 3) through the network."""
    parts = [np.zeros_like(frames[:0])]
    for start in range(0, len(frames), _BATCH):
        part = frames[start : start + _BATCH]
        found = interpolate(network(_small(part)), part.shape[1:3], mode="bicubic", align_corners=False).clamp(0, 1)
        parts.append((found * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


def _small(frames: Frames) -> Tensor:
    """(N, 3, 128, 128) in [0, 1]."""
    tensors = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    return interpolate(tensors, (_SIDE, _SIDE), mode="bilinear", antialias=True, align_corners=False)
