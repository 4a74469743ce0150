"""Weights: a complete manifest, one door through which files are read, and no file that can change unseen or run
code."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file

from privacy_faces.config.files import resource
from privacy_faces.models.pretrained import whole_network
from privacy_faces.weights import manifest as manifest_module
from privacy_faces.weights.hub import hub_snapshot
from privacy_faces.weights.manifest import UnknownWeightError, Weight, WeightFile, manifest, package_folder, weight
from privacy_faces.weights.places import place_of
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import (
    CorruptWeightError,
    MissingWeightError,
    add,
    cache_folder,
    is_present,
    pull,
    records,
    sha256_of,
    verified,
)

PACKAGED = ("dlib-resnet", "dlib-landmarks-68", "mtcnn", "mobile-stylegan")
CACHED = "facenet-vggface2"
STATE = {"conv.weight": torch.arange(12.0).view(3, 4), "bn.num_batches_tracked": torch.tensor(7)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test alone."""
    # Two tensors stand for the network's: whether they are the right ones is `check`'s to say, which has its own tests.
    monkeypatch.setitem(manifest(), CACHED, replace(weight(CACHED), check=""))
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A state dict as torch writes it."""
    torch.save(STATE, tmp_path / "facenet.pt")
    return tmp_path / "facenet.pt"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(handler: Callable[..., SimpleHTTPRequestHandler]) -> Iterator[str]:
    """Address of a web server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server of the files in the test's folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(partial(Quiet, directory=str(tmp_path))) as address:
        yield address


def list_one(monkeypatch: pytest.MonkeyPatch, origin: str, sha256: str | None = None, **more: str) -> None:
    """Make the manifest list one set of cached weights, "tiny"."""
    tiny = Weight(
        "tiny", "two tensors", "CC0-1.0", origin, "cache", (WeightFile("model.safetensors", 100, sha256),), **more
    )
    monkeypatch.setattr(manifest_module, "manifest", lambda: {"tiny": tiny})


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("weight_id", manifest())
def test_entry_is_complete(weight_id: str) -> None:
    item = weight(weight_id)
    assert item.id == weight_id
    assert item.summary
    assert item.license
    assert item.origin
    assert item.files
    assert item.bytes > 0
    if item.store == "package":
        assert item.command.startswith("pip install ")
        assert item.package
        assert all(len(bytes.fromhex(file.sha256 or "")) == 32 for file in item.files)
    elif item.store == "shipped":
        package = package_folder(item.package) if item.package else None
        assets = package / "assets" if package else resource("assets")
        for path, file in zip(verified(weight_id), item.files, strict=True):
            assert path == assets / file.path
            assert (path.stat().st_size, sha256_of(path)) == (file.bytes, file.sha256)
    else:
        assert item.command in (
            f"privacy-faces weights pull {weight_id}",
            f"privacy-faces weights add {weight_id} FILE",
        )
    if item.check:
        assert callable(pkgutil.resolve_name(item.check))
    if item.store == "cache":
        assert item.origin.startswith("https://")
        assert len(item.files) == 1  # `add` and `pull` handle one file


def test_packaged_ids() -> None:
    assert tuple(item.id for item in manifest().values() if item.store == "package") == PACKAGED


@pytest.mark.parametrize("weight_id", PACKAGED)
def test_packaged_file_is_the_pinned_one(weight_id: str) -> None:
    item = weight(weight_id)
    spec = find_spec(item.package)
    if spec is None:
        pytest.skip(f"{item.package} is not installed")
    assert spec.origin is not None
    for file in item.files:
        path = Path(spec.origin).parent / file.path
        assert path.stat().st_size == file.bytes
        assert digest(path) == file.sha256
    assert is_present(weight_id)
    assert len(verified(weight_id)) == len(item.files)


def test_records_of_one_file_and_of_several() -> None:
    assert [record["id"] for record in records("dlib-resnet")] == ["dlib-resnet"]
    # The digest that davisking/dlib-models' file has had since 2017.
    assert (
        records("dlib-landmarks-68")[0]["sha256"] == "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
    )
    if find_spec("facenet_pytorch"):
        assert [record["id"] for record in records("mtcnn")] == ["mtcnn/pnet.pt", "mtcnn/rnet.pt", "mtcnn/onet.pt"]
        assert [record["sha256"] for record in records("mtcnn")] == [file.sha256 for file in weight("mtcnn").files]


