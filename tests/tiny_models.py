"""Published models' own classes, tiny and with random weights, one and the same at every run; and the hub's cache, laid
out as a download leaves it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer


def put_in_hub(hub: Path, model: Path, repository: str, revision: str, commit: str) -> Path:
    """A model in the hub's cache."""
    storage = hub / f"models--{repository.replace('/', '--')}"
    shutil.copytree(model, storage / "snapshots" / commit)
    (storage / "refs").mkdir(exist_ok=True)
    (storage / "refs" / revision).write_text(commit)
    return storage / "snapshots" / commit


def inpainting_pipeline(folder: Path, large: bool = False) -> Path:
    """A folder written by save_pretrained: the classes of Stable Diffusion inpainting 1.5, or XL (`large`), 0.2 million
    parameters."""
    tokenizer = _letters(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # XL tells its network the sizes of the picture too: six numbers in two dimensions each, beside the second text
        # encoder's 16.
        more = (
            {
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 2,
                "projection_class_embeddings_input_dim": 6 * 2 + 16,
            }
            if large
            else {}
        )
        network = UNet2DConditionModel(
            sample_size=8,
            in_channels=9,  # noise, mask, masked image
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            attention_head_dim=2,
            cross_attention_dim=32 if large else 16,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            **more,
        )
        vae = AutoencoderKL(
            block_out_channels=(
                8,
                8,
                8,
                8,
            ),  # four levels: latents are an eighth of the picture, as in the published model
            norm_num_groups=4,
            latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )
        text = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2 if large else 1,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=52,
            eos_token_id=53,
            pad_token_id=53,
            projection_dim=16,
        )
        parts = {"vae": vae, "unet": network, "tokenizer": tokenizer, "text_encoder": CLIPTextModel(text)}
        if large:
            parts |= {"tokenizer_2": tokenizer, "text_encoder_2": CLIPTextModelWithProjection(text)}
    parts["scheduler"] = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    if large:
        pipeline: Any = StableDiffusionXLInpaintPipeline(**parts)
    else:
        pipeline = StableDiffusionInpaintPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.save_pretrained(folder / "tiny")
    return folder / "tiny"


def _letters(folder: Path) -> CLIPTokenizer:
    """A tokenizer that knows letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=16)


def unet(size: int = 16, widths: tuple[int, ...] = (8, 16), **config: Any) -> UNet2DModel:
    """A whole unconditional UNet, with attention on its last level."""
    plain = len(widths) - 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DModel(
            sample_size=size,
            layers_per_block=1,
            block_out_channels=widths,
            norm_num_groups=4,
            down_block_types=(*("DownBlock2D",) * plain, "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", *("UpBlock2D",) * plain),
            **config,
        ).eval()


def ddpm(folder: Path, network: UNet2DModel | None = None, **schedule: Any) -> Path:
    """A folder written by DDPMPipeline.save_pretrained."""
    DDPMPipeline(unet=network or unet(), scheduler=DDPMScheduler(**schedule)).save_pretrained(folder)
    return folder


def tiny_unet(channels: int = 3, widths: tuple[int, int] = (8, 16), depth: int = 1) -> UNet2DModel:
    """A whole UNet of two levels for frames of 16 pixels; its weights are drawn anew, all of one seed."""
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=16,
        in_channels=3,
        out_channels=channels,
        layers_per_block=depth,
        block_out_channels=widths,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).eval()


def noise(count: int, size: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))
