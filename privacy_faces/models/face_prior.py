"""A linear Gaussian model of aligned faces: probabilistic PCA (Tipping and Bishop, J. R. Statist. Soc. B, 1999).

A frame x with D values is mean + W z + noise, z ~ N(0, I) with K coefficients, noise ~ N(0, sigma^2 I). Given the
visible values of a frame, the posterior of z, and with it of the hidden values, is Gaussian in closed form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


@dataclass(frozen=True)
class FaceModel:
    """The fitted model.

    Attributes:
        mean: (D,), D = 3 * S * S, frames in [0, 1] flattened channel by channel.
        components: W, (D, K), orthogonal columns scaled to sqrt(eigenvalue - sigma^2).
        variance: sigma^2, the mean of the eigenvalues left out.
        size: side S of the frames.
    """

    mean: Tensor
    components: Tensor
    variance: float
    size: int

    def to(self, device: torch.device) -> FaceModel:
        """The model on a device."""
        return replace(self, mean=self.mean.to(device), components=self.components.to(device))

    def frames(self, coefficients: Tensor) -> Tensor:
        """Frames (N, 3, S, S) of coefficients z (N, K)."""
        return (self.mean + coefficients @ self.components.T).view(-1, 3, self.size, self.size)

    def coefficients(self, frames: Tensor) -> Tensor:
        """The posterior means z (N, K) of whole frames (N, 3, S, S); the components are orthogonal, so that each is
        read on its own."""
        return (frames.flatten(1) - self.mean) @ self.components / (self.components.square().sum(0) + self.variance)

    def posterior(
        self,
        frame: Tensor,
        visible: Tensor,
        temperature: float,
        hint: Tensor | None = None,
        hint_deviation: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Mean (K,) and factor L (K, K) of z given the visible pixels: z = mean + L u, u ~ N(0, I).

        With H = diag(1 / hint_deviation^2) on the hinted coefficients h and M = W_v^T W_v + t sigma^2 (I + H), mean =
        M^-1 (W_v^T (x_v - mean_v) + t sigma^2 H h) and L L^T = t sigma^2 M^-1.

        Args:
            frame: (3, S, S).
            visible: boolean (S, S).
            temperature: t. The model takes the noise of neighboring pixels for independent, though one patch of odd
                color moves hundreds of them together; t > 1 counts them as fewer.
            hint: (H,), a measurement of the leading coefficients.
            hint_deviation: standard deviation of the hint.
        """
        rows = visible.expand(3, -1, -1).flatten()
        components = self.components[rows]
        noise = temperature * self.variance
        hinted = torch.zeros_like(components[0])
        target = components.T @ (frame.flatten()[rows] - self.mean[rows])
        if hint is not None:
            hinted[: len(hint)] = hint_deviation**-2
            target[: len(hint)] += noise * hint_deviation**-2 * hint
        precision = components.T @ components + noise * torch.diag(1 + hinted)
        lower = torch.linalg.cholesky(precision)
        mean = torch.cholesky_solve(target[:, None], lower)[:, 0]
        # precision = C C^T, so precision^-1 = C^-T C^-1.
        factor = torch.linalg.solve_triangular(
            lower.T, torch.eye(len(lower), dtype=frame.dtype, device=frame.device), upper=True
        )
        return mean, noise**0.5 * factor


def fit(frames: Tensor, components: int) -> FaceModel:
    """The maximum-likelihood model of frames (N, 3, S, S) in [0, 1].

    Raises:
        ValueError: when there are no more frames than components.
    """
    if len(frames) <= components + 1:
        raise ValueError(f"Expected more than {components + 1} frames for {components} components, got {len(frames)}.")
    data = frames.flatten(1)
    mean = data.mean(0)
    data = data - mean
    # The N x N Gram matrix has the same non-zero eigenvalues as the D x D covariance, and N is far smaller than D.
    values, vectors = torch.linalg.eigh(data @ data.T)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    axes = data.T @ vectors[:, :components] / values[:components].sqrt()
    eigenvalues = values / len(data)
    variance = float(eigenvalues[components:].sum() / (data.shape[1] - components))
    return FaceModel(mean, axes * (eigenvalues[:components] - variance).clamp(min=0).sqrt(), variance, frames.shape[-1])


def save(model: FaceModel, path: Path) -> None:
    """Write the model as float16 safetensors."""
    tensors = {"mean": model.mean.half(), "components": model.components.half().contiguous()}
    # One key: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={"model": json.dumps({"size": model.size, "variance": model.variance})})


def load(path: Path, device: torch.device) -> FaceModel:
    """Read a model written by `save`, as float32."""
    with safe_open(path, "pt") as file:
        settings = json.loads(file.metadata()["model"])
        mean, components = (file.get_tensor(name).float().to(device) for name in ("mean", "components"))
    return FaceModel(mean, components, settings["variance"], settings["size"])