def test_missing_weights_say_what_where_and_how() -> None:
    with pytest.raises(MissingWeightError) as error:
        verified(CACHED)
    text = str(error.value)
    assert "'facenet-vggface2' (112 MB, MIT (code); VGGFace2 is for research) are not on this machine" in text
    assert "Get them: privacy-faces weights pull facenet-vggface2" in text
    assert f"with the file from {weight(CACHED).origin}: privacy-faces weights add facenet-vggface2 FILE" in text
    assert not is_present(CACHED)


def test_packaged_weights_of_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Weight(
        "gone",
        "",
        "MIT",
        "https://example.org",
        "package",
        (WeightFile("a.pt", 10**6, "00"),),
        "no_such_package_here",
        "pip install it",
    )
    monkeypatch.setattr(manifest_module, "manifest", lambda: {"gone": gone})
    assert not is_present("gone")
    with pytest.raises(
        MissingWeightError, match=r"'gone' \(1 MB, MIT\) are not on this machine. Get them: pip install it$"
    ):
        verified("gone")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", "-legacy.pth"])
def test_add_converts_and_records(tmp_path: Path, cache: Path, suffix: str) -> None:
    given = tmp_path / f"given{suffix}"
    if suffix == ".safetensors":
        save_file(STATE, given)
    else:
        torch.save(STATE, given, _use_new_zipfile_serialization="legacy" not in suffix)
    target = add(CACHED, given)
    assert target == cache / CACHED / "model.safetensors"
    held = load_file(target)
    assert held.keys() == STATE.keys()
    assert all(torch.equal(held[name], STATE[name]) and held[name].dtype == STATE[name].dtype for name in STATE)
    assert json.loads((cache / CACHED / "record.json").read_text()) == {
        "source_sha256": digest(given),
        "sha256": digest(target),
    }
    assert is_present(CACHED)
    assert verified(CACHED) == (target,)
    assert records(CACHED) == [{"id": CACHED, "sha256": digest(target)}]
    assert len(files(cache)) == 2  # no scratch file stays


