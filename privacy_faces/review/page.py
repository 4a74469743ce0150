"""The page itself: gradio's widgets around the board of people and photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from privacy_faces.pipeline.attempt import Outcome
from privacy_faces.pipeline.batch import Watcher
from privacy_faces.review import words
from privacy_faces.review.album import Sheet
from privacy_faces.review.choices import kept_and_changed, people_of
from privacy_faces.review.desk import Desk, has_strength, usable

_HERE = Path(__file__).parent
_STRENGTHS = [
    ("natural: keeps most of the looks", "natural"),
    ("balanced", None),
    ("strong: hides most", "strong"),
]
_INTO_VIEW = "() => document.querySelector('.pf-written').scrollIntoView({block: 'nearest'})"
# One after another: they share the networks and the cores.
_WORK = "work"
# The page is no service for programs; and no spinner for what takes no time.
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}
_HIDDEN: dict[str, Any] = {**_PRIVATE, "show_progress": "hidden"}


def make_app(desk: Desk, root: str, method: str) -> FastAPI:
    """The web application, all of whose paths begin with `root`.

    Args:
        desk: does what is asked for.
        root: such as /TOKEN.
        method: chosen when the page opens.
    """
    app = FastAPI(openapi_url=None)
    pictures = f"{root}/pictures"
    app.mount(pictures, StaticFiles(directory=desk.album.pictures))
    return gr.mount_gradio_app(
        app,
        _blocks(desk, pictures, method),
        root,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        # Fonts of the system: the usual ones come from elsewhere.
        theme=gr.themes.Default(
            primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
        ).set(
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_600",
        ),
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
    )


def board(desk: Desk, pictures: str, shown: int) -> str:
    """People and photos, with what will happen to each face.

    Args:
        desk: knows them.
        pictures: address of the folder with their pictures.
        shown: the photo whose preview is shown.
    """
    kept, changed = kept_and_changed(desk.faces)
    return (
        _environment()
        .get_template("board.html.j2")
        .render(
            people=people_of(desk.faces),
            everybody=None if kept and changed else "keep" if kept else "change",
            changed=changed,
            kept=kept,
            photos=list(zip(desk.faces.photos, desk.album.sheets, strict=True)),
            failed=desk.album.failed,
            pictures=pictures,
            shown=shown,
            inside=_inside,
            share=lambda part, whole: f"{100 * part / whole:.3f}%",
        )
    )


def _inside(box: tuple[float, float, float, float], sheet: Sheet) -> tuple[float, float, float, float]:
    """The part of a box that lies in the photo: detectors see faces go on beyond its edge."""
    x0, y0, x1, y1 = box
    return max(x0, 0), max(y0, 0), min(x1, sheet.width), min(y1, sheet.height)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("privacy_faces.review", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _said(sentence: str, lines: Iterable[str] = ()) -> str:
    """Text that a screen reader reads out when it changes."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    listed = f"<ul>{items}</ul>" if items else ""
    return f'<div class="pf-said" role="status"><strong>{escape(sentence)}</strong>{listed}</div>'


def _goes_to(desk: Desk, method: str) -> str:
    return _said(f"They will go to {desk.folder(method)}.")


class _Progress(Watcher):
    """Progress on the page."""

    def __init__(self, progress: gr.Progress) -> None:
        self._progress, self._done, self._count = progress, 0, 0

    def stage(self, name: str) -> None:
        """The stage that starts now."""
        self._progress((self._done, self._count) if self._count else 0, desc=name, unit="photos")

    def photos(self, outcomes: Iterator[Outcome], count: int) -> Iterable[Outcome]:
        """Count them."""
        self._count = count
        return outcomes

    def outcome(self, outcome: Outcome) -> None:
        """One more."""
        if self._count:
            self._done += 1
            self.stage("written")


