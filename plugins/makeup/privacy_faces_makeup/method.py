"""The method `makeup`: adversarial makeup on any photo."""

from __future__ import annotations

from pathlib import Path

from torch.nn.functional import interpolate

from privacy_faces.plugin import Context, Ensemble, FrameBatch, Method, Protection, manifest, sha256_of, verified
from privacy_faces_makeup.diffusion import adapter
from privacy_faces_makeup.diffusion.latents import latents_of
from privacy_faces_makeup.diffusion.transfer import transfer
from privacy_faces_makeup.face.regions import closed_mask
from privacy_faces_makeup.face.style import Style, read_style
from privacy_faces_makeup.loading import load_clip, load_denoiser
from privacy_faces_makeup.losses.perceptual import make_perceptual
from privacy_faces_makeup.objective import Objective
from privacy_faces_makeup.options import MakeupOptions

# Width of the soft edge inside the mask, which itself is cut pixel by pixel, as a share of the frame's side.
_FEATHER = 0.006


class Makeup(Method):
    """Makeup transfer (DiffAM): the adapter paints the reference's makeup, steps on the photo itself fit it and turn
    the identity away."""

    options: MakeupOptions

    def __init__(self, options: MakeupOptions, context: Context) -> None:
        super().__init__(options, context)
        device = context.device
        finder = context.finder
        # Those that pull: in the steps on the photo, if there are any, and in the training of the adapter.
        helped = options.surrogates if options.steps and options.adversarial else []
        self.ensemble = Ensemble([context.recognizer(name) for name in options.surrogates])
        self.original, self._records = load_denoiser(options.model, device)
        style = read_style(options, finder, self.original.size, device)
        adapted = chosen_adapter(options, style)
        self.painter, self.adapter_id = self.original, "none"
        if adapted is not None:
            self.painter, _ = load_denoiser(options.model, device)
            helped = [*helped, *adapter.load(self.painter.unet, adapted).surrogates]
            self.adapter_id = adapted.name
            self._records.append({"id": adapted.name, "sha256": sha256_of(adapted)})
        self.surrogates = tuple(dict.fromkeys(helped))
        context.target(options.target)  # one that is nobody is refused before any photo is read
        self.perceptual_name, perceptual, used = make_perceptual(options.perceptual, device)
        clip, read = load_clip(options.clip, device)
        self._records += [*read, *used]
        self.objective = Objective(options, style, self.ensemble, clip, perceptual, context)
        self.source = style.source

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
        edited, steps = transfer(self.painter, self.objective, options, subject, latents, start, batch.generators())
        frames = batch.frames + interpolate(
            edited - small, batch.frames.shape[-2:], mode="bicubic", align_corners=False
        )
        shared = {
            "reference": self.options.ref,
            "source": self.source,
            "adapter": self.adapter_id,
            "perceptual": self.perceptual_name,
        }
        return Protection(
            frames,
            closed_mask(batch.landmarks, batch.frames.shape[-1]),
            "difference",
            feather=_FEATHER,
            details=[shared | {"steps": count} for count in steps],
            target=None if options.goal == "dodge" else targets,
        )

    def weight_records(self) -> list[dict[str, str]]:
        """The diffusion model, CLIP, the perceptual loss, and the adapter."""
        return self._records


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
