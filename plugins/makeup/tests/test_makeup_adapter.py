"""Adapters: nothing at first, nothing but themselves trained, the same again from a file, and refusal of all other
files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DModel
from privacy_faces_makeup.diffusion.adapter import (
    LARGEST,
    About,
    AdapterError,
    adaptable,
    attach,
    load,
    read_about,
    save,
    save_whole,
)
from privacy_faces_makeup.finetune.memory import round_frozen
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny_models import noise, tiny_unet

pytestmark = pytest.mark.usefixtures("one_thread")

ABOUT = About("tiny", "classic-red", 2, "both", "000", ["dlib-resnet", "facenet"], 50, 10, 3, 77)
WHOLE = About("tiny", "", 0, t_0=300)


@torch.no_grad()
def answer(unet: UNet2DModel) -> Tensor:
    return unet(noise(2), torch.tensor([5, 500])).sample


def adapted(unet: UNet2DModel | None = None, rank: int = 2) -> UNet2DModel:
    """A network with an adapter as training might leave it."""
    unet = unet or tiny_unet()
    attach(unet, rank)
    generator = torch.Generator().manual_seed(1)
    for weight in unet.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1, generator=generator)
    return unet


class TestAttach:
    def test_changes_nothing_at_first(self) -> None:
        unet = tiny_unet()
        before = answer(unet)
        attach(unet, 2)
        assert torch.equal(answer(unet), before)

    def test_it_alone_is_trained(self) -> None:
        unet = tiny_unet()
        original = {name: weight.clone() for name, weight in unet.named_parameters()}
        layers = [layer for layer in unet.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
        attach(unet, 2)
        trained = {name: weight for name, weight in unet.named_parameters() if weight.requires_grad}
        assert all("lora_" in name for name in trained)
        assert len(trained) == 2 * len(layers) == 2 * 51
        optimizer = torch.optim.SGD(trained.values(), 0.1)
        for _ in range(2):
            unet(noise(2), torch.tensor([5, 500])).sample.square().mean().backward()
            optimizer.step()
        assert all(weight.grad is not None and weight.grad.any() for weight in trained.values())
        after = {
            name.replace(".base_layer", ""): weight for name, weight in unet.named_parameters() if "lora_" not in name
        }
        assert after.keys() == original.keys()
        assert all(torch.equal(after[name], weight) for name, weight in original.items())

    def test_rank(self) -> None:
        unet = adapted(rank=3)
        assert {weight.shape[0] for name, weight in unet.named_parameters() if "lora_A" in name} == {3}


def test_frozen_layers_kept_in_bfloat16_answer_as_autocast_does() -> None:
    unet = adapted()
    frozen = [
        layer
        for layer in unet.modules()
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)) and not layer.weight.requires_grad
    ]
    size = sum(weight.nbytes for weight in unet.parameters())

    def trained() -> tuple[Tensor, list[Tensor]]:
        unet.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            found = unet(noise(2), torch.tensor([5, 500])).sample
        found.float().square().mean().backward()
        return found, [weight.grad.clone() for weight in unet.parameters() if weight.grad is not None]

    before, gradients = trained()
    round_frozen(unet)
    after, same = trained()
    assert torch.equal(before, after)
    assert all(torch.equal(one, other) for one, other in zip(gradients, same, strict=True))
    assert size - sum(weight.nbytes for weight in unet.parameters()) == 2 * sum(
        weight.numel() for layer in frozen for weight in layer.parameters()
    )
    assert all(weight.dtype == torch.float32 for weight in unet.parameters() if weight.requires_grad)


class TestFrozenLevels:
    def test_the_finest_levels_have_no_adapter(self) -> None:
        unet = tiny_unet()
        every, coarse = adaptable(unet), adaptable(unet, 1)
        last = len(unet.up_blocks) - 1
        left = set(every) - set(coarse)
        assert left
        assert {name.split(".")[0] if "blocks" not in name else ".".join(name.split(".")[:2]) for name in left} <= {
            "conv_in",
            "conv_out",
            "down_blocks.0",
            f"up_blocks.{last}",
            f"up_blocks.{last - 1}",  # what samples up to the finest level
        }
        seen: dict[str, tuple[int, ...]] = {}
        hooks = [
            layer.register_forward_hook(
                lambda layer, given, found, name=name: seen.__setitem__(name, tuple(found.shape))
            )
            for name, layer in unet.named_modules()
            if name in every and isinstance(layer, torch.nn.Conv2d)
        ]
        answer(unet)
        for hook in hooks:
            hook.remove()
        side = noise(2).shape[-1]
        # Of the layers that are changed, only the one that samples down reads the largest maps, and none writes them.
        assert {seen[name][-1] for name in coarse if name in seen} == {shape[-1] for shape in seen.values()} - {side}

    def test_a_file_of_them_is_put_where_it_belongs(self, tmp_path: Path) -> None:
        unet = tiny_unet()
        attach(unet, 2, adaptable(unet, 1))
        for weight in unet.parameters():
            if weight.requires_grad:
                torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(1))
        about = replace(ABOUT, frozen_levels=1)
        save(unet, about, tmp_path / "a.safetensors")
        other = tiny_unet()
        assert load(other, tmp_path / "a.safetensors") == about
        torch.testing.assert_close(answer(other), answer(unet), atol=2e-2, rtol=1e-2)  # kept in float16
        assert not torch.equal(answer(other), answer(tiny_unet()))


class TestFile:
    def test_same_again(self, tmp_path: Path) -> None:
        unet = adapted()
        save(unet, ABOUT, tmp_path / "new" / "a.safetensors")
        again = tiny_unet()
        assert load(again, tmp_path / "new" / "a.safetensors") == ABOUT
        assert read_about(tmp_path / "new" / "a.safetensors") == ABOUT
        assert not any(weight.requires_grad for weight in again.parameters())
        ours = dict(unet.named_parameters())
        for name, weight in again.named_parameters():
            assert torch.equal(weight, ours[name].half().float() if "lora_" in name else ours[name]), name
        torch.testing.assert_close(answer(again), answer(unet), atol=2e-3, rtol=0)
        assert (answer(again) - answer(tiny_unet())).abs().max() > 0.1

    def test_whole_weights_same_again(self, tmp_path: Path) -> None:
        unet = tiny_unet()
        for weight in unet.parameters():
            torch.nn.init.normal_(weight, std=0.1)
        assert save_whole(unet, WHOLE, tmp_path / "new" / "w.safetensors") == tmp_path / "new" / "w.safetensors"
        again = tiny_unet()
        assert load(again, tmp_path / "new" / "w.safetensors") == WHOLE
        assert not any(weight.requires_grad for weight in again.parameters())
        assert torch.equal(answer(again), answer(unet))

    def test_same_bytes_each_time(self, tmp_path: Path) -> None:
        save(adapted(), ABOUT, tmp_path / "first.safetensors")
        save(adapted(), ABOUT, tmp_path / "second.safetensors")
        again = tiny_unet()
        load(again, tmp_path / "first.safetensors")
        save(again, ABOUT, tmp_path / "third.safetensors")
        save_whole(tiny_unet(), WHOLE, tmp_path / "whole.safetensors")
        save_whole(tiny_unet(), WHOLE, tmp_path / "whole again.safetensors")
        first = (tmp_path / "first.safetensors").read_bytes()
        assert first == (tmp_path / "second.safetensors").read_bytes() == (tmp_path / "third.safetensors").read_bytes()
        assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "whole again.safetensors").read_bytes()

    def test_small_and_self_explaining(self, tmp_path: Path) -> None:
        save(adapted(), ABOUT, tmp_path / "a.safetensors")
        assert {tensor.dtype for tensor in load_file(tmp_path / "a.safetensors").values()} == {torch.float16}
        with safe_open(tmp_path / "a.safetensors", "pt") as file:
            assert json.loads(file.metadata()["adapter"]) == {
                "model": "tiny",
                "reference": "classic-red",
                "rank": 2,
                "goal": "both",
                "target": "000",
                "surrogates": ["dlib-resnet", "facenet"],
                "t_0": 50,
                "inversion_steps": 10,
                "generation_steps": 3,
                "steps": 77,
                "frozen_levels": 0,
            }

    def test_more_than_four_megabytes_are_refused(self, tmp_path: Path) -> None:
        assert LARGEST == 4194304
        unet = adapted(rank=600)
        tensors = [weight for name, weight in unet.named_parameters() if "lora_" in name]
        assert 2 * sum(weight.numel() for weight in tensors) > LARGEST
        with pytest.raises(
            AdapterError,
            match=r"^Expected an adapter of at most 4194304 bytes, got \d{7,} at rank 600\. Choose a lower --rank\.$",
        ):
            save(unet, About("tiny", "classic-red", 600), tmp_path / "a.safetensors")
        assert not (tmp_path / "a.safetensors").exists()


class TestRefused:
    EXPECTED = r"^Expected an adapter made by `privacy-faces finetune` at .*a\.safetensors: "

    @staticmethod
    def written(path: Path, tensors: dict[str, Tensor], about: object = None) -> Path:
        save_file(
            tensors,
            path,
            metadata=None if about is None else {"adapter": about if isinstance(about, str) else json.dumps(about)},
        )
        return path

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(AdapterError, match=self.EXPECTED):
            load(tiny_unet(), tmp_path / "a.safetensors")

    def test_no_safetensors(self, tmp_path: Path) -> None:
        (tmp_path / "a.safetensors").write_bytes(b"PK\x03\x04 surely not" * 20)
        with pytest.raises(AdapterError, match=self.EXPECTED):
            load(tiny_unet(), tmp_path / "a.safetensors")

    @pytest.mark.parametrize(
        "about", [None, "no JSON", ["tiny"], {}, {"model": "tiny"}, asdict(ABOUT) | {"color": "red"}, 7]
    )
    def test_foreign_safetensors(self, tmp_path: Path, about: object) -> None:
        path = self.written(tmp_path / "a.safetensors", {"conv.weight": torch.zeros(2)}, about)
        with pytest.raises(AdapterError, match=self.EXPECTED):
            load(tiny_unet(), path)

    OTHERS = pytest.mark.parametrize(
        "other", [{"widths": (16, 16)}, {"channels": 6}, {"depth": 2}], ids=["wider", "six", "deeper"]
    )

    @OTHERS
    def test_another_network(self, tmp_path: Path, other: dict[str, object]) -> None:
        for made, used in ((other, {}), ({}, other)):
            save(adapted(tiny_unet(**made)), ABOUT, tmp_path / "a.safetensors")
            with pytest.raises(
                AdapterError, match=r"^The adapter .*a\.safetensors was made for tiny, and does not fit this network: "
            ):
                load(tiny_unet(**used), tmp_path / "a.safetensors")

    @OTHERS
    def test_whole_weights_of_another_network(self, tmp_path: Path, other: dict[str, object]) -> None:
        for made, used in ((other, {}), ({}, other)):
            save_whole(tiny_unet(**made), WHOLE, tmp_path / "a.safetensors")
            with pytest.raises(
                AdapterError, match=r"^The adapter .*a\.safetensors was made for tiny, and does not fit this network: "
            ):
                load(tiny_unet(**used), tmp_path / "a.safetensors")

    @pytest.mark.parametrize("change", ["too few", "too many"])
    def test_tensors_missing_or_unknown(self, tmp_path: Path, change: str) -> None:
        """A network of the same widths with fewer layers, or with more."""
        save(adapted(), ABOUT, tmp_path / "whole.safetensors")
        tensors = load_file(tmp_path / "whole.safetensors")
        if change == "too few":
            tensors = {name: value for name, value in tensors.items() if "mid_block" not in name}
        else:
            tensors["mid_block.resnets.7.conv1.lora_A.weight"] = torch.zeros(2, 16, 3, 3, dtype=torch.float16)
        path = self.written(tmp_path / "a.safetensors", tensors, asdict(ABOUT))
        with pytest.raises(AdapterError, match=r"was made for tiny, and does not fit this network: .*mid_block\."):
            load(tiny_unet(), path)
