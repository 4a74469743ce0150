"""DiffAM's two published diffusion models as diffusers' `UNet2DModel`, which computes the same under other names.

`CELEBA_HQ` is celeba_hq.ckpt, in the names of ermongroup/ddim: the CelebA-HQ model of DDPM (Ho et al., NeurIPS 2020).
`MAKEUP` is makeup.pt, in the names of openai/guided-diffusion (Dhariwal and Nichol, NeurIPS 2021). Both predict the
noise in frames (N, 3, 256, 256) in [-1, 1] at steps 0..999; the last three of makeup.pt's six channels are its learnt
variance.

A layout says where the published file keeps each tensor of the `UNet2DModel`. It is asked for all of them, so that none
is left out and none left over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DModel
from torch import Tensor

from privacy_faces.plugin import WrongTensorsError, compare_tensors, first_of

#: A pattern in diffusers' name, and what the published name has in its place; a function is given the numbers in the
#: pattern's groups.
Rule = tuple[str, str | Callable[..., str]]


@dataclass(frozen=True)
class Layout:
    """The names and shapes of one published file.

    Attributes:
        file: what it is called.
        mark: a tensor that files of other layouts do not have.
        config: arguments of the `UNet2DModel`.
        rules: diffusers' name -> published name; each is applied to what those before it made.
        kernel: what follows (out, in) in the shape of an attention's weights, which are convolutions in the file and
            linear layers in diffusers.
        fused: whether an attention's queries, keys and values are one tensor in the file, head after head: q, k, v of
            the first, q, k, v of the second.
    """

    file: str
    mark: str
    config: Mapping[str, Any]
    rules: Sequence[Rule]
    kernel: tuple[int, ...]
    fused: bool

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Compare names and shapes with the published ones.

        Raises:
            WrongTensorsError: when a tensor is missing, unknown or of another shape; the first three of each are named.
        """
        wanted = {self._published(name): self._published_shape(name, shape) for name, shape in self._shapes().items()}
        compare_tensors(tensors, wanted, self.file)

    def convert(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state dict of the `UNet2DModel`, float32; where nothing need be computed it shares the given tensors'
        memory.

        Raises:
            WrongTensorsError: as `check`.
        """
        self.check(tensors)
        return {
            name: self._part(name, tensors[self._published(name)]).reshape(shape).float()
            for name, shape in self._shapes().items()
        }

    def build(self) -> UNet2DModel:
        """The architecture on the device "meta": shapes without memory."""
        with torch.device("meta"):
            return UNet2DModel(**self.config)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in self.build().state_dict().items()}

    def _published(self, name: str) -> str:
        for pattern, given in self.rules:
            if match := re.search(pattern, name):
                name = (
                    name[: match.start()]
                    + (given if isinstance(given, str) else given(*map(int, match.groups())))
                    + name[match.end() :]
                )
        return name

    def _published_shape(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.fused and _QKV.search(name):
            shape = (3 * shape[0], *shape[1:])
        return shape + self.kernel if ".attentions." in name and len(shape) == 2 else shape

    def _part(self, name: str, tensor: Tensor) -> Tensor:
        if self.fused and (match := _QKV.search(name)):
            return tensor.reshape(-1, 3, self.config["attention_head_dim"], *tensor.shape[1:])[:, "qkv".index(match[1])]
        return tensor


_QKV = re.compile(r"\.to_([qkv])\.")

# Six levels, of which the fifth, 16 x 16, has attention.
_COMMON: dict[str, Any] = {
    "sample_size": 256,
    "in_channels": 3,
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "norm_num_groups": 32,
}

CELEBA_HQ = Layout(
    file="celeba_hq.ckpt",
    mark="temb.dense.0.weight",
    config=_COMMON
    | {
        "out_channels": 3,
        "layers_per_block": 2,
        "down_block_types": (*("DownBlock2D",) * 4, "AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *("UpBlock2D",) * 4),
        "attention_head_dim": None,  # one head
        "downsample_padding": 0,  # to diffusers: a row of zeros below and a column on the right only
        "norm_eps": 1e-6,
        # The embedding of t: sines before cosines, and frequencies down to 1 / 10000 itself.
        "flip_sin_to_cos": False,
        "freq_shift": 1,
    },
    rules=(
        (r"^time_embedding\.linear_(\d)", lambda number: f"temb.dense.{number - 1}"),
        (r"^mid_block\.resnets\.(\d)", lambda layer: f"mid.block_{layer + 1}"),
        (r"^mid_block\.attentions\.0", "mid.attn_1"),
        (r"^conv_norm_out", "norm_out"),
        (r"^down_blocks", "down"),
        # Levels are counted from the finest on the way up, too.
        (r"^up_blocks\.(\d)", lambda level: f"up.{5 - level}"),
        (r"\.resnets\.", ".block."),
        (r"\.attentions\.", ".attn."),
        (r"samplers\.0", "sample"),
        (r"\.time_emb_proj", ".temb_proj"),
        (r"\.conv_shortcut", ".nin_shortcut"),
        (r"\.group_norm", ".norm"),
        (r"\.to_out\.0", ".proj_out"),
        (r"\.to_", "."),
    ),
    kernel=(1, 1),
    fused=False,
)

MAKEUP = Layout(
    file="makeup.pt",
    mark="time_embed.0.weight",
    config=_COMMON
    | {
        "out_channels": 6,
        "layers_per_block": 1,
        # Residual blocks change the resolution; with attention, diffusers knows such a level by its sampler's type.
        "down_block_types": (*("ResnetDownsampleBlock2D",) * 4, "AttnDownBlock2D", "ResnetDownsampleBlock2D"),
        "up_block_types": ("ResnetUpsampleBlock2D", "AttnUpBlock2D", *("ResnetUpsampleBlock2D",) * 4),
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "attention_head_dim": 64,
        "resnet_time_scale_shift": "scale_shift",
        "attn_norm_num_groups": 32,  # of the middle, whose attention would otherwise have no norm beside "scale_shift"
        "norm_eps": 1e-5,
        # Cosines before sines, and frequencies down to just above 1 / 10000.
        "flip_sin_to_cos": True,
        "freq_shift": 0,
    },
    # A level has two numbers on the way down, its residual block and its sampler, after number 0, the first
    # convolution. On the way up it has two again, both residual blocks; the sampler closes the second, behind the
    # attention where there is one.
    rules=(
        (r"^conv_in", "input_blocks.0.0"),
        (r"^time_embedding\.linear_(\d)", lambda number: f"time_embed.{2 * number - 2}"),
        (r"^down_blocks\.(\d)\.resnets\.0", lambda level: f"input_blocks.{2 * level + 1}.0"),
        (r"^down_blocks\.(\d)\.attentions\.0", lambda level: f"input_blocks.{2 * level + 1}.1"),
        (r"^down_blocks\.(\d)\.downsamplers\.0", lambda level: f"input_blocks.{2 * level + 2}.0"),
        (r"^mid_block\.resnets\.(\d)", lambda layer: f"middle_block.{2 * layer}"),
        (r"^mid_block\.attentions\.0", "middle_block.1"),
        (r"^up_blocks\.(\d)\.resnets\.(\d)", lambda level, layer: f"output_blocks.{2 * level + layer}.0"),
        (r"^up_blocks\.(\d)\.attentions\.(\d)", lambda level, layer: f"output_blocks.{2 * level + layer}.1"),
        (r"^up_blocks\.(\d)\.upsamplers\.0", lambda level: f"output_blocks.{2 * level + 1}.{2 if level == 1 else 1}"),
        (r"^conv_norm_out", "out.0"),
        (r"^conv_out", "out.2"),
        (r"\.norm1", ".in_layers.0"),
        (r"\.conv1", ".in_layers.2"),
        (r"\.time_emb_proj", ".emb_layers.1"),
        (r"\.norm2", ".out_layers.0"),
        (r"\.conv2", ".out_layers.3"),
        (r"\.conv_shortcut", ".skip_connection"),
        (r"\.group_norm", ".norm"),
        (r"\.to_[qkv]\.", ".qkv."),
        (r"\.to_out\.0", ".proj_out"),
    ),
    kernel=(1,),
    fused=True,
)


def recognize(tensors: Mapping[str, Tensor]) -> Layout:
    """The layout to which these tensors' names belong; it may still find them incomplete.

    Raises:
        WrongTensorsError: when they belong to none.
    """
    for layout in (CELEBA_HQ, MAKEUP):
        if layout.mark in tensors:
            return layout
    known = " or ".join(f"{layout.file} (which has {layout.mark!r})" for layout in (CELEBA_HQ, MAKEUP))
    raise WrongTensorsError(
        f"Expected the tensors of {known}, found {len(tensors)} tensors ({first_of(list(tensors))})."
    )


def load_ddpm(tensors: Mapping[str, Tensor]) -> UNet2DModel:
    """The network of a published file: float32, in evaluation mode, frozen. Its `config` says what it is; it may share
    the given tensors' memory.

    Raises:
        WrongTensorsError: when the tensors are those of no published file.
    """
    layout = recognize(tensors)
    network = layout.build()
    network.load_state_dict(layout.convert(tensors), assign=True)
    return network.eval().requires_grad_(False)
