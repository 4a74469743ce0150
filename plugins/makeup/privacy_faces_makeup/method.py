"""The method `makeup`: adversarial makeup on any photo."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from privacy_faces.plugin import (
    Context,
    Ensemble,
    FrameBatch,
    Method,
    Protection,
    load_face_prior,
    manifest,
    records,
    sha256_of,
    verified,
)
from privacy_faces_makeup.diffusion import adapter
from privacy_faces_makeup.diffusion.latents import latents_of
from privacy_faces_makeup.diffusion.transfer import transfer
from privacy_faces_makeup.face.regions import canvas_of, exact
from privacy_faces_makeup.face.shift import SEEN, STRENGTHS, Shifting
from privacy_faces_makeup.face.style import Style, read_style
from privacy_faces_makeup.loading import load_clip, load_denoiser
from privacy_faces_makeup.losses.perceptual import make_perceptual
from privacy_faces_makeup.objective import Objective, Subject
from privacy_faces_makeup.options import MakeupOptions
from privacy_faces_makeup.pull import pull_of

# Width of the soft edge inside the mask, which itself is cut pixel by pixel, as a share of the frame's side.
_FEATHER = 0.006


class Makeup(Method):
    """Makeup transfer (DiffAM): the adapter paints the reference's makeup, steps on the photo fit it; and the face
    under it shifts away from the person."""

    options: MakeupOptions

    def __init__(self, options: MakeupOptions, context: Context) -> None:
        super().__init__(options, context)
        device = context.device
        finder = context.finder
        # Those that pull: in the shift, if there is one, and in the training of the adapter.
        helped = options.surrogates if options.shift_steps else []
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
        self.original, self._records = load_denoiser(options.model, device, options.precision)
        style = read_style(options, finder, self.original.size, device)
        adapted = chosen_adapter(options, style)
        self.painter, self.adapter_id = self.original, "none"
        if adapted is not None:
            self.painter, _ = load_denoiser(options.model, device, options.precision)
            helped = [*helped, *adapter.load(self.painter.unet, adapted).surrogates]
            self.adapter_id = adapted.name
            self._records.append({"id": adapted.name, "sha256": sha256_of(adapted)})
        self.surrogates = tuple(dict.fromkeys(helped))
        context.target(options.target)  # one that is nobody is refused before any photo is read
        self.perceptual_name, perceptual, used = make_perceptual(options.perceptual, device)
        clip, read = load_clip(options.clip, device)
        self._records += [*read, *used]
        self.objective = Objective(options, style, self.ensemble, clip, perceptual)
        self.source = style.source
        self.shifting: Shifting | None = None
        if options.shift_steps:
            reach = STRENGTHS[options.strength]
            self.pull = pull_of(self.ensemble, options.goal, context, reach.beyond, reach.beyond)
            (prior,) = verified("face-prior")
            self.shifting = Shifting(load_face_prior(prior, device), self.ensemble, reach.psnr, options.shift_steps)
            self._records += [record for record in records("face-prior") if record not in self._records]

    def protect(self, batch: FrameBatch) -> Protection:
        """Frames wearing the reference's makeup."""
        options, size = self.options, self.original.size
        small = interpolate(batch.frames, (size, size), mode="bilinear", antialias=True)
        landmarks = (batch.landmarks + 0.5) * (size / batch.frames.shape[-1]) - 0.5
        latents = latents_of(self.original, small, options.t_0, options.inversion_steps, options.generation_steps)
        targets = [self.context.target(options.target, seed) for seed in batch.seeds]
        subject = self.objective.subject(small, landmarks, targets)
        start = latents.noisy
        if self.painter is self.original and options.histogram:
            # No adapter paints: from the photo as it is, the steps would be spent on the colors.
            start = self.original.invert(
                self.objective.recolored(subject), options.t_0, options.inversion_steps, latents.condition
            )
        change = transfer(self.painter, self.objective, options, subject, latents, start)
        frames, paint = self._painted(batch, change)
        if self.shifting:
            frames = self._shifted(batch, frames, paint, subject)
        detail = {
            "reference": self.options.ref,
            "source": self.source,
            "adapter": self.adapter_id,
            "perceptual": self.perceptual_name,
        }
        return Protection(
            frames,
            batch.regions["face"],
            "replace",
            feather=_FEATHER,
            details=[detail] * len(frames),
            target=None if options.goal == "dodge" else targets,
        )

    def _painted(self, batch: FrameBatch, change: Tensor) -> tuple[Tensor, Tensor]:
        """The frames with a change (N, 3, M, M) of their colors, and where it lies: (N, 1, S, S) in [0, 1]."""
        size = batch.frames.shape[-1]
        canvas = exact(canvas_of(batch.landmarks, size), batch.frames, batch.landmarks)
        fine = interpolate(change, (size, size), mode="bicubic", align_corners=False)
        worn = canvas.wear(batch.frames, fine) if self.options.skin else canvas.paint(batch.frames, fine)
        return worn.clamp(0, 1), canvas.allowed * canvas.fine

    def _shifted(self, batch: FrameBatch, frames: Tensor, paint: Tensor, subject: Subject) -> Tensor:
        """Painted frames (N, 3, S, S) that show somebody a little different."""
        assert self.shifting
        person, target = subject.person, subject.target

        def pull(seen: Tensor, landmarks: Tensor, rows: Tensor) -> Tensor:
            return self.pull(
                seen,
                landmarks,
                {name: known[rows] for name, known in person.items()},
                {name: known[rows] for name, known in target.items()},
            )

        face = batch.regions["face"].to(frames)
        small, inside, color = (_resized(part, SEEN) for part in (frames, face, paint))
        landmarks = (batch.landmarks + 0.5) * (SEEN / frames.shape[-1]) - 0.5
        shift = self.shifting(small, landmarks, inside, color, pull, batch.generators())
        with torch.no_grad():
            return shift.wear(frames, face, paint)

    def weight_records(self) -> list[dict[str, str]]:
        """The diffusion model, CLIP, the perceptual loss, and the adapter."""
        return self._records


