"""What the built-in recognizers are called; light to import: a listing needs neither torch nor pydantic."""

from __future__ import annotations

from privacy_faces.config.registry import Spec

DLIB_RESNET = Spec(
    "dlib ResNet v1, 128-D (CC0)",
    "privacy_faces.recognizers.options:NoOptions",
    "privacy_faces.recognizers.dlib_resnet:DlibResNet",
    weights=("dlib-resnet",),
)
FACENET = Spec(
    "FaceNet: Inception-ResNet v1, 512-D (VGGFace2, CASIA-WebFace, DiffAM's file)",
    "privacy_faces.recognizers.options:FaceNetOptions",
    "privacy_faces.recognizers.facenet:FaceNet",
    weights=("facenet-vggface2", "facenet-casia-webface", "facenet-diffam"),
)
_ALIGNMENT = "privacy_faces.recognizers.options:AlignmentOptions"
IR152 = Spec("IR-152 of ArcFace, 512-D", _ALIGNMENT, "privacy_faces.recognizers.irse:Ir152", weights=("ir152",))
IRSE50 = Spec("IR-SE-50 of ArcFace, 512-D", _ALIGNMENT, "privacy_faces.recognizers.irse:IrSe50", weights=("irse50",))
MOBILEFACE_V2 = Spec(
    "MobileFace V2, 256-D (MS-Celeb-1M)",
    "privacy_faces.recognizers.options:NoOptions",
    "privacy_faces.recognizers.mobileface_v2:MobileFaceV2",
    weights=("mobileface-v2",),
)
MOBILEFACE = Spec(
    "MobileFaceNet, 512-D", _ALIGNMENT, "privacy_faces.recognizers.mobilefacenet:MobileFace", weights=("mobileface",)
)
