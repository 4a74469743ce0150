"""What all noise methods share: the surrogates, the goal, and where noise may lie."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from privacy_faces.plugin import (
    Context,
    Ensemble,
    FrameBatch,
    Method,
    Protection,
    Target,
    dodging_loss,
    impersonation_loss,
)
from privacy_faces_noise.attack import Attack
from privacy_faces_noise.options import FgsmOptions, NoiseOptions, TipimOptions

# Width of the soft edge inside the mask, as a share of the frame's side.
FEATHER = 0.02

#: Frames (N, 3, S, S) -> similarities (N, K) to K targets, and (N,) to the person.
Similarities = Callable[[Tensor], tuple[Tensor, Tensor]]


class Noise(Method):
    """Noise against an ensemble of surrogates, inside the face or all over the frame."""

    options: NoiseOptions

    def __init__(self, options: NoiseOptions, context: Context) -> None:
        super().__init__(options, context)
        self.surrogates = tuple(options.surrogates)
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])

    def mask(self, batch: FrameBatch) -> Tensor:
        """Where noise may lie, boolean (N, 1, S, S)."""
        face = batch.regions["face"]
        return face if self.options.region == "face" else torch.ones_like(face)

    def target(self, seed: int) -> Target | None:
        """Whom a face of this seed is to resemble, if anybody in particular."""
        return None

    @abstractmethod
    def perturbed(self, face: FrameBatch, mask: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """The frame (1, 3, S, S) of one face with noise, and details for its receipt."""

    def protect(self, batch: FrameBatch) -> Protection:
        """Frames with noise, face by face: a sign makes a whole step of the rounding that another batch size brings,
        and steps add up."""
        mask = self.mask(batch)
        faces = [self.perturbed(batch[index], mask[index : index + 1]) for index in range(len(batch.seeds))]
        return Protection(
            torch.cat([frame for frame, _ in faces]),
            mask,
            "difference",
            feather=FEATHER,
            details=[detail for _, detail in faces],
            target=[target for seed in batch.seeds if (target := self.target(seed))] or None,
        )


class GoalNoise(Noise):
    """Noise that descends one loss: away from the person, towards a target, or both. A subclass names its `attack`."""

    options: FgsmOptions
    attack: ClassVar[type[Attack]]

    def __init__(self, options: FgsmOptions, context: Context) -> None:
        super().__init__(options, context)
        self.target(seed=0)  # one that is nobody is refused before any photo is read

    def target(self, seed: int) -> Target | None:
        """The target, unless the goal is to dodge."""
        return None if self.options.goal == "dodge" else self.context.target(self.options.target, seed)

    def perturbed(self, face: FrameBatch, mask: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """One face."""
        target = self.target(face.seeds[0])
        with torch.no_grad():
            person = self.ensemble.embed(face.frames, face.landmarks)
            aim = self.ensemble.embed(target.frame[None], target.landmarks[None]) if target else None

        def loss(frames: Tensor) -> Tensor:
            seen = self.ensemble.embed(frames, face.landmarks)
            terms = []
            if self.options.goal != "impersonate":
                terms.append(dodging_loss(self.ensemble.similarity(seen, person)))
            if aim is not None:
                terms.append(impersonation_loss(self.ensemble.similarity(seen, aim)))
            return torch.stack(terms).sum(0)

        return self.attack(self.options, loss, face.frames, mask, face.generators()).run(), {}


class TargetsNoise(Noise):
    """Noise that draws towards one of several targets (TIP-IM)."""

    options: TipimOptions

    def __init__(self, options: TipimOptions, context: Context) -> None:
        super().__init__(options, context)
        self.targets = [context.target(target) for target in options.targets]
        with torch.no_grad():
            frames, places = (
                torch.stack(parts)
                for parts in zip(*((target.frame, target.landmarks) for target in self.targets), strict=True)
            )
            self.aims = self.ensemble.embed(frames, places)

    def similarities(self, face: FrameBatch) -> Similarities:
        """To the targets and to the person."""
        with torch.no_grad():
            person = self.ensemble.embed(face.frames, face.landmarks)

        def found(frames: Tensor) -> tuple[Tensor, Tensor]:
            seen = self.ensemble.embed(frames, face.landmarks)
            to_targets = torch.stack([seen[name] @ aim.T for name, aim in self.aims.items()]).mean(0)
            return to_targets, dodging_loss(self.ensemble.similarity(seen, person))

        return found
