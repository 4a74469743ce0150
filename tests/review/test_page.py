"""The page over a small folder: what it shows is what the command writes; and in a browser, where one is."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.config.plan import make_plan
from privacy_faces.pipeline.anonymizer import Anonymizer
from privacy_faces.pipeline.batch import Watcher
from privacy_faces.pipeline.listing import FaceList, FacesError
from privacy_faces.review.album import Album, open_album
from privacy_faces.review.desk import Desk

pytest.importorskip("gradio", reason="needs the extra review")
pytestmark = pytest.mark.usefixtures("one_thread")

FACES = resource("assets/faces")
#: Large faces alone are sought, which is quicker.
RUN = {"min_face": 80}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of two people, one of the first alone, and one of nobody."""
    folder = tmp_path_factory.mktemp("review") / "in"
    (folder / "sub").mkdir(parents=True)
    two = np.concatenate(
        [np.asarray(Image.open(FACES / f"{who}.png").convert("RGB")) for who in ("000", "013")], axis=1
    )
    Image.fromarray(two).save(folder / "group.png")
    shutil.copy(FACES / "second/000.png", folder / "sub/ann.png")
    Image.new("RGB", (90, 60), (90, 120, 90)).save(folder / "wall.png")
    return folder


@pytest.fixture(scope="module")
def album(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Album:
    return open_album([folder], tmp_path_factory.mktemp("pictures"), run=RUN)


@pytest.fixture(scope="module")
def desk(album: Album, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """One for all tests: it remembers its previews."""
    place = tmp_path_factory.mktemp("desk")
    (place / "scratch").mkdir()
    return Desk(album, place / "scratch", output=place / "out", run=RUN)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_the_command(folder: Path, output: Path, faces: Path) -> dict[str, bytes]:
    """What `anonymize --faces` makes of the same folder."""
    line = ["anonymize", str(folder), "--method", "blur", "--faces", str(faces), "--output", str(output)]
    line += ["--min-face", "80"]
    assert CliRunner().invoke(main, line).exit_code == 1, "the photo of nobody fails"
    return files(output)


def test_the_album(album: Album, folder: Path) -> None:
    assert [(sheet.name, sheet.width, sheet.height) for sheet in album.sheets] == [
        ("group.png", 512, 256),
        ("sub/ann.png", 256, 256),
        ("wall.png", 90, 60),
    ]
    assert [sheet.path for sheet in album.sheets] == [folder / sheet.name for sheet in album.sheets]
    assert [sorted(face.person or 0 for face in photo.faces) for photo in album.faces.photos] == [[1, 2], [1], []]
    assert {path.name for path in album.pictures.iterdir()} == {
        *("photo-0.jpg", "photo-1.jpg", "photo-2.jpg", "face-0-0.jpg", "face-0-1.jpg", "face-1-0.jpg")
    }


def test_what_is_shown_before_anything_is_written(desk: Desk) -> None:
    first = desk.preview(0, "blur", None)
    assert first.receipt is not None
    assert [face.decision for face in first.receipt.faces] == ["changed", "changed"]
    desk.decide("keep", person=1)
    second = desk.preview(0, "blur", None)
    assert second.receipt is not None
    assert sorted(str(face.decision) for face in second.receipt.faces) == ["changed", "kept"]
    kept = next(face for face in desk.faces.photos[0].faces if face.person == 1)
    x0, y0, x1, y1 = (round(value) for value in kept.box)
    assert first.after is not None
    assert second.after is not None
    assert (second.after[y0:y1, x0:x1] == second.before[y0:y1, x0:x1]).all(), "not a pixel"
    assert (first.after[y0:y1, x0:x1] != first.before[y0:y1, x0:x1]).any()
    desk.decide("change", person=1)
    assert desk.preview(0, "blur", None) is first, "remembered"
    nobody = desk.preview(2, "blur", None)
    assert (nobody.after, nobody.receipt) == (None, None)
    assert str(nobody.problem).startswith("no face found (detector ")
    assert not desk.folder("blur").exists()


def test_other_faces_need_no_other_networks(album: Album, tmp_path: Path) -> None:
    place = tmp_path / "faces.json"
    place.write_bytes(album.faces.dump())
    usual = Anonymizer(make_plan("blur"))
    other = usual.choosing(make_plan("blur", run={"faces": place}))
    assert (other.method, other.finder, other.ensemble) == (usual.method, usual.finder, usual.ensemble)
    assert other.chooser.listed == album.faces
    assert usual.chooser.listed is None
    assert other.plan.contents.keys() == {"faces"}


def test_a_file_of_somebody_else_is_not_replaced(album: Album, tmp_path: Path) -> None:
    desk = Desk(album, tmp_path, output=tmp_path / "out")
    (tmp_path / "out.faces.json").write_text("{}")
    with pytest.raises(
        FacesError, match=r"out\.faces\.json is there, and is no list of faces\. Move it away, or begin"
    ):
        desk.write("blur", None, Watcher())
    assert not (tmp_path / "out").exists()


def test_the_command_that_does_the_same(album: Album, tmp_path: Path) -> None:
    desk = Desk(album, tmp_path, run={"far": 0.01, "keep_metadata": True, "recognizers": ["dlib-resnet"]})
    assert desk.command("inpaint-gradcam", "strong") == (
        f"privacy-faces anonymize {album.inputs[0]} --method inpaint-gradcam --strength strong "
        "--faces outputs/inpaint-gradcam.faces.json --output outputs/inpaint-gradcam --far 0.01 --keep-metadata "
        "--recognizers dlib-resnet"
    )


def test_a_method_that_lacks_something_is_refused() -> None:
    refused = CliRunner().invoke(main, ["review", str(FACES), "--profile", "full", "--recognizers", "dlib-resnet"])
    assert refused.exit_code == 2
    assert "The page cannot offer inpaint-gradcam. It has: blur, " in refused.stderr
    assert "Get them: privacy-faces weights pull stable-diffusion-inpainting" in " ".join(refused.stderr.split())


# ----------------------------------------------------------------------------------------------------------------
# In a browser


@dataclass
class Visit:
    """The page in a browser.

    Attributes:
        page: Playwright's.
        address: with the token.
        desk: behind the page.
        requests: addresses that the browser asked for.
        trouble: what it complained about.
    """

    page: Any
    address: str
    desk: Desk
    requests: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def visit(browser: Any, desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    from privacy_faces.review.serve import Server, listening

    with pytest.MonkeyPatch.context() as patch:
        # Set by the page for its process.
        for name in ("GRADIO_ANALYTICS_ENABLED", "GRADIO_TEMP_DIR", "HF_HUB_DISABLE_TELEMETRY"):
            patch.setenv(name, "")
        server = Server(desk, tmp_path_factory.mktemp("gradio"), listening(0), method="blur")
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            visit = Visit(browser.new_page(viewport={"width": 1280, "height": 900}), server.address, desk)
            visit.page.set_default_timeout(60_000)
            visit.page.on("request", lambda request: visit.requests.append(request.url))
            visit.page.on("pageerror", lambda error: visit.trouble.append(str(error)))
            visit.page.goto(server.address)
            yield visit
            visit.page.close()
        finally:
            server.stop()
            thread.join(30)
    assert not thread.is_alive()


def tab_to(page: Any, name: str) -> None:
    """Press Tab until the element of that accessible name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key || document.activeElement.innerText") == name:
            return
    raise AssertionError(f"Tab never comes to {name}")


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_one_person_stays_by_keyboard_alone(visit: Visit, folder: Path, tmp_path: Path) -> None:
    page, desk = visit.page, visit.desk
    page.get_by_text("group.png: 2 faces changed in 1 photo.").wait_for()
    tab_to(page, "Person 1 keep")
    page.keyboard.press("Enter")
    page.get_by_text("1 face will be changed, 2 stay as they are.").wait_for()
    assert page.evaluate("document.activeElement.dataset.key") == "Person 1 keep", "the focus stays where it was"
    assert page.locator(".pf-face.pf-keep").all_inner_texts() == ["1 keep", "1 keep"]
    assert page.locator(".pf-face.pf-keep").first.evaluate("face => getComputedStyle(face).borderTopStyle") == "dashed"
    assert page.locator(".pf-face.pf-change").first.evaluate("face => getComputedStyle(face).borderTopStyle") == "solid"
    page.get_by_text("group.png: 1 face changed in 1 photo, 1 kept as it was.").wait_for()
    tab_to(page, "Write all photos")
    page.keyboard.press("Enter")
    page.get_by_text("The photos are in").wait_for()
    assert "1 face changed in 1 photo, 2 kept as they were." in page.locator(".block.pf-written").inner_text()
    written = files(desk.folder("blur"))
    assert set(written) >= {"group.png", "group.receipt.json", "sub/ann.png", "run.json"}
    shown = desk.preview(0, "blur", None).after
    assert (np.asarray(Image.open(desk.folder("blur") / "group.png")) == shown).all()
    assert written == by_the_command(folder, tmp_path / "command", desk.list_of("blur"))
    assert sorted(face["decision"] for face in json.loads(written["group.receipt.json"])["faces"]) == [
        "changed",
        "kept",
    ]
    assert FaceList.read(desk.list_of("blur")) == desk.faces


def test_nothing_but_this_machine_and_only_with_the_token(visit: Visit) -> None:
    assert len(visit.requests) > 20
    port = urlsplit(visit.address).port
    assert {(urlsplit(url).hostname, urlsplit(url).port) for url in visit.requests} == {("127.0.0.1", port)}
    assert {url for url in visit.requests if not url.startswith(visit.address)} == set()
    assert visit.trouble == []
    assert status(visit.address) == 200
    root = f"http://127.0.0.1:{port}/"
    assert [status(f"{root}{path}") for path in ("", "pictures/photo-0.jpg", "config", "gradio_api/info")] == [403] * 4
    with socket.create_connection(("127.0.0.1", int(port or 0)), timeout=5):
        pass
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for other in others:
        with socket.socket() as outside:
            outside.settimeout(5)
            assert outside.connect_ex((other, int(port or 0))) != 0, "listens on the loopback address alone"


def test_phone_width_and_dark(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 400, "height": 850})
    page.emulate_media(color_scheme="dark")
    visit.desk.decide("keep", person=1)
    page.reload()
    page.get_by_text("1 face will be changed, 2 stay as they are.").wait_for()
    page.get_by_text("group.png: 1 face changed in 1 photo, 1 kept as it was.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 400, "nothing sticks out"
    red, green, blue = (
        int(part)
        for part in page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)")
    )
    assert max(red, green, blue) < 60
    page.get_by_role("button", name="Preview sub/ann.png").click()
    page.get_by_text("sub/ann.png: No face changed, 1 kept as it was.").wait_for()
    page.wait_for_function("document.querySelector('.pf-side').getBoundingClientRect().top < innerHeight")
    # No press is lost while an earlier one is answered.
    page.evaluate(
        """["show 0", "Everybody change"].forEach((key) =>
        document.querySelector(`[data-key="${key}"]`).click())"""
    )
    page.get_by_text("3 faces will be changed, 0 stay as they are.").wait_for()
    page.get_by_text("group.png: 2 faces changed in 1 photo.").wait_for()