def _resized(pictures: Tensor, size: int) -> Tensor:
    return interpolate(pictures, (size, size), mode="bilinear", antialias=True)


def chosen_adapter(options: MakeupOptions, style: Style) -> Path | None:
    """The adapter that the options ask for.

    Raises:
        AdapterError: for a file that is no adapter, or belongs to another diffusion model.
    """
    if options.adapter == "none":
        return None
    if options.adapter != "auto":
        path = Path(options.adapter)
        if (about := adapter.read_about(path)).model != options.model:
            raise adapter.AdapterError(f"The adapter {path} changes {about.model}, and --model is {options.model}.")
        if not about.reference:
            raise adapter.AdapterError(
                f"The adapter {path} removes makeup: give it as --removal. One that paints is made by: privacy-faces "
                "finetune makeup-transfer"
            )
        if (about.t_0, about.inversion_steps, about.generation_steps) != (
            options.t_0,
            options.inversion_steps,
            options.generation_steps,
        ):
            raise adapter.AdapterError(
                f"The adapter {path} was trained with --t-0 {about.t_0} --inversion-steps {about.inversion_steps} "
                "--generation-steps "
                f"{about.generation_steps}. Found: {options.t_0}, {options.inversion_steps}, "
                f"{options.generation_steps}."
            )
        return path
    weight_id = f"makeup-adapter-{style.name.lower()}"
    if style.source != "shipped" or weight_id not in manifest():
        return None
    (path,) = verified(weight_id)
    about = adapter.read_about(path)
    fits = (about.model, about.t_0, about.generation_steps) == (options.model, options.t_0, options.generation_steps)
    return path if fits and (about.goal, about.target) in (("", ""), (options.goal, options.target)) else None