def test_add_takes_tensors_that_share_memory(tmp_path: Path) -> None:
    # Tied weights, views of one storage, and a transposed tensor: safetensors itself refuses all three.
    whole = torch.arange(6.0).view(2, 3)
    torch.save({"a": whole, "tied": whole, "row": whole[1], "turned": whole.T}, tmp_path / "shared.pt")
    held = load_file(add(CACHED, tmp_path / "shared.pt"))
    assert held["tied"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert held["row"].tolist() == [3, 4, 5]
    assert held["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def refuse_without_bias(tensors: dict[str, torch.Tensor]) -> None:
    """A check as the manifest may name one."""
    if "bias" not in tensors:
        raise ValueError(f"Expected a tensor 'bias', found {', '.join(tensors)}.")


def test_add_asks_the_check_of_the_manifest(
    tmp_path: Path, cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_one(monkeypatch, "https://example.org/tiny.pt", check=f"{__name__}:refuse_without_bias")
    with pytest.raises(
        ValueError,
        match=r"facenet\.pt does not hold the weights 'tiny'\. Expected a tensor 'bias', found conv\.weight, bn\.",
    ):
        add("tiny", source)
    assert not cache.exists()
    save_file({"bias": torch.zeros(1)}, tmp_path / "other.safetensors")
    target = add("tiny", tmp_path / "other.safetensors")
    assert verified("tiny") == (target,)
    with pytest.raises(ValueError, match="Expected a tensor 'bias'"):
        add("tiny", source)
    assert read_state_dict(verified("tiny")[0]).keys() == {"bias"}  # what was there stays


def test_add_twice_in_one_process(tmp_path: Path, source: Path) -> None:
    add(CACHED, source)
    first = records(CACHED)
    torch.save({name: tensor + 1 for name, tensor in STATE.items()}, tmp_path / "newer.pt")
    target = add(CACHED, tmp_path / "newer.pt")
    assert records(CACHED) == [{"id": CACHED, "sha256": digest(target)}]
    assert records(CACHED) != first
    assert read_state_dict(target)["bn.num_batches_tracked"] == 8


def test_two_caches_in_one_process(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = add(CACHED, source)
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"
    with pytest.raises(MissingWeightError):
        verified(CACHED)
    monkeypatch.delenv("PRIVACY_FACES_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / "privacy-faces"
    monkeypatch.setenv("PRIVACY_FACES_CACHE", str(tmp_path / "cache"))
    assert verified(CACHED) == (first,)


def test_change_after_the_first_check_is_seen(source: Path) -> None:
    target = add(CACHED, source)
    verified(CACHED)
    good = target.read_bytes()
    times = target.stat()
    time.sleep(0.05)  # longer than the clock that stamps files ticks
    target.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size, same date of change: only the bytes tell
    with pytest.raises(CorruptWeightError) as error:
        verified(CACHED)
    for part in (
        "'facenet-vggface2'",
        str(target),
        hashlib.sha256(good).hexdigest(),
        digest(target),
        "privacy-faces weights pull facenet-vggface2",
    ):
        assert part in str(error.value)
    with pytest.raises(CorruptWeightError):
        records(CACHED)
    target.write_bytes(good)
    assert verified(CACHED) == (target,)
    target.unlink()
    with pytest.raises(MissingWeightError):
        verified(CACHED)


def test_file_without_its_record_is_not_trusted(source: Path, cache: Path) -> None:
    add(CACHED, source)
    (cache / CACHED / "record.json").unlink()
    with pytest.raises(MissingWeightError, match="privacy-faces weights add facenet-vggface2"):
        verified(CACHED)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["pickle", "torch", "torch-legacy"])
def test_pickle_with_code_is_refused_and_does_not_run(tmp_path: Path, cache: Path, form: str) -> None:
    trace, evil = tmp_path / "it-ran", tmp_path / "evil.pt"
    state = STATE | {"extra": Payload(trace)}
    if form == "pickle":
        evil.write_bytes(pickle.dumps(state["extra"], protocol=2))
        pickle.loads(evil.read_bytes())
    else:
        torch.save(state, evil, _use_new_zipfile_serialization=form == "torch")
        torch.load(evil, weights_only=False)
    trace.rmdir()  # it was there: the payload works where nobody stops it
    with pytest.raises(
        ValueError, match="objects other than tensors, which are never loaded because they can run code"
    ) as error:
        add(CACHED, evil)
    assert str(evil) in str(error.value)
    assert "weights_only" not in str(error.value)  # torch's own message advises to switch the protection off
    assert not trace.exists()
    assert not cache.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["a", "list"], "found list"),
        ({}, "found an empty one"),
        ({"state_dict": STATE}, "found dict under 'state_dict'.*write the inner dict of tensors alone"),
        (STATE | {"epoch": 3}, "found int under 'epoch'"),
        ({0: torch.zeros(1)}, "found Tensor under 0"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, cache: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(ValueError, match=rf"Expected a state dict \(names and tensors\) in .*odd\.pt, {message}"):
        add(CACHED, tmp_path / "odd.pt")
    assert not cache.exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.pt", b"<html>not found</html>"),
        ("text.pth", b"hello world\n"),
        ("empty.pt", b""),
        ("cut.pt", None),
        ("page.safetensors", b"<html>not found</html>"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, source: Path, cache: Path, name: str, data: bytes | None) -> None:
    path = tmp_path / name
    path.write_bytes(source.read_bytes()[:-200] if data is None else data)
    with pytest.raises(ValueError, match="Expected safetensors or a PyTorch state dict at ") as error:
        add(CACHED, path)
    assert str(path) in str(error.value)
    assert not cache.exists()


def test_add_refuses_other_ids_and_missing_files(tmp_path: Path, source: Path) -> None:
    with pytest.raises(
        ValueError, match=r"'dlib-resnet' are not kept in this cache\. Get them: pip install face-recognition-models"
    ):
        add("dlib-resnet", source)
    with pytest.raises(
        ValueError,
        match=r"'stable-diffusion-inpainting' are not kept in this cache\. Get them: privacy-faces weights pull stable",
    ):
        add("stable-diffusion-inpainting", source)
    with pytest.raises(
        UnknownWeightError,
        match=(
            r"Unknown weights 'facenet'\. Known: dlib-resnet, dlib-landmarks-68, mtcnn, mobile-stylegan, face-bank, "
            r"face-attributes, face-prior, face-diffusion-128, "
        ),
    ):
        add("facenet", source)
    with pytest.raises(ValueError, match=r"Expected a file of weights, found none at .*nowhere\.pt"):
        add(CACHED, tmp_path / "nowhere.pt")


def test_pull_of_packaged_and_unknown_weights() -> None:
    with pytest.raises(
        ValueError, match=r"'mtcnn' come inside a package\. Get them: pip install --no-deps facenet-pytorch"
    ):
        pull("mtcnn")
    with pytest.raises(UnknownWeightError, match="Unknown weights 'nothing'"):
        pull("nothing")


def test_weights_that_only_the_user_can_fetch(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list_one(monkeypatch, "https://example.org", install="privacy-faces weights add tiny FILE")
    with pytest.raises(
        MissingWeightError,
        match=r"Get them: privacy-faces weights add tiny FILE  \(with the file from https://example\.org\)$",
    ):
        verified("tiny")
    with pytest.raises(
        ValueError,
        match=(
            r"'tiny' have no address .* With the file from "
            r"https://example\.org: privacy-faces weights add tiny FILE$"
        ),
    ):
        pull("tiny")
    assert not cache.exists()
    target = add("tiny", source)
    assert verified("tiny") == (target,)


def test_pull_from_a_closed_port(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    list_one(monkeypatch, "http://127.0.0.1:9/tiny.pt")  # the discard service, which no machine runs any more
    with pytest.raises(
        ValueError, match=r"Could not download the weights 'tiny' from http://127\.0\.0\.1:9/tiny\.pt: ."
    ):
        pull("tiny")
    assert not cache.exists()
    target = add("tiny", source)
    with pytest.raises(ValueError, match="Could not download"):
        pull("tiny")
    assert verified("tiny") == (target,)
    assert len(files(cache)) == 2


class Hub(Quiet):
    """As much of the model hub's interface as a download of a public repository takes; refuses to be a proxy."""

    commit = "a" * 40
    content: ClassVar = {
        "model_index.json": b"{}",
        "tokenizer/merges.txt": b"#version: 0.2",
        "unet/config.json": b"{}",
        "unet/diffusion_pytorch_model.safetensors": b"full",
        "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
        "unet/diffusion_pytorch_model.bin": b"pickle",
        "safety_checker/config.json": b"{}",
        "safety_checker/model.safetensors": b"checker",
        "v1-5-inpainting.safetensors": b"single file",
    }

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/resolve/" in path:
            body = self.content[path.partition(f"{self.commit}/")[2]]
        elif "/tree/" in path:
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in self.content.items()
            ]
            body = json.dumps(entries).encode()
        else:
            body = json.dumps({"id": "any/thing", "sha": self.commit, "siblings": []}).encode()
        self.send_response(200)
        for name, value in {
            "Content-Length": len(body),
            "ETag": f'"{hashlib.sha1(body).hexdigest()}"',
            "X-Repo-Commit": self.commit,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_CONNECT(self) -> None:
        self.send_error(503)


@pytest.fixture
def hub() -> Iterator[str]:
    """Address of a hub on this machine."""
    with serving(Hub) as address:
        yield address


def pull_from_hub(
    tmp_path: Path, weights: str = "stable-diffusion-inpainting", **environment: str
) -> subprocess.CompletedProcess[str]:
    """`weights pull` in its own process: the hub's client reads its environment when it is imported."""
    command = [Path(sys.executable).with_name("privacy-faces"), "weights", "pull", weights]
    own = {
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "NO_PROXY": "",
        "HF_HUB_OFFLINE": "0",
    }
    return subprocess.run(command, env=os.environ | own | environment, capture_output=True, text=True, check=False)


def test_pull_from_the_hub_takes_what_is_loaded_and_no_more(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    done = pull_from_hub(tmp_path, HF_ENDPOINT=hub, NO_PROXY="127.0.0.1")
    assert (done.returncode, done.stdout) == (0, "stable-diffusion-inpainting: here\n")
    snapshot = (
        tmp_path / "hub" / "models--stable-diffusion-v1-5--stable-diffusion-inpainting" / "snapshots" / Hub.commit
    )
    assert [str(path.relative_to(snapshot)) for path in files(snapshot)] == [
        "model_index.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert is_present("stable-diffusion-inpainting")
    assert hub_snapshot("stable-diffusion-v1-5/stable-diffusion-inpainting") == snapshot
    assert hub_snapshot("stable-diffusion-v1-5/stable-diffusion-inpainting", "v2") is None


@pytest.mark.parametrize("proxy", [False, True])
def test_pull_from_a_hub_out_of_reach(tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch, proxy: bool) -> None:
    from huggingface_hub import constants

    done = pull_from_hub(
        tmp_path, HF_ENDPOINT="https://127.0.0.1:9", **({"HTTPS_PROXY": hub} if proxy else {"NO_PROXY": "127.0.0.1"})
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "Error: Could not download the weights 'stable-diffusion-inpainting' from "
        "stable-diffusion-v1-5/stable-diffusion-inpainting: " in done.stderr
    )
    assert ("503" in done.stderr) is proxy
    assert "Traceback" not in done.stderr
    assert files(tmp_path / "hub") == []
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert not is_present("stable-diffusion-inpainting")


def test_pull_of_a_revision(tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    done = pull_from_hub(tmp_path, "stable-diffusion-inpainting@v2", HF_ENDPOINT=hub, NO_PROXY="127.0.0.1")
    assert (done.returncode, done.stdout) == (0, "stable-diffusion-inpainting@v2: here\n")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert not is_present("stable-diffusion-inpainting")
    origin = weight("stable-diffusion-inpainting").origin
    assert place_of(f"{origin}@v2").commit == place_of(f"{origin}@{Hub.commit}").commit == Hub.commit
    with pytest.raises(MissingWeightError, match=r"Get them: privacy-faces weights pull stable-diffusion-inpainting$"):
        place_of(origin)
    with pytest.raises(ValueError, match=r"^Expected no revision: the weights 'lpips-alex' are one file at https"):
        pull("lpips-alex", "v2")


def old_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a UNet by the names that diffusers 0.0.4 gave those of attention, as repositories of that
    time still have them."""
    changed = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    found = {}
    for name, tensor in tensors.items():
        new = next((new for new in changed if new in name), "")
        found[name.replace(new, changed[new]) if new else name] = tensor
    assert len(set(found) - set(tensors)) == 32  # weights and biases of four attentions
    return found


def test_pickled_checkpoints_of_the_hub_become_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import UNet2DModel
    from huggingface_hub import constants

    from tests import tiny_models

    network = tiny_models.unet()
    torch.save(old_names(network.state_dict()), tmp_path / "model.bin", _use_new_zipfile_serialization=False)
    parts = tiny_models.ddpm(tmp_path / "ddpm", network)
    asked: list[str] = []

    class Ddpm(Hub):
        content: ClassVar = {
            "model_index.json": (parts / "model_index.json").read_bytes(),
            "config.json": (parts / "unet" / "config.json").read_bytes(),
            "scheduler_config.json": (parts / "scheduler" / "scheduler_config.json").read_bytes(),
            "diffusion_pytorch_model.bin": (tmp_path / "model.bin").read_bytes(),
        }

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

    with serving(Ddpm) as address:
        for _ in range(2):
            done = pull_from_hub(tmp_path, "stable-diffusion-inpainting", HF_ENDPOINT=address, NO_PROXY="127.0.0.1")
            assert done.returncode == 0, done.stderr
    assert sum(path.endswith(".bin") for path in asked) == 1
    repository = weight("stable-diffusion-inpainting").origin
    snapshot = tmp_path / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / Hub.commit
    names = ["config.json", "diffusion_pytorch_model.safetensors", "model_index.json", "scheduler_config.json"]
    assert [path.name for path in files(snapshot)] == names
    assert len(files(snapshot.parents[1] / "blobs")) == 3  # not the checkpoint, too
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    state = whole_network(UNet2DModel, place_of(repository).folder).state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_code_in_the_hub_is_refused_and_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Pickled(Hub):
        content: ClassVar = {
            "config.json": b"{}",
            "diffusion_pytorch_model.bin": pickle.dumps(Payload(trace), protocol=2),
        }

    with serving(Pickled) as address:
        done = pull_from_hub(tmp_path, "stable-diffusion-inpainting", HF_ENDPOINT=address, NO_PROXY="127.0.0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds objects other than tensors, which are never loaded" in done.stderr
    assert not trace.exists()


def test_pull_offline_says_so_at_once(tmp_path: Path) -> None:
    weight_id = "stable-diffusion-inpainting"
    done = pull_from_hub(tmp_path, weight_id, HF_HUB_OFFLINE="1", HF_ENDPOINT="https://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: HF_HUB_OFFLINE is set, so nothing is downloaded from the model hub. "
        f"Where there is a network: HF_HUB_OFFLINE=0 privacy-faces weights pull {weight_id}\n"
    )


PIECE = 65536


class Cutting(Quiet):
    """Serves one file, ends connections early, and goes on where it is asked to if the version is the one that was
    begun."""

    data = b""
    tag = '"one"'
    end: int | None = None
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        start = (
            int(wanted.removeprefix("bytes=").removesuffix("-"))
            if wanted and self.headers.get("If-Range") == self.tag
            else 0
        )
        if start == len(self.data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{start}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.data) - start))
        self.send_header("ETag", self.tag)
        self.end_headers()
        self.wfile.write(self.data[start : self.end])


@pytest.fixture
def cutting(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Cutting]]:
    """The handler behind the address of "tiny", whose connection ends in the fourth piece."""
    torch.save(STATE | {"more": torch.zeros(100_000)}, source)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Handler", (Cutting,), {"data": source.read_bytes(), "end": 3 * PIECE + 1000, "asked": []})
    with serving(handler) as address:
        list_one(monkeypatch, f"{address}/tiny.pt", digest(source))
        yield handler


def test_an_interrupted_pull_goes_on(cutting: type[Cutting], cache: Path) -> None:
    size = len(cutting.data)
    with pytest.raises(
        ValueError,
        match=(
            rf"'tiny' from .*: the connection ended, with {3 * PIECE} of {size} bytes here; the same command goes on "
            r"from there"
        ),
    ):
        pull("tiny")
    assert not is_present("tiny")
    assert (cache / "downloads" / "tiny" / "tiny.pt").read_bytes() == cutting.data[: 3 * PIECE]
    cutting.end = None
    pull("tiny")
    assert cutting.asked == [None, f"bytes={3 * PIECE}-"]
    assert records("tiny")
    assert [path.name for path in files(cache)] == ["model.safetensors", "record.json"]


def test_a_pull_goes_on_with_the_same_version_only(cutting: type[Cutting], cache: Path) -> None:
    with pytest.raises(ValueError, match="the connection ended"):
        pull("tiny")
    cutting.tag, cutting.end = '"two"', None
    (cache / "downloads" / "tiny" / "tiny.pt").write_bytes(b"?" * PIECE)
    pull("tiny")
    assert records("tiny")


def test_a_pull_that_had_everything_asks_for_nothing_more(cutting: type[Cutting], cache: Path) -> None:
    cutting.end = None
    part = cache / "downloads" / "tiny" / "tiny.pt"
    part.parent.mkdir(parents=True)
    part.write_bytes(cutting.data)
    part.with_name("tiny.pt.tag").write_text(cutting.tag)
    pull("tiny")
    assert cutting.asked == [f"bytes={len(cutting.data)}-"]
    assert records("tiny")


@pytest.mark.parametrize("pinned", [True, False])
def test_pull_converts_and_records(source: Path, server: str, monkeypatch: pytest.MonkeyPatch, pinned: bool) -> None:
    list_one(monkeypatch, f"{server}/facenet.pt", digest(source) if pinned else None)
    pull("tiny")
    (target,) = verified("tiny")
    assert torch.equal(load_file(target)["conv.weight"], STATE["conv.weight"])
    assert records("tiny") == [{"id": "tiny", "sha256": digest(target)}]


@pytest.mark.parametrize(
    ("published", "message"),
    [
        (("facenet.pt", "0" * 64), "does not match the known hash"),
        (("nowhere.pt", None), "Could not download the weights 'tiny' from .*404"),
        (("page.pt", None), "Expected safetensors or a PyTorch state dict"),
    ],
)
def test_pull_of_something_else_leaves_nothing(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, published: tuple[str, str | None], message: str
) -> None:
    torch.save(STATE, tmp_path / "facenet.pt")
    (tmp_path / "page.pt").write_text("<html>Sign in to download</html>")
    name, sha256 = published
    list_one(monkeypatch, f"{server}/{name}", sha256)
    with pytest.raises(ValueError, match=message):
        pull("tiny")
    assert not cache_folder().exists()
