"""Options of the verification services; light to import."""

from __future__ import annotations

from pydantic import Field

from privacy_faces.plugin import Options


class ServiceOptions(Options):
    """Options that all services share."""

    endpoint: str = Field(description="address of the service")
    timeout: float = Field(20.0, gt=0, le=600, description="seconds to wait for an answer")
    retries: int = Field(4, ge=0, le=20, description="further attempts when the service is busy or does not answer")
    patience: float = Field(120.0, gt=0, description="seconds after which no further attempt is made")
    rate: float = Field(1.0, gt=0, le=1000, description="calls per second, at most")
    side: int = Field(1024, ge=128, le=4096, description="longest side of the images that are sent, in pixels")
    allow_upload: bool = Field(False, description="send photos to the service")


class FacePlusPlusOptions(ServiceOptions):
    """Options of `faceplusplus`."""

    endpoint: str = Field("https://api-us.faceplusplus.com/facepp/v3/compare", description="address of the service")


class AliyunOptions(ServiceOptions):
    """Options of `aliyun`."""

    endpoint: str = Field("https://facebody.cn-shanghai.aliyuncs.com/", description="address of the service")
