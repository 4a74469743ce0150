"""What the built-in recognisers are called; light to import: a listing needs neither torch nor pydantic."""

from __future__ import annotations

from privacy_faces.registry import Spec

DLIB_RESNET = Spec(
    "dlib ResNet v1, 128-D (CC0)", "privacy_faces.recognizers.options:NoOptions", "privacy_faces.recognizers.dlib_resnet:DlibResNet", weights=("dlib-resnet",)
)
FACENET = Spec(
    "FaceNet: Inception-ResNet v1, 512-D (VGGFace2 or CASIA-WebFace)",
    "privacy_faces.recognizers.options:FaceNetOptions",
    "privacy_faces.recognizers.facenet:FaceNet",
    weights=("facenet-vggface2", "facenet-casia-webface"),
)
