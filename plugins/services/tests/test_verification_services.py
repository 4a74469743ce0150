"""Verification services, against a real server on this machine that speaks their formats, and fails in all their
ways."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import numpy as np
import pytest
from click.testing import CliRunner
from privacy_faces_services import aliyun, faceplusplus
from privacy_faces_services.aliyun import signature

from privacy_faces.cli import main
from privacy_faces.config.registry import VERIFIERS
from privacy_faces.evaluation.services import ask, compared
from privacy_faces.evaluation.verifiers import (
    BusyError,
    Comparison,
    MalformedAnswerError,
    MissingKeyError,
    ServiceError,
    UnreachableError,
    UploadNotAllowedError,
    Verifier,
    VerifierError,
)
from privacy_faces.judge.store import Store
from privacy_faces.photos.formats.read import photo_from_array
from privacy_faces.photos.photo import Photo

KEY, SECRET = "key-1234567890", "secret/+=0987654321"
FACES = [{"face_token": "t", "face_rectangle": {"width": 9, "top": 1, "left": 2, "height": 9}}]
# Documented examples of answers.
FACEPP = {
    "time_used": 473,
    "confidence": 96.46,
    "thresholds": {"1e-3": 62.327, "1e-5": 73.975, "1e-4": 69.101},
    "faces1": FACES,
    "faces2": FACES,
    "request_id": "r",
}
ALIYUN = {
    "RequestId": "r",
    "Data": {"Confidence": 88.5, "Thresholds": [61, 69, 75], "RectAList": [1, 2, 3, 4], "RectBList": [1, 2, 3, 4]},
}

Reply = tuple[int, bytes, dict[str, str]]


class Server(ThreadingHTTPServer):
    """Answers with what is queued, then with `usual`; remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.queue: list[Reply | Callable[[], Reply]] = []
        self.usual: Any = FACEPP
        self.received: list[dict[str, bytes]] = []
        self.times: list[float] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/compare"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.times.append(time.monotonic())
        self.server.received.append(self.fields(body))
        reply = self.server.queue.pop(0) if self.server.queue else (200, json.dumps(self.server.usual).encode(), {})
        try:
            status, content, headers = reply() if callable(reply) else reply
        except ConnectionAbortedError:
            self.connection.close()
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def fields(self, body: bytes) -> dict[str, bytes]:
        if "multipart" not in self.headers["Content-Type"]:
            return {name: values[0].encode() for name, values in parse_qs(body.decode()).items()}
        message = BytesParser(policy=HTTP).parsebytes(
            f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + body
        )
        return {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
            for part in message.iter_parts()
        }  # type: ignore[misc]

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in (faceplusplus.KEYS, aliyun.KEYS):
        for name, value in zip(names, (KEY, SECRET), strict=True):
            monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("privacy_faces_services.http._backoff", lambda state: 0.01)


def verifier(name: str, url: str, **options: Any) -> Verifier:
    given = {"endpoint": url, "allow_upload": True, "timeout": 0.3, "retries": 2, "rate": 1000.0, **options}
    found: Verifier = VERIFIERS.build(name, given, None)
    return found


