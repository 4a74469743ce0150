"""FaceNet (Schroff et al., CVPR 2015) as Inception-ResNet v1 from facenet-pytorch; 160 x 160 chips, 512-D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from privacy_faces.recognizers.alignment import Alignment, Template, aligned
from privacy_faces.recognizers.contract import Recognizer
from privacy_faces.weights.published import Published
from privacy_faces.weights.store import records

if TYPE_CHECKING:
    from privacy_faces.recognizers.options import FaceNetOptions

_LEFT_EYE, _RIGHT_EYE, _MOUTH = tuple(range(36, 42)), tuple(range(42, 48)), (48, 54)


class FaceNet(Recognizer):
    """The recognizer `facenet`.

    It was trained on MTCNN boxes stretched to 160 x 160. The template puts the eyes and the mouth where they lie in
    such boxes on average (measured on 20 portraits, made symmetric), so that the alignment is a fixed, differentiable
    warp.
    """

    name = "facenet"
    embedding_size = 512
    template: Alignment = Template(
        size=160,
        groups=(_LEFT_EYE, _RIGHT_EYE, _MOUTH),
        points=((44.3, 62.1), (115.7, 62.1), (80.0, 116.8)),
        eye_distance=71.4,
    )

    def __init__(self, options: FaceNetOptions, device: torch.device) -> None:
        super().__init__()
        (weights,) = options.weights_used(())
        self.template = aligned(type(self).template, options.alignment)
        self.network = FACENET.load(weights)
        self.weight_records = records(weights)
        self.freeze()
        self.to(device)

    @property
    def cam_layer(self) -> nn.Module:
        """`block8.branch1`, the layer that PrivacyPreservingDiffusion reads."""
        return self.network.get_submodule("block8.branch1")

    def features(self, chips: Tensor) -> Tensor:
        """Output (N, 512) of the last batch normalization for chips (N, 3, 160, 160) in [0, 1]."""
        # facenet-pytorch's fixed standardization: (x - 127.5) / 128 with x in 0..255.
        output: Tensor = self.network((chips * 255 - 127.5) / 128)
        return output


def inception_resnet_v1() -> nn.Module:
    """The architecture without its classification layer, with random weights.

    Raises:
        ValueError: when facenet-pytorch is not installed, with the command that installs it.
    """
    try:
        from facenet_pytorch import InceptionResnetV1
    except ImportError as error:
        raise ValueError(
            "The recognizer 'facenet' needs facenet-pytorch, which is not installed. Install it: pip install "
            "--no-deps facenet-pytorch"
        ) from error
    network = InceptionResnetV1(pretrained=None, classify=False)
    # As it stands it ends in unit length, where the score of Grad-CAM and saliency has no gradient (`identity_score`).
    # As a classifier it ends in its logits: here, the features as they are.
    network.classify, network.logits = True, nn.Identity()
    raw: nn.Module = network
    return raw


# The classification layer over the people of the training set is of no use for embeddings.
FACENET = Published("FaceNet (Inception-ResNet v1 of facenet-pytorch)", inception_resnet_v1, unused="logits.")
