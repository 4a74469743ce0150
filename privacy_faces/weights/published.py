"""Networks that others trained: from the published state dict to the loaded network, with its names and shapes
checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from privacy_faces.weights.compare import WrongTensorsError, compare
from privacy_faces.weights.state_dict import read_state_dict
from privacy_faces.weights.store import verified


@dataclass(frozen=True)
class Published:
    """A network and the file in which its weights were published.

    Attributes:
        file: what the file is called.
        network: builds the architecture, whose state dict has the published names.
        unused: the start of the names of tensors that the file may hold and the network does not need.
        names: gives published name -> name in the network's state dict, where they differ.
    """

    file: str
    network: Callable[[], nn.Module]
    unused: str | None = None
    names: Callable[[], Mapping[str, str]] | None = None

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Compare names and shapes with the published ones.

        Raises:
            WrongTensorsError: when they differ.
        """
        with torch.device("meta"):
            shapes = {name: tuple(tensor.shape) for name, tensor in self.network().state_dict().items()}
        wanted = {theirs: shapes[ours] for theirs, ours in self.names().items()} if self.names else shapes
        compare(self._used(tensors), wanted, self.file)

    def load(self, weight_id: str) -> nn.Module:
        """The network with the weights that were added under an id.

        Raises:
            MissingWeightError, CorruptWeightError: as `weights.store.verified`.
            WrongTensorsError: when the file is not the published one.
        """
        (path,) = verified(weight_id)
        tensors = self._used(read_state_dict(path))
        try:
            self.check(tensors)
        except WrongTensorsError as error:
            raise WrongTensorsError(f"{error} Add the right file: privacy-faces weights add {weight_id} FILE") from None
        if self.names is None:
            with torch.device("meta"):
                network = self.network()
            network.load_state_dict(tensors, assign=True)
            return network
        network, names = self.network(), self.names()
        # All that was published is there; what PyTorch counts beside it, such as batches, stays as it was made.
        network.load_state_dict({names[name]: tensor for name, tensor in tensors.items()}, strict=False)
        return network

    def _used(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: tensor for name, tensor in tensors.items() if self.unused is None or not name.startswith(self.unused)
        }