class TestFormats:
    def test_faceplusplus(self, server: Server) -> None:
        found = verifier("faceplusplus", server.url).compare(b"first", b"second")
        assert found == Comparison(96.46, {1e-3: 62.327, 1e-4: 69.101, 1e-5: 73.975})
        assert server.received == [
            {"api_key": KEY.encode(), "api_secret": SECRET.encode(), "image_file1": b"first", "image_file2": b"second"}
        ]

    def test_faceplusplus_without_a_face(self, server: Server) -> None:
        server.usual = {"faces1": FACES, "faces2": [], "request_id": "r", "time_used": 3}
        assert verifier("faceplusplus", server.url).compare(b"1", b"2") == Comparison(None, {})

    def test_aliyun(self, server: Server) -> None:
        server.usual = ALIYUN
        found = verifier("aliyun", server.url).compare(b"first", b"second")
        assert found == Comparison(88.5, {1e-3: 61.0, 1e-4: 69.0, 1e-5: 75.0})
        (sent,) = server.received
        fields = {name: value.decode() for name, value in sent.items()}
        assert (fields["Action"], fields["Version"], fields["AccessKeyId"]) == ("CompareFace", "2019-12-30", KEY)
        assert base64.b64decode(fields["ImageDataA"]) == b"first"
        given = fields.pop("Signature")
        assert given == signature("POST", fields, SECRET), "the server's own computation"
        assert SECRET not in str(sent)

    def test_aliyun_without_a_face(self, server: Server) -> None:
        server.queue = [(404, json.dumps({"Code": "InvalidImage.NotFoundFace", "Message": "no face"}).encode(), {})]
        assert verifier("aliyun", server.url).compare(b"1", b"2") == Comparison(None, {})

    def test_signature_is_that_of_the_documentation(self) -> None:
        """The worked example of Alibaba Cloud's page on RPC signatures: DescribeRegions, key testid, secret
        testsecret."""
        fields = {
            "Timestamp": "2016-02-23T12:46:24Z",
            "Format": "XML",
            "AccessKeyId": "testid",
            "Action": "DescribeRegions",
            "SignatureMethod": "HMAC-SHA1",
            "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
            "Version": "2014-05-26",
            "SignatureVersion": "1.0",
        }
        assert signature("GET", fields, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def late() -> Reply:
    time.sleep(0.6)
    return 200, b"{}", {}


def dropped() -> Reply:
    raise ConnectionAbortedError


BUSY = (429, b"", {"Retry-After": "0.2"})
GARBAGE = (200, b"<html>gateway</html>", {})


class TestTroubles:
    @pytest.mark.parametrize(
        "trouble",
        [
            BUSY,
            (503, b"", {}),
            late,
            dropped,
            GARBAGE,
            (403, json.dumps({"error_message": "CONCURRENCY_LIMIT_EXCEEDED"}).encode(), {}),
        ],
        ids=["429", "503", "timeout", "dropped", "garbage", "concurrency"],
    )
    def test_passing_troubles_are_survived(self, trouble: Any, server: Server) -> None:
        server.queue = [trouble, trouble]
        assert verifier("faceplusplus", server.url).compare(b"1", b"2").confidence == 96.46
        assert len(server.received) == 3

    def test_waits_as_long_as_it_is_asked_to(self, server: Server) -> None:
        server.queue = [BUSY]
        verifier("faceplusplus", server.url).compare(b"1", b"2")
        assert server.times[1] - server.times[0] >= 0.2

    @pytest.mark.parametrize("asked", ["86400", "inf", "1e400", "nan"])
    def test_waits_no_longer_than_its_patience(self, asked: str, server: Server) -> None:
        server.queue = [(429, b"", {"Retry-After": asked})] * 9
        started = time.monotonic()
        with pytest.raises(BusyError):
            verifier("faceplusplus", server.url, patience=0.3).compare(b"1", b"2")
        assert time.monotonic() - started < 5

    def test_reads_no_more_of_an_answer_than_any_true_one_has(self, server: Server) -> None:
        server.queue = [(200, b'{"confidence": ' + b"9" * 3_000_000 + b"}", {})]
        with pytest.raises(MalformedAnswerError, match=r"at most 1,048,576 bytes, found a longer one \(HTTP 200\)"):
            verifier("faceplusplus", server.url, retries=0).compare(b"1", b"2")

    @pytest.mark.parametrize(
        ("trouble", "error", "message"),
        [
            (BUSY, BusyError, r"faceplusplus: HTTP 429, after 2 retries"),
            (late, UnreachableError, r"no answer within the timeout \(timeout 0.3 s, 2 retries\)"),
            (dropped, UnreachableError, r"the connection failed"),
            (GARBAGE, MalformedAnswerError, r"expected a JSON object, found '<html>gateway</html>' \(HTTP 200\)"),
            ((200, b"[" * 200_000, {}), MalformedAnswerError, r"expected a JSON object, found '\[\[\[\["),
            ((200, b"[1, 2]", {}), MalformedAnswerError, r"expected a JSON object, found '\[1, 2\]'"),
            (
                (200, b'{"confidence": 3}', {}),
                MalformedAnswerError,
                r"expected faces1, faces2, confidence and thresholds, found \['confidence'\]",
            ),
            (
                (401, b'{"error_message": "AUTHENTICATION_ERROR"}', {}),
                ServiceError,
                r"faceplusplus: AUTHENTICATION_ERROR \(HTTP 401\)",
            ),
        ],
    )
    def test_lasting_troubles_are_named(
        self, trouble: Any, error: type[VerifierError], message: str, server: Server
    ) -> None:
        server.queue = [trouble] * 9
        with pytest.raises(error, match=message):
            verifier("faceplusplus", server.url).compare(b"1", b"2")

    def test_a_dead_server(self, server: Server) -> None:
        url = server.url
        server.shutdown()
        server.server_close()
        with pytest.raises(UnreachableError, match=r"the connection failed"):
            verifier("faceplusplus", url).compare(b"1", b"2")

    def test_aliyun_throttles_with_status_400(self, server: Server) -> None:
        server.usual = ALIYUN
        server.queue = [(400, b'{"Code": "Throttling.User", "Message": "slow down"}', {})]
        assert verifier("aliyun", server.url).compare(b"1", b"2").confidence == 88.5
        assert server.received[0]["SignatureNonce"] != server.received[1]["SignatureNonce"], (
            "a signature is good for one attempt"
        )
        server.queue = [(403, b'{"Code": "InvalidAccessKeyId.NotFound", "Message": "unknown"}', {})]
        with pytest.raises(ServiceError, match=r"aliyun: InvalidAccessKeyId.NotFound: unknown \(HTTP 403\)"):
            verifier("aliyun", server.url).compare(b"1", b"2")

    def test_calls_keep_their_distance(self, server: Server) -> None:
        slow = verifier("faceplusplus", server.url, rate=10.0)
        for _ in range(3):
            slow.compare(b"1", b"2")
        assert np.diff(server.times).min() > 0.09


class TestPermission:
    @pytest.mark.parametrize("name", ["faceplusplus", "aliyun"])
    def test_nothing_is_sent_unless_it_is_allowed(
        self, name: str, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in (*faceplusplus.KEYS, *aliyun.KEYS):
            monkeypatch.delenv(variable)
        with pytest.raises(
            UploadNotAllowedError,
            match=r"would receive every original photo and every protected one, at .*Allow it with --allow-upload",
        ):
            verifier(name, server.url, allow_upload=False)
        with pytest.raises(MissingKeyError, match=r"needs the environment variables \w+ and \w+"):
            verifier(name, server.url)
        assert not server.received

    def test_nothing_travels_in_the_clear(self) -> None:
        with pytest.raises(
            VerifierError, match=r"Expected an https address for faceplusplus, got 'http://example.org/'"
        ):
            verifier("faceplusplus", "http://example.org/")

    def test_redirects_are_not_followed(self, server: Server) -> None:
        server.queue = [(302, b"{}", {"Location": "http://example.org/"})] * 9
        with pytest.raises(MalformedAnswerError):
            verifier("faceplusplus", server.url).compare(b"1", b"2")
        assert len(server.received) == 1

    @pytest.mark.parametrize("name", ["faceplusplus", "aliyun"])
    def test_keys_are_never_told(self, name: str, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        told = []
        with caplog.at_level(logging.DEBUG):
            asked = verifier(name, server.url)
            for trouble in (BUSY, dropped, GARBAGE, (401, b'{"error_message": "NO", "Code": "NO"}', {})):
                server.queue = [trouble] * 9
                with pytest.raises(VerifierError) as caught:
                    asked.compare(b"1", b"2")
                told.append(f"{caught.value!r} {caught.value.__cause__!r}")
        told += [repr(asked), *(record.getMessage() for record in caplog.records)]
        for secret in (KEY, SECRET, quote(SECRET, safe="")):
            assert not any(secret in text for text in told)

    def test_the_command_asks_first(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            main, ["benchmark", "--services", "faceplusplus", "--methods", "fill", "--output", str(tmp_path / "out")]
        )
        assert done.exit_code == 2
        assert "Allow it with --allow-upload" in done.output
        assert not (tmp_path / "out").exists()


def picture(value: int) -> Photo:
    return photo_from_array(np.full((40, 60, 3), value, dtype=np.uint8))


class TestColumn:
    def test_an_answer_is_paid_once_in_either_order_and_outlives_a_crash(self, server: Server, tmp_path: Path) -> None:
        asked = verifier("faceplusplus", server.url)
        first = compared(asked, Store(tmp_path / "s.sqlite"), b"1", b"2")
        assert compared(asked, Store(tmp_path / "s.sqlite"), b"2", b"1") == first
        assert len(server.received) == 1
        stored = (tmp_path / "s.sqlite").read_bytes()
        assert KEY.encode() not in stored
        assert SECRET.encode() not in stored

    def test_nothing_is_lost_when_the_service_dies_half_way(self, server: Server, tmp_path: Path) -> None:
        asked, store = verifier("faceplusplus", server.url, retries=0), Store(tmp_path / "s.sqlite")
        photos = [tuple(partial(picture, value + step) for step in range(3)) for value in (0, 50, 100)]
        good = (200, json.dumps(FACEPP).encode(), {})
        server.queue = [good, good, good, GARBAGE]
        with pytest.raises(MalformedAnswerError):
            ask(asked, store, photos, ["a", "b", "c"], 0.001)
        column = ask(asked, store, photos, ["a", "b", "c"], 0.001)
        assert len(server.received) == 7, "three answers were kept, one attempt was in vain, three were left"
        assert (column.service, column.far, column.threshold) == ("faceplusplus", 0.001, 62.327)
        assert (column.clean.value, column.protected.value, column.dodging.value) == (96.46, 96.46, 0.0)

    def test_a_face_that_is_not_found_is_not_matched(self, server: Server) -> None:
        low = {**FACEPP, "confidence": 40.0}
        nobody = {"faces1": FACES, "faces2": []}
        server.queue = [(200, json.dumps(item).encode(), {}) for item in (FACEPP, low, FACEPP, nobody)]
        photos = [
            (lambda: picture(0), lambda: picture(1), lambda: picture(2)),
            (lambda: picture(3), lambda: picture(4), lambda: picture(5)),
        ]
        column = ask(verifier("faceplusplus", server.url), Store(), photos, ["a", "b"], 0.01)
        assert (column.far, column.dodging.value, column.protected.value, column.protected.n) == (0.001, 1.0, 40.0, 1)
