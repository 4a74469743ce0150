"""The model hub: which repositories lie in its cache (HF_HOME, HF_HUB_CACHE), and how one gets there.

Nothing but `download` asks the network.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

# One of these lies at the root of every repository that can be loaded.
_INDICES = ("model_index.json", "open_clip_config.json", "config.json")
# Full precision, in one file or in several. Neither half-precision copies (model.fp16.safetensors) nor single-file
# checkpoints have such names.
_WANTED = ["*.json", "*.txt", "*model.safetensors", "*model-*.safetensors"]
# It is never loaded.
_UNWANTED = "safety_checker"
_SAFE_NAMES = {
    "diffusion_pytorch_model.bin": "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin": "model.safetensors",
}


class OfflineError(ValueError):
    """A download was asked for, and the environment forbids it."""


def hub_snapshot(repository: str, revision: str = "main") -> Path | None:
    """The folder of a repository's cached files at a branch, tag or commit, or None. Its name is the commit."""
    from huggingface_hub.constants import HF_HUB_CACHE

    # Read as the hub's client lays it out: importing the client takes longer than all of a listing.
    storage = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    named = storage / "refs" / revision
    folder = storage / "snapshots" / (named.read_text(encoding="utf-8").strip() if named.is_file() else revision)
    return folder if any((folder / name).is_file() for name in _INDICES) else None


def refuse_offline(command: str) -> None:
    """Say at once that nothing can be downloaded, and what to do.

    Raises:
        OfflineError: when HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set.
    """
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        raise OfflineError(
            "HF_HUB_OFFLINE is set, so nothing is downloaded from the model hub. Where there is a network: "
            f"HF_HUB_OFFLINE=0 {command}"
        )


def download(repository: str, revision: str) -> list[tuple[Path, Path]]:
    """Bring a repository into the hub's cache; the hub's client shows progress, goes on with parts of files, and checks
    what it gets.

    Returns:
        (PyTorch checkpoint, safetensors file to make of it) for every network that the repository holds as a checkpoint
        alone.

    Raises:
        Exception: whatever the hub's client lets through: no network, no such repository or revision.
    """
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    folder = Path(
        snapshot_download(repository, revision=revision, allow_patterns=_WANTED, ignore_patterns=[f"{_UNWANTED}/*"])
    )
    # From here on the very commit that was found: a branch may move meanwhile.
    commit = folder.name
    there = set(HfApi().list_repo_files(repository, revision=commit))
    unsafe = []
    for name in sorted(there):
        path = PurePosixPath(name)
        if path.name not in _SAFE_NAMES or path.parts[0] == _UNWANTED:
            continue
        safe = str(path.with_name(_SAFE_NAMES[path.name]))
        if not there & {safe, f"{safe}.index.json"} and not (folder / safe).is_file():
            unsafe.append((Path(hf_hub_download(repository, name, revision=commit)), folder / safe))
    return unsafe
