"""What the verification services are called; light to import."""

from privacy_faces.plugin import Spec

FACEPLUSPLUS = Spec(
    "Face++ Compare, a service",
    "privacy_faces_services.options:FacePlusPlusOptions",
    "privacy_faces_services.faceplusplus:FacePlusPlus",
)
ALIYUN = Spec(
    "Alibaba Cloud CompareFace, a service",
    "privacy_faces_services.options:AliyunOptions",
    "privacy_faces_services.aliyun:Aliyun",
)
