"""Stable Diffusion inpainting (Rombach et al., CVPR 2022), or any other pipeline that diffusers'
AutoPipelineForInpainting knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate

from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
from privacy_faces.methods.inpainting.inpainters.options import StableDiffusionOptions
from privacy_faces.models.pretrained import networks_of
from privacy_faces.photos.batch import FrameBatch
from privacy_faces.weights.compare import WrongTensorsError
from privacy_faces.weights.places import command, place_of
from privacy_faces.weights.store import CorruptWeightError

if TYPE_CHECKING:
    from privacy_faces.methods.context import Context


class StableDiffusion(Inpainter):
    """The inpainter `stable-diffusion`. It never downloads: missing weights are an error that says how to get them."""

    options: StableDiffusionOptions

    def __init__(self, options: StableDiffusionOptions, context: Context) -> None:
        super().__init__(options, context)
        place = place_of(options.place)
        folder = place.folder
        if not (folder / "model_index.json").is_file():
            raise ValueError(
                f"Expected a diffusers pipeline (a folder with model_index.json) at {folder}. Write one with "
                "pipeline.save_pretrained."
            )
        # Imported only once the weights are known to be here: it takes seconds.
        from diffusers import AutoPipelineForInpainting

        name = {"auto": "float16" if context.device.type == "cuda" else "float32"}.get(options.dtype, options.dtype)
        dtype: torch.dtype = getattr(torch, name)
        try:
            index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
            # The safety checker answers with black pictures when it misjudges a face.
            without = {"safety_checker": None} if "safety_checker" in index else {}
            networks = networks_of(folder, index, dtype)
            pipeline = AutoPipelineForInpainting.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, **without, **networks
            )
        except (OSError, SafetensorError, json.JSONDecodeError, WrongTensorsError) as error:
            again = command(options.place) if place.commit else "pipeline.save_pretrained(FOLDER), in Python"
            raise CorruptWeightError(
                f"The pipeline {options.model!r} at {folder} is incomplete or damaged; every model in it needs its "
                ".safetensors file. "
                f"Get it again: {again}  ({error})"
            ) from error
        self.pipeline = pipeline.to(context.device)
        loaded = [name for name, component in pipeline.components.items() if component is not None]
        # diffusion_pytorch_model.fp16.safetensors and the like are variants, which are not loaded.
        files = sorted(
            path for name in loaded for path in (folder / name).glob("*.safetensors") if "." not in path.stem
        )
        self.weight_records = place.records(files)

    def fill(self, batch: FrameBatch, masks: Tensor) -> Tensor:
        """Frames painted by the pipeline at its own resolution, all faces in one batch."""
        size = (self.options.size, self.options.size)
        painted: Tensor = self.pipeline(
            prompt=[self.options.prompt] * len(batch.frames),
            image=interpolate(batch.frames, size, mode="bilinear", antialias=True),
            # A pixel of the pipeline's grid is hidden when any part of it is: where that grid is the coarser one, no
            # speck of the mask gets lost.
            mask_image=adaptive_max_pool2d(masks.float(), size),
            height=self.options.size,
            width=self.options.size,
            num_inference_steps=self.options.steps,
            guidance_scale=self.options.guidance,
            strength=self.options.strength,
            generator=batch.generators(),
            output_type="pt",
        ).images
        return interpolate(painted.float(), batch.frames.shape[-2:], mode="bilinear", antialias=True)