def _blocks(desk: Desk, pictures: str, method: str) -> gr.Blocks:
    offered, others = usable(desk.profile, desk.run)
    with gr.Blocks(analytics_enabled=False, title="privacy-faces review", fill_width=True) as blocks:
        gr.Markdown(
            "# Choose the faces, look, then write\n"
            "Nothing leaves this machine, and your photos stay as they are: results go to another folder."
        )
        shown = gr.State(0)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                faces = gr.HTML(
                    board(desk, pictures, 0),
                    js_on_load=(_HERE / "board.js").read_text(encoding="utf-8"),
                    elem_classes="pf-board",
                )
            with gr.Column(scale=2, min_width=320, elem_classes="pf-side"):
                chosen = gr.Dropdown(
                    [(f"{name}: {summary}", name) for name, summary in offered.items()],
                    value=method,
                    label="Method",
                    info=f"Not here: {', '.join(others)}" if others else None,
                )
                strength = gr.Radio(_STRENGTHS, value=None, label="Strength", visible=has_strength(method))
                slider = gr.ImageSlider(
                    label="Before and after", format="png", interactive=False, buttons=["fullscreen"], max_height=360
                )
                # The handle on the picture takes a mouse or a finger, and no keys.
                edge = gr.Slider(0, 100, 50, step=5, label="Where before ends and after begins, in percent")
                receipt = gr.HTML(_said("The preview comes in a moment."))
                button = gr.Button("Write all photos", variant="primary")
                written = gr.HTML(_goes_to(desk, method), elem_classes="pf-written", min_height=120)

        def look(place: int, name: str, how: str | None) -> tuple[Any, str]:
            preview = desk.preview(place, name, how if has_strength(name) else None)
            title = f"{desk.album.sheets[place].name}: "
            if preview.receipt is None:
                return (preview.before, preview.before), _said(f"{title}{preview.problem}")
            sentence, lines = words.about(preview.receipt, desk.faces.photos[place].faces)
            return (preview.before, preview.after), _said(title + sentence, lines)

        def order(place: int, event: gr.EventData) -> tuple[int, str]:
            given = dict(event._data)
            place = given.pop("show", place)
            if given:
                desk.decide(**given)
            return place, board(desk, pictures, place)

        # A default of this kind is how gradio hands out its progress.
        def write(name: str, how: str | None, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
            how = how if has_strength(name) else None
            try:
                result = desk.write(name, how, _Progress(progress))
            except ValueError as error:
                return _said(f"Nothing was written. {error}")
            sentence, lines = words.about_all(result.outcomes)
            places = f"The photos are in {result.output}, what you decided in {result.faces}. The same in a terminal: "
            return _said(sentence, [*lines, places + desk.command(name, how)])

        edge.input(None, [edge], [slider], js="(share) => ({__type__: 'update', slider_position: share})", **_HIDDEN)
        look_inputs, look_outputs = [shown, chosen, strength], [slider, receipt]
        # No press is lost while an earlier one is answered, and the last look sees them all; the desk remembers what it
        # showed.
        decided = faces.order(order, [shown], [shown, faces], trigger_mode="multiple", **_HIDDEN)
        _live(decided.then, look, look_inputs, look_outputs, "multiple")
        chosen.change(
            lambda name: (gr.update(visible=has_strength(name)), _goes_to(desk, name)),
            [chosen],
            [strength, written],
            **_HIDDEN,
        )
        for event in (chosen.change, strength.change, blocks.load):
            _live(event, look, look_inputs, look_outputs)
        blocks.load(lambda place: board(desk, pictures, place), [shown], [faces], **_HIDDEN)
        button.click(None, js=_INTO_VIEW, **_HIDDEN)
        button.click(write, [chosen, strength], [written], concurrency_id=_WORK, concurrency_limit=1, **_PRIVATE).then(
            None, js=_INTO_VIEW, **_HIDDEN
        )
    return blocks


def _live(
    event: Callable[..., Any],
    look: Callable[..., Any],
    inputs: list[Any],
    outputs: list[Any],
    mode: str = "always_last",
) -> None:
    """Look again after an event; of many changes in a row, the last one counts."""
    event(look, inputs, outputs, concurrency_id=_WORK, concurrency_limit=1, trigger_mode=mode, **_PRIVATE)
