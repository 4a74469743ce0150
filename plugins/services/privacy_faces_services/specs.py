"""What the verification services are called; light to import."""

from privacy_faces.config.registry import Spec

FACEPLUSPLUS = Spec(
    "Face++ Compare, a service",
    "privacy_faces.verifiers.options:FacePlusPlusOptions",
    "privacy_faces.verifiers.faceplusplus:FacePlusPlus",
)
ALIYUN = Spec(
    "Alibaba Cloud CompareFace, a service",
    "privacy_faces.verifiers.options:AliyunOptions",
    "privacy_faces.verifiers.aliyun:Aliyun",
)
