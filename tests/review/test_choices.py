"""What is decided about faces, who is let in, and what is said: without a page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from privacy_faces.judge.receipt import FaceReceipt, Receipt, RecognizerVerdict
from privacy_faces.pipeline.listing import FaceList, ListedFace, ListedPhoto
from privacy_faces.review import words
from privacy_faces.review.choices import ChoiceError, Person, decide, kept_and_changed, people_of
from privacy_faces.review.gate import Gate
from privacy_faces.review.serve import PortError, listening

BOX = (1.0, 2.0, 30.0, 40.0)


def listing(*photos: tuple[int | None, ...]) -> FaceList:
    """Photos by the persons in them."""
    return FaceList(
        schema=1,
        photos=[
            ListedPhoto(
                photo=f"{place}.jpg", sha256="0" * 64, faces=[ListedFace(person=person, box=BOX) for person in people]
            )
            for place, people in enumerate(photos)
        ],
    )


def decisions(faces: FaceList) -> list[list[str]]:
    return [[face.decision for face in photo.faces] for photo in faces.photos]


ALBUM = listing((1, 2), (2, None, 1), ())


def test_a_person_is_kept_everywhere() -> None:
    kept = decide(ALBUM, "keep", person=2)
    assert decisions(kept) == [["change", "keep"], ["keep", "change", "change"], []]
    assert people_of(kept) == [Person(1, ((0, 0), (1, 2)), 0), Person(2, ((0, 1), (1, 0)), 2)]
    assert [person.decision for person in people_of(kept)] == ["change", "keep"]
    assert kept_and_changed(kept) == (2, 3)
    assert decisions(ALBUM) == [["change"] * 2, ["change"] * 3, []], "the list before is as it was"
    assert decisions(decide(kept, "change", person=2)) == decisions(ALBUM)


def test_one_face_alone() -> None:
    one = decide(ALBUM, "keep", photo=1, face=2)
    assert decisions(one) == [["change", "change"], ["change", "change", "keep"], []]
    assert people_of(one)[0].decision is None, "some stay, some do not"
    assert people_of(one)[0].photos == 2


def test_all_but_one() -> None:
    assert decisions(decide(decide(ALBUM, "keep"), "change", person=1)) == [
        ["change", "keep"],
        ["keep", "keep", "change"],
        [],
    ]


def test_a_face_that_is_not_there() -> None:
    with pytest.raises(
        ChoiceError, match=r"^Expected a face of the list, found none of photo 2, face 0\. Load the page"
    ):
        decide(ALBUM, "keep", photo=2, face=0)


def test_words_of_a_receipt() -> None:
    def face(index: int, matched: bool, **fields: Any) -> FaceReceipt:
        verdict = RecognizerVerdict(far=0.001, matched=matched, role="held-out")
        return FaceReceipt(
            index=index, recognizers={"one": verdict}, protected=not matched, evidence="held-out", target=None, **fields
        )

    kept = FaceReceipt(
        index=2, changed=False, decision="kept", recognizers={}, protected=False, evidence="unknown", target=None
    )
    faces = [face(0, False), face(1, True), kept]
    receipt = Receipt(output=None, method="blur", faces=faces, warnings=faces[1].warnings())
    assert words.about(receipt, listing((4, None, 7)).photos[0].faces) == (
        "2 faces changed in 1 photo, 1 kept as it was. 1 of them can still be recognized: see NOT PROTECTED below.",
        [
            "Face 1 (person 4) is changed: one (took no part in the change) no longer matches it.",
            "Face 2 is changed: one (took no part in the change) STILL MATCHES it.",
            "Face 3 (person 7) stays as it is.",
            "face 2: NOT PROTECTED: one still matches at FAR 0.001",
        ],
    )


class TestGate:
    HOST = "127.0.0.1:7860"

    def ask(self, path: str, host: str = HOST, kind: str = "http") -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"public")]})

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {}

        gate = Gate(app, "Token-1", frozenset({self.HOST}))
        asyncio.run(gate({"type": kind, "path": path, "headers": [(b"host", host.encode())]}, receive, send))
        return sent

    def test_whoever_has_the_address_comes_in(self) -> None:
        (answer,) = self.ask("/Token-1/")
        assert answer["status"] == 200
        headers = dict(answer["headers"])
        assert headers[b"content-security-policy"].startswith(b"default-src 'self';")
        assert b"http" not in headers[b"content-security-policy"]
        assert headers[b"referrer-policy"] == b"no-referrer"
        assert headers[b"cache-control"] == b"no-store"
        assert b"Cache-Control" not in headers

    @pytest.mark.parametrize(
        ("path", "host"),
        [
            ("/", HOST),
            ("", HOST),
            ("/token-1/", HOST),
            ("/Token-12/", HOST),
            ("/favicon.ico", HOST),
            ("//Token-1/", HOST),
            ("/x/Token-1/", HOST),
            ("/\xe4/", HOST),
            ("/Token-1/", "elsewhere.example:7860"),
            ("/Token-1/", "127.0.0.1"),
            ("/Token-1/gradio_api/upload", HOST),
            ("/Token-1/gradio_api/upload_progress", HOST),
        ],
    )
    def test_all_others_are_refused(self, path: str, host: str) -> None:
        start, body = self.ask(path, host)
        assert start["status"] == 403
        assert b"Token" not in body["body"]

    def test_no_web_socket(self) -> None:
        assert self.ask("/Token-1/", kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_a_port_that_is_taken() -> None:
    with listening(0) as opened:
        opened.listen()
        host, port = opened.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(
            PortError, match=rf"^Cannot listen at 127\.0\.0\.1:{port}: .*Choose another --port; 0 finds"
        ):
            listening(port)
