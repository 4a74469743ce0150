"""Alibaba Cloud CompareFace (facebody, 2019-12-30): an RPC call with two images in base64, signed with HMAC-SHA1
(signature version 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from privacy_faces.plugin import Comparison, MalformedAnswerError, ServiceError, Verifier, check_permission
from privacy_faces_services.http import Line, key_from_environment
from privacy_faces_services.options import AliyunOptions

KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")

# The false accept rates of the three thresholds in an answer, in their order. (The service's pages write them as 10e-3,
# 10e-4 and 10e-5.)
_RATES = (1e-3, 1e-4, 1e-5)
_NO_FACE = "InvalidImage.NotFoundFace"


class Aliyun(Verifier):
    """The service; keys come from ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET."""

    name = "aliyun"

    def __init__(self, options: AliyunOptions, context: object = None) -> None:
        self.endpoint, self.side = options.endpoint, options.side
        check_permission(self.name, self.endpoint, options.allow_upload)
        self._line = Line(self.name, options, lambda answer: str(answer.get("Code", "")).startswith("Throttling"))
        self._id, self._secret = key_from_environment(self.name, KEYS)

    def compare(self, first: bytes, second: bytes) -> Comparison:
        """One call."""
        images = {"ImageDataA": base64.b64encode(first).decode(), "ImageDataB": base64.b64encode(second).decode()}

        def fields() -> dict[str, str]:
            call = {
                "Action": "CompareFace",
                "Version": "2019-12-30",
                "Format": "JSON",
                "AccessKeyId": self._id,
                "SignatureMethod": "HMAC-SHA1",
                "SignatureVersion": "1.0",
                "SignatureNonce": str(uuid.uuid4()),
                "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                **images,
            }
            return call | {"Signature": signature("POST", call, self._secret)}

        status, answer = self._line.post(fields)
        if "Code" in answer:
            if answer["Code"] == _NO_FACE:
                return Comparison(None, {})
            raise ServiceError(f"{self.name}: {answer['Code']}: {answer.get('Message', '')} (HTTP {status}).")
        return parse(answer)


def signature(method: str, fields: Mapping[str, str], secret: str) -> str:
    """The signature of an RPC call: HMAC-SHA1, keyed with the secret and "&", of METHOD & %2F & the encoded query of
    the sorted fields; in base64."""
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(fields.items()))
    text = f"{method}&{_encoded('/')}&{_encoded(query)}"
    return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()).decode()


def parse(answer: dict[str, Any]) -> Comparison:
    """An answer as documented: {"Data": {"Confidence": 0..100, "Thresholds": [61, 69, 75], ...}}.

    Raises:
        MalformedAnswerError: for anything else.
    """
    try:
        data = answer["Data"]
        return Comparison(float(data["Confidence"]), dict(zip(_RATES, map(float, data["Thresholds"]), strict=True)))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedAnswerError(
            f"aliyun: expected Data with Confidence and three Thresholds, found {sorted(answer)} ({error})."
        ) from None


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
