"""report.html: the same page for the same results, complete, whole without anything from elsewhere, legible, and honest
about what is missing."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from privacy_faces.cli import main
from privacy_faces.config.files import resource
from privacy_faces.evaluation import intervals
from privacy_faces.evaluation.report import charts, colors, wording
from privacy_faces.evaluation.report.page import render
from privacy_faces.evaluation.report.weakest import Verdict, weakest
from privacy_faces.evaluation.results import Results, ResultsError, read_results, write_results
from privacy_faces.evaluation.rows import Histogram, Number, Robustness, Roc, Separation
from privacy_faces.judge.thresholds import Threshold
from privacy_faces.judge.verdicts import Measure
from tests.results_sample import FAR, HOSTILE, NO_INCEPTION, NO_LPIPS, full, minimal

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
INLINE = {"a", "b", "strong", "sup", "span", "code", "time"}
STYLE = resource("evaluation/report/report.css").read_text(encoding="utf-8")


class Page(HTMLParser):
    """The elements of a page, each with the text inside; refuses one that is closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        self.close()
        assert not self._open, [self.elements[place][0] for place in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._apart(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        opened = self.elements[self._open.pop()][0]
        assert opened == tag, f"<{opened}> was closed by </{tag}> on line {self.getpos()[0]}"
        self._apart(tag)

    def _apart(self, tag: str) -> None:
        """Blocks stand apart from the text around them."""
        if tag not in INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for place in self._open:
            self.elements[place][2].append(data)

    def all(self, tag: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        """Attributes and text, white space made single, of the elements of a tag with these attributes."""
        return [
            (attributes, " ".join("".join(text).split()))
            for name, attributes, text in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]


@pytest.fixture(scope="module")
def source() -> str:
    return render(full())


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def section(page: Page, name: str) -> str:
    """The text of a section."""
    ((_, text),) = page.all("section", id=name)
    return text


def changed(results: Results, **update: Any) -> Results:
    """The same results, the first method's fields replaced."""
    first, *others = results.methods
    return results.model_copy(update={"methods": [first.model_copy(update=update), *others]})


class TestPage:
    @pytest.mark.parametrize("make", [full, minimal])
    def test_is_the_same_in_memory_and_from_the_file(self, make: Any, tmp_path: Path) -> None:
        text = render(make())
        write_results(make(), tmp_path / "results.json")
        assert render(read_results(tmp_path / "results.json")) == text
        assert render(make()) == text

    @pytest.mark.parametrize("make", [full, minimal])
    def test_is_well_formed_and_semantic(self, make: Any) -> None:
        text = render(make())
        page = Page(text)
        assert text.lstrip().lower().startswith("<!doctype html>")
        assert len(page.all("h1")) == 1
        assert len(page.all("table")) == len(page.all("caption")) > 0
        assert all(attributes.get("scope") in {"col", "row", "rowgroup"} for attributes, _ in page.all("th"))
        assert all(attributes.get("alt") for attributes, _ in page.all("img"))
        assert all(
            attributes.get("aria-label") or attributes.get("aria-hidden") == "true" for attributes, _ in page.all("svg")
        )
        assert all(attributes.get("aria-label") for attributes, _ in page.all("input"))
        identifiers = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
        assert len(identifiers) == len(set(identifiers))
        links = [attributes["href"] or "" for attributes, _ in page.all("a")]
        assert {link.removeprefix("#") for link in links} <= set(identifiers)

    def test_loads_nothing_and_forbids_it(self, source: str, page: Page) -> None:
        ((policy, _),) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
        rules = dict([*rule.split(), ""][:2] for rule in (policy["content"] or "").split("; "))
        assert (rules["default-src"], rules["img-src"], rules["base-uri"], rules["form-action"]) == (
            "'none'",
            "data:",
            "'none'",
            "'none'",
        )
        for tag, attribute in (("style", "style-src"), ("script", "script-src")):
            ((_, _),) = page.all(tag)
            ((inline,),) = [text for name, _, text in page.elements if name == tag]
            assert _sha256(inline) == rules[attribute], tag
        assert not page.all("link")
        assert not page.all("iframe")
        assert all((attributes["src"] or "").startswith("data:image/") for attributes, _ in page.all("img"))
        assert not re.search(
            r"""(?:src|href|action|poster|data|srcset)\s*=\s*["']?\s*(?:https?:|//)|url\(|@import""", source
        )
        assert not re.search(r"\bon[a-z]+=", re.sub(r"base64,[A-Za-z0-9+/=]+", "", source))

    def test_pictures_must_be_in_the_results(self) -> None:
        method = full().methods[0]
        outside = method.examples[0].model_copy(update={"after": "https://example.org/after.png"})
        with pytest.raises(
            ResultsError,
            match=(
                r"^Expected pictures inside results.json, .* found "
                r"'https://example.org/after.png' \(after, .*, blur\)"
            ),
        ):
            render(changed(full(), examples=[outside]))

    def test_says_what_was_judged_and_how_to_repeat_it(self, page: Page) -> None:
        assert "60 photos of 41 people (portraits), judged by dlib-resnet and facenet" in page.all("header")[0][1]
        text = section(page, "reproduce")
        data = full().data
        for expected in (
            full().command,
            data.sha256,
            data.gallery,
            "threshold 0.926861 at FAR 0.001 (calibrated)",
            "Seed 0",
            "torch 2.15.0",
            "p17/2.jpg: no face found",
        ):
            assert expected in text
        assert "Calibrated on: 915 portraits of members of the United States Congress, public domain." in text


class TestHonesty:
    def test_an_unchanged_method_cannot_be_missed(self, page: Page) -> None:
        ((_, flags),) = page.all("div", id="flags")
        assert "pixelate: UNCHANGED: 60 of 60 photos came back with the very same pixels" in flags
        assert "makeup: FAILED: 3 of 60 photos have no result" in flags
        rows = [text for _, text in page.all("tr") if text.startswith("pixelate")]
        assert len(rows) >= 7
        assert all(text.startswith("pixelate flagged") for text in rows)

    def test_white_box_and_held_out_numbers_never_share_a_table(self, page: Page) -> None:
        board = section(page, "leaderboard")
        for name in ("dlib-resnet", "facenet"):
            assert board.index(f"{name}, held out") < board.index(f"{name}, surrogate")
        for _, text in page.all("table", **{"class": "sortable"}) + page.all("table", **{"class": "heat"}):
            assert not ("held out: took no part" in text and "white-box" in text)

    def test_surrogate_only_evidence_is_said_in_every_row(self, page: Page) -> None:
        rows = [text for _, text in page.all("tr") if text.startswith("noise-tipim")]
        assert len(rows) >= 7
        assert all(text.startswith("noise-tipim surrogate-only evidence") for text in rows)
        assert "noise-tipim was judged only by recognizers that had helped to make the change." in section(
            page, "summary"
        )

    def test_a_recognizer_of_unknown_role_is_not_called_held_out(self) -> None:
        (row,) = minimal().methods[0].success
        hidden = Number(value=1, n=400, low=0.99, high=1)
        success = [row.model_copy(update={"role": "unknown", "protected": hidden, "lift": hidden})]
        page = Page(render(changed(minimal(), success=success, evidence="unknown", surrogates=[])))
        text = section(page, "summary")
        assert "Against dlib-resnet, role unknown: nothing says whether it helped to make the change" in text
        assert "Unknown evidence: nothing says which recognizers helped to make after." in text
        assert "No method is shown to hide 90 %" in text
        assert "after role unknown" in section(page, "leaderboard")
        assert "unknown: nothing says which recognizers helped" in section(page, "details")

    def test_only_held_out_recognizers_make_the_summary(self, page: Page) -> None:
        # noise-pgd hides everybody from its surrogate, and nobody from the held-out recognizer.
        text = section(page, "summary")
        held_out = text[text.index("Against facenet, held out") : text.index("Against dlib-resnet, surrogate")]
        unsure = held_out[held_out.index("Not told apart from no protection at all") :]
        same = "0 % (0 to 6, n = 60)"  # the same photo; then still a face, PSNR, detectability
        assert (
            "noise-pgd 0 % (0 to 9, n = 38) attacker protected-gallery 2 % (0.3 to 9, n = 60) 100 % 33.2 0.91" in unsure
        )
        assert f"pixelate flagged {same} against the same photo {same} 100 % n/a 0.91" in unsure

    def test_the_verdict_is_the_worst_that_the_page_knows(self, page: Page) -> None:
        """fill was "shown to hide at least 90 % of the faces" while the table below it said 33 % after a messenger."""
        text = section(page, "summary")
        assert "No method is shown to hide 90 % of the faces (low end of the interval)" in text
        assert "two recognizers: two that helped to make some of the changes" in text
        held_out = text[text.index("Against facenet, held out") : text.index("Against dlib-resnet, surrogate")]
        some = held_out[held_out.index("not shown to hide 90 %") :]
        assert "fill 33 % (23 to 46, n = 60) after messenger" in some
        for method in full().methods:
            found = weakest(method, "facenet", FAR[0])
            assert found is not None
            for row in (*method.robustness, *method.attacks):
                number = row.dodging if isinstance(row, Robustness) else row.protected
                worse = row.recognizer == "facenet" and (number.value or 0) < (found.condition.protected.value or 0)
                assert not worse or found.verdict == Verdict.SAME_AS_NOTHING

    def test_what_all_must_know_comes_first(self) -> None:
        flagged = full().model_copy(update={"flags": ["SEEN BEFORE: thresholds"]})
        ((_, text),) = Page(render(flagged)).all("div", id="flags")
        assert text.startswith("Read this first SEEN BEFORE: thresholds")

    def test_strangers_that_match_are_said_in_the_cell(self) -> None:
        first = full().methods[0]
        apart = Separation(
            false_accepts=Number(value=0.67, n=90, low=0.5, high=0.8),
            auc=Number(value=0.55, n=10),
            eer=Number(value=0.45, n=100),
        )
        attacks = [row.model_copy(update={"separation": apart}) for row in first.attacks]
        assert "FAR here 67 %, AUC 0.550" in section(Page(render(changed(full(), attacks=attacks))), "attackers")

    def test_a_negative_lift_is_shown_as_one(self, page: Page) -> None:
        cells = [text for _, text in page.all("b", **{"class": "negative"})]
        assert "\N{MINUS SIGN}5" in cells
        assert all(text.startswith("\N{MINUS SIGN}") for text in cells)

    def test_missing_numbers_have_their_reason_and_the_command(self, page: Page) -> None:
        reasons = {
            attributes["id"]: text
            for attributes, text in page.all("li")
            if str(attributes.get("id")).startswith("reason-")
        }
        assert {NO_LPIPS, NO_INCEPTION, "no frame differs from its original", "no such faces"} == set(reasons.values())
        missing = [(attributes, text) for attributes, text in page.all("a") if text.startswith("n/a")]
        assert len(missing) == 12 * 3 + 2 + 4
        for attributes, text in missing:
            assert reasons[str(attributes["href"]).removeprefix("#")] == attributes["title"]
            assert f"n/a{str(attributes['href']).removeprefix('#reason-')}" == text
        assert "Not drawn: pixelate (no frame differs from its original)" in section(page, "scatter")

    def test_with_surrogates_only_nothing_is_called_protection(self) -> None:
        text = section(Page(render(minimal())), "summary")
        assert "Every recognizer that judged had helped to make the change" in text
        assert "no protection at all after surrogate-only evidence 0 % (0 to 49, n = 4) against the same photo" in text
        assert "held out" not in text

    @pytest.mark.parametrize(
        ("low", "lift_low", "verdict"),
        [
            (0.9, 0.1, "Shown to hide at least 90 %"),
            (0.89, 0.1, "Hides more than no protection does"),
            (0.9, 0.0, "Not told apart"),
            (0.9, -0.1, "Not told apart"),
        ],
    )
    def test_the_low_ends_of_the_intervals_decide(self, low: float, lift_low: float, verdict: str) -> None:
        (row,) = minimal().methods[0].success
        protected, lift = Number(value=0.97, n=60, low=low, high=1), Number(value=0.5, n=60, low=lift_low, high=0.6)
        page = Page(render(changed(minimal(), success=[row.model_copy(update={"protected": protected, "lift": lift})])))
        (heading,) = [text for _, text in page.all("th", scope="rowgroup")]
        assert heading.startswith(verdict)

    @pytest.mark.parametrize(("people", "verdict"), [(1, "Undecided: too few faces"), (60, "Not told apart")])
    def test_a_few_faces_do_not_show_that_nothing_is_hidden(self, people: int, verdict: str) -> None:
        (row,) = minimal().methods[0].success
        who = [str(number) for number in range(people)]
        none, some = (intervals.share(np.full(people, value), who) for value in (0.0, 0.05))
        rows = [
            row.model_copy(update={"clean": none, "protected": some, "lift": Number(value=0.05, n=people, low=-0.1)})
        ]
        (heading,) = [text for _, text in Page(render(changed(minimal(), success=rows))).all("th", scope="rowgroup")]
        assert heading.startswith(verdict)

    def test_what_is_undecided_is_named_beside_what_is_not(self) -> None:
        """A share of three faces stood as the weakest result, before a lower one of all faces."""
        (row,) = minimal().methods[0].success
        who = [str(number) for number in range(60)]
        none, all_of_them = (intervals.share(np.full(60, value), who) for value in (0.0, 1.0))
        few = intervals.share(np.ones(3), ["one"] * 3)
        same = row.model_copy(update={"clean": none, "protected": all_of_them, "lift": all_of_them})
        lift = Number(value=1, n=3, low=-0.1, high=1)
        clean = intervals.share(np.zeros(3), ["one"] * 3)
        other = row.model_copy(
            update={"measure": "dodging-other-photo", "clean": clean, "protected": few, "lift": lift}
        )
        for rows, heading in (([same], "Shown to hide"), ([same, other], "Hides more than no protection does")):
            page = Page(render(changed(minimal(), success=rows)))
            assert next(text for _, text in page.all("th", scope="rowgroup")).startswith(heading)
        assert (
            "100 % (94 to 100, n = 60) against the same photo undecided: 100 % of 3 against another photo"
            in section(page, "summary")
        )

    @pytest.mark.parametrize(("people", "said"), [(12, True), (60, False)])
    def test_a_goal_that_nothing_can_reach_is_called_so(self, people: int, said: bool) -> None:
        (row,) = minimal().methods[0].success
        hidden = intervals.share(np.ones(people), [str(number) for number in range(people)])
        rows = [row.model_copy(update={"role": "held-out", "protected": hidden, "lift": hidden})]
        text = section(Page(render(changed(minimal(), success=rows, evidence="held-out", surrogates=[]))), "summary")
        assert ("With so few people, not even 100 % would show it." in text) == said

    def test_photos_without_a_result_are_named(self, page: Page) -> None:
        ((_, text),) = page.all("details", id="method-6")
        assert "57; without a result: 3" in text
        assert "p2/0.jpg: no lips found" in text


class TestNumbers:
    def test_every_number_of_the_leaderboard_has_its_interval_and_n(self, page: Page) -> None:
        board = section(page, "leaderboard")
        shown = 0
        for method in full().methods:
            for row in method.success:
                if row.group is None and row.far in (None, FAR[0]):
                    assert wording.spelled(row.protected) in board
                    shown += 1
                    if row.measure == "dodging":
                        assert wording.spelled(row.clean) in board
                        assert wording.spelled(row.lift, "points") in board
        assert shown > 100

    def test_quality_and_cost(self, page: Page) -> None:
        price = section(page, "price")
        for method in full().methods:
            assert method.cost is not None
            for column in wording.USEFUL:
                kept = wording.useful(method, column)
                assert kept is not None
                assert kept.value is None or wording.spelled(kept, column.kind) in price
            for columns, part in ((wording.QUALITY, method.quality), (wording.COST, method.cost)):
                for column in columns:
                    number: Number = getattr(part, column.name)
                    assert number.value is None or wording.spelled(number, column.kind) in price

    def test_every_rate_and_subgroup_is_in_the_fold_out(self, page: Page) -> None:
        for index, method in enumerate(full().methods, 1):
            ((_, text),) = page.all("details", id=f"method-{index}")
            for row in method.success:
                far = "no threshold" if row.far is None else wording.rate(row.far)
                group = f"{row.group.column}: {row.group.value}" if row.group else "all"
                numbers = (
                    f"{wording.spelled(row.protected)} {wording.spelled(row.clean)} "
                    f"{wording.spelled(row.lift, 'points')}"
                )
                where = f"{wording.MEASURES[row.measure].title} {row.recognizer} {row.role} {far} {group} {numbers}"
                assert where in text

    def test_heat_maps_have_a_cell_for_each_operation_and_attacker(self, page: Page) -> None:
        titles = {attributes.get("title") for attributes, _ in page.all("td")}
        cells = 0
        for method in full().methods:
            for row in method.robustness:
                impersonation = f"; impersonation {wording.spelled(row.impersonation)}" if row.impersonation else ""
                title = (
                    f"{wording.spelled(row.dodging)}; unprotected {wording.spelled(row.clean)}; a face is still found "
                    f"in {wording.spelled(row.detected)}"
                )
                assert title + impersonation in titles
                cells += 1
            for attack in method.attacks:
                how = "; without a threshold" if attack.far is None else f"; FAR {wording.rate(attack.far)}"
                assert (
                    f"{wording.spelled(attack.protected)}; unprotected {wording.spelled(attack.clean)}{how}" in titles
                )
                cells += 1
        assert len([1 for attributes, _ in page.all("td") if attributes.get("title")]) == cells

    def test_examples_have_similarity_threshold_and_margin(self, page: Page) -> None:
        captions = [text for _, text in page.all("figcaption")]
        judged = (
            "dlib-resnet (held out): similarity 0.957, matched: above the threshold 0.927 facenet (held out): "
            "similarity 0.430, not above the threshold 0.523"
        )
        assert f"{HOSTILE}: still matched, margin +0.030; PSNR 22.5 dB {judged}" in captions
        assert sum("the frame did not change" in text for text in captions) == 4
        assert len(page.all("input", **{"class": "slide"})) == 4 * 12

    def test_services_have_a_column(self, page: Page) -> None:
        assert (
            "inpaint-gradcam faceplusplus 61.0 (58.0 to 64.0, n = 60) 96.2 (95.2 to 97.2, n = 60) 80 % (68 to 88, n = "
            "60)" in section(page, "services")
        )
        assert not Page(render(minimal())).all("section", id="services")

    @pytest.mark.parametrize(
        ("share", "text"),
        [
            (0.0, "0 %"),
            (0.97, "97 %"),
            (1.0, "100 %"),
            (0.004, "0.4 %"),
            (0.9967, "99.7 %"),
            (0.00001, "<0.1 %"),
            (0.99999, ">99.9 %"),
            (0.005, "0.5 %"),
        ],
    )
    def test_none_and_all_are_kept_for_exactly_that(self, share: float, text: str) -> None:
        assert wording.percent(share) == text

    @pytest.mark.parametrize(
        ("lift", "text"),
        [
            (0.95, "+95"),
            (0.0, "0"),
            (-0.05, "\N{MINUS SIGN}5"),
            (-1.0, "\N{MINUS SIGN}100"),
            (0.002, "+0.2"),
            (-0.002, "\N{MINUS SIGN}0.2"),
            (-0.00001, ">\N{MINUS SIGN}0.1"),
        ],
    )
    def test_lifts_are_signed(self, lift: float, text: str) -> None:
        assert wording.points(lift) == text

    def test_spelled(self) -> None:
        assert wording.spelled(Number(value=0.97, n=60, low=0.91, high=0.99)) == "97 % (91 to 99, n = 60)"
        assert wording.spelled(Number(value=0.97, n=60)) == "97 % (n = 60)"
        assert wording.spelled(Number(value=None, n=0, missing="no such faces")) == "n/a (no such faces)"
        assert wording.spelled(Number(value=None, n=0)) == "n/a (results.json gives no reason)"
        assert wording.spelled(Number(value=0.00123, n=2), "seconds") == "0.00123 (n = 2)"
        assert wording.spelled(Number(value=1234.5, n=2), "seconds") == "1234 (n = 2)"
        assert wording.spelled(Number(value=0.0000123, n=2), "seconds") == "0.00001 (n = 2)"

    def test_every_measure_is_defined(self, page: Page) -> None:
        assert set(get_args(Measure)) <= set(wording.MEASURES)
        text = section(page, "definitions")
        assert all(measured.title in text and measured.definition in text for measured in wording.MEASURES.values())


class TestHostileText:
    def test_names_from_the_data_are_text(self, source: str, page: Page) -> None:
        assert HOSTILE not in source
        assert html.escape(HOSTILE) in source
        assert len(page.all("script")) == 1

    def test_every_string_is_escaped(self) -> None:
        poison = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 191 }}"
        data = json.loads(full().model_dump_json(by_alias=True))
        fixed = {
            "schema",
            "kind",
            "measure",
            "role",
            "evidence",
            "source",
            "pairs",
            "before",
            "mask",
            "after",
            "created",
        }

        def poisoned(value: Any, key: str = "") -> Any:
            if isinstance(value, dict):
                return {name: poisoned(item, name) for name, item in value.items()}
            if isinstance(value, list):
                return [poisoned(item, key) for item in value]
            return value + poison if isinstance(value, str) and key not in fixed else value

        text = render(Results.model_validate(poisoned(data)))
        page = Page(text)
        assert len(page.all("script")) == 1
        assert not [1 for _, attributes, _ in page.elements if "onerror" in attributes or attributes.get("src") == "x"]
        assert "<script>alert" not in text
        assert "1337" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)


class TestColors:
    """WCAG 2.2, AA: text has a contrast of at least 4.5 to its ground, what is drawn and the focus of at least 3."""

    @pytest.mark.parametrize("dark", [False, True])
    def test_text_is_legible(self, dark: bool) -> None:
        color = _variables(dark)
        for ground in ("page", "raised"):
            for ink in ("ink", "soft", "accent", "warn"):
                assert _ratio(color[ink], color[ground]) >= 4.5, (ink, ground)
        assert _ratio(color["warn"], color["warn-page"]) >= 4.5
        for drawn in ("accent", "other", "clean", "ink"):
            assert _ratio(color[drawn], color["page"]) >= 3, drawn
        assert set(re.findall(r"var\(--([a-z-]+)\)", STYLE)) <= set(color)

    @pytest.mark.parametrize("dark", [False, True])
    def test_heat_maps_read_without_color(self, dark: bool) -> None:
        scale = colors.heat_colors(dark)
        assert len(scale) == colors.HEAT_LEVELS + 1
        assert all(_ratio(ink, ground) >= 4.5 for ground, ink in scale)
        # Each step differs more from the page than the one before: also for those who see no colors, and on gray
        # paper.
        away = [_ratio(ground, _variables(dark)["page"]) for ground, _ in scale]
        assert away == sorted(away)
        assert away[-1] > 5 * away[0]

    def test_contrast(self) -> None:
        # The reference values of WCAG: black on white, equal colors; #767676 is the lightest gray that passes on
        # white.
        assert colors.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
        assert colors.contrast((9, 9, 9), (9, 9, 9)) == 1
        assert colors.contrast((0x76,) * 3, (255,) * 3) == pytest.approx(4.54, abs=0.005)


class TestBrowser:
    def test_fits_a_screen_a_phone_and_a_page(self, browser: Any, source: str) -> None:
        """No column runs off a table at 1280 pixels and on paper; on a phone tables scroll, and the page does not."""
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(source)
        wide = "[...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth + 1).length"
        assert page.evaluate("document.querySelectorAll('.wide').length") > 20
        assert page.evaluate(wide) == 0
        shown = "[...document.querySelectorAll('tr[data-group]')].filter(row => !row.hidden).map(r => r.dataset.group)"
        rows = page.evaluate(shown)
        groups = set(rows) - {"all"}
        assert groups
        page.select_option("#group", min(groups))
        assert set(page.evaluate(shown)) == {min(groups)}
        page.select_option("#group", "")
        assert page.evaluate(shown) == rows
        page.set_viewport_size({"width": 400, "height": 850})
        assert page.evaluate("document.documentElement.scrollWidth") == 400
        page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") == 688
        page.close()


class TestCharts:
    def test_prices_are_drawn_where_their_numbers_say(self) -> None:
        points = [charts.Point(20, 0.5, 0.4, 0.6, "first"), charts.Point(30, 1, 0.9, 1, "second")]
        drawn = Drawing(charts.price_chart(points, [20, 30, 38], True, "Prices", "salt"))
        assert drawn.label == "Prices: first: 50 % at 20.0 dB, second: 100 % at 30.0 dB"
        (share, psnr), (other_share, other_psnr) = (
            drawn.marks("first: 50 % at 20.0 dB"),
            drawn.marks("second: 100 % at 30.0 dB"),
        )
        ticks = drawn.texts()
        assert share[0] == ticks["50 %"][0][0]
        assert (psnr[0], other_psnr[0]) == (ticks["20"][0][0], ticks["30"][0][0])
        # The share itself stands beside its mark, and the tick below the axis: both say 100 %.
        assert other_share[0] in {x for x, _ in ticks["100 %"]}
        assert share[1] == psnr[1] < other_share[1] == other_psnr[1]
        whole = 2 * (other_share[0] - share[0])
        interval = (share[0] - 0.1 * whole, share[1], share[0] + 0.1 * whole, share[1])
        assert pytest.approx(interval, abs=1e-5) in drawn.lines("accent")

    def test_panels_share_an_axis(self, source: str) -> None:
        prices = [Drawing(text) for text in _drawings(source) if "and PSNR" in Drawing(text).label]
        assert len(prices) == 4
        for rate in ("20", "30"):
            assert len({drawn.texts()[rate][0][0] for drawn in prices}) == 1

    @pytest.mark.parametrize("count", [1, 2, 12, 40])
    def test_names_of_a_crowd_do_not_cover_each_other(self, count: int) -> None:
        names = [f"inpaint-number-{index}" for index in range(count)]
        points = [charts.Point(30 + 0.01 * index, 1, 1, 1, name) for index, name in enumerate(names)]
        drawn = Drawing(charts.price_chart(points, [20, 32], False, "", "salt"))
        places = [drawn.texts()[name] for name in names]
        assert {x for ((x, _),) in places} == {0}
        heights = [y for ((_, y),) in places]
        # The largest type, on small screens, is 13.5 high.
        assert all(below - above > 13.5 for above, below in itertools.pairwise(heights))
        assert heights[-1] < drawn.height

    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            ("inpaint-gradcam", ["inpaint-gradcam"]),
            ("inpaint-gradcam-without-dlib-resnet", ["inpaint-gradcam-", "without-dlib-resnet"]),
            ("x" * 300, ["x" * 20, "…"]),
            ("$x^2$ \x00 <b>", ["$x^2$ \N{REPLACEMENT CHARACTER} <b>"]),
        ],
    )
    def test_long_and_odd_names(self, name: str, lines: list[str]) -> None:
        drawn = Drawing(charts.price_chart([charts.Point(30, 0, 0, 0, name)], [30], True, "", "salt"))
        assert [text for text, places in drawn.texts().items() if places[0][0] == 0] == lines

    def test_full_marks_are_held_out_and_rings_are_surrogates(self, source: str) -> None:
        fills = {
            "held out" in Drawing(text).label: set(re.findall(r'<use [^>]*fill="var\(--([a-z]+)\)"', text))
            for text in _drawings(source)
            if "and PSNR" in Drawing(text).label
        }
        assert fills == {True: {"accent"}, False: {"page"}}

    def test_charts_take_their_colors_from_the_page(self, source: str) -> None:
        drawings = _drawings(source)
        assert len(drawings) == 4 + 24 + 24
        for text in drawings:
            assert "style=" not in text
            assert "#" not in re.sub(r'(?:href="#|id=")m[0-9a-f]{10}"', "", text)
            assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', text)) <= {
                "none",
                *(f"var(--{name})" for name in colors.VARIABLES.values()),
            }
        assert set(colors.VARIABLES.values()) <= set(_variables(dark=False))

    def test_charts_do_not_depend_on_the_settings_of_the_machine(self) -> None:
        import matplotlib

        points = [charts.Point(30, 1, 1, 1, "name")]
        expected = charts.price_chart(points, [30], True, "", "salt")
        with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
            assert charts.price_chart(points, [30], True, "", "salt") == expected
            assert matplotlib.rcParams["font.size"] == 30

    def test_a_report_needs_no_torch_and_only_rendering_matplotlib(self) -> None:
        code = (
            "import sys\n"
            "from privacy_faces.evaluation.report.page import render\n"
            "assert 'matplotlib' not in sys.modules\n"
            "from tests.results_sample import full\n"
            "render(full())\n"
            "assert 'matplotlib' in sys.modules and 'torch' not in sys.modules\n"
            "assert 'matplotlib.pyplot' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])

    def test_roc_marks_thresholds_where_they_lie_on_the_data(self) -> None:
        curve = Roc(
            recognizer="r",
            role="held-out",
            pairs="same-photo",
            far=[0.001, 0.01, 0.1, 1],
            threshold=[0.9, 0.8, 0.6, 0.1],
            clean=[0.4, 0.6, 0.8, 1],
            protected=[0, 0.1, 0.2, 1],
        )
        operating = [
            Threshold(far=far, threshold=value, source="calibrated")
            for far, value in ((1e-4, 0.95), (0.001, 0.8), (0.01, 0.7), (0.1, 0.05))
        ]
        chart = charts.roc_chart([curve], operating, "ROC", "salt")
        assert [(item.far, item.below) for item in chart.thresholds] == [
            (0.001, True),
            (0.01, False),
            (0.1, False),
            (1, False),
        ]
        drawn = Drawing(chart.drawing)
        ticks = [drawn.texts()[text][0][0] for text in ("0.001", "0.01", "0.1", "1")]
        assert [x for x, *_ in drawn.lines("ink")] == ticks
        # Thresholds have a title each; the clean curve is dashed, the protected one is not.
        assert len(re.findall("<title>Threshold", chart.drawing)) == 4
        assert chart.thresholds[1].said == "0.8, of FAR 0.001 (calibrated), here 0.01"
        curves = re.findall(r'<path d="([^"]*)"([^>]*stroke="var\(--accent\)"[^>]*)>', chart.drawing)
        assert ["dasharray" in rest for _, rest in curves] == [True, False]
        assert drawn.label == "ROC"
        assert [len(re.findall("[ML]", path)) for path, _ in curves] == [4, 4]
        assert charts.read_off(curve, 0.005) == (0.01, 0.6, 0.1)
        assert charts.read_off(curve, 2) == (1, 1, 1)

    def test_histograms_stand_where_their_numbers_say(self) -> None:
        histogram = Histogram(
            recognizer="r",
            role="held-out",
            edges=[0, 0.5, 1],
            strangers=[8, 0],
            clean=[0, 4],
            protected=[3, 1],
        )
        operating = [Threshold(far=0.01, threshold=value, source="calibrated") for value in (0.5, 2.0)]
        drawn = Drawing(charts.score_chart(histogram, operating, "Scores", "salt"))
        ticks = drawn.texts()
        assert set(ticks) >= {"0 %", "50 %", "100 %", "similarity", "share of the pairs"}
        ((middle, *_),) = drawn.lines("ink")  # the other threshold lies outside
        assert middle == pytest.approx((ticks["0.0"][0][0] + ticks["1.0"][0][0]) / 2, abs=0.01)


class Drawing:
    """What stands where in a chart."""

    def __init__(self, text: str) -> None:
        self._root = ElementTree.fromstring(text)
        self.label = self._root.attrib["aria-label"]
        self.height = float(self._root.attrib["viewBox"].split()[3])

    def texts(self) -> dict[str, list[tuple[float, float]]]:
        """Text -> its places (x, y)."""
        found: dict[str, list[tuple[float, float]]] = {}
        for item in self._root.iter("text"):
            # Text of several lines is moved to its place.
            x, y = re.findall(r"-?[\d.]+", item.get("transform", "")) or (item.attrib["x"], item.attrib["y"])
            found.setdefault(item.text or "", []).append((float(x), float(y)))
        return found

    def marks(self, title: str) -> list[tuple[float, float]]:
        """The places of the marks with this title."""
        return [
            (float(use.attrib["x"]), float(use.attrib["y"]))
            for group in self._root.iter("g")
            if group.findtext("title") == title
            for use in group.iter("use")
        ]

    def lines(self, color: str) -> list[tuple[float, ...]]:
        """Straight lines of a color: both ends."""
        paths = [path.attrib["d"] for path in self._root.iter("path") if path.get("stroke") == f"var(--{color})"]
        numbers = [tuple(float(number) for number in re.findall(r"-?[\d.]+", path)) for path in paths]
        return [line for line in numbers if len(line) == 4]


def _drawings(source: str) -> list[str]:
    """The charts of a page."""
    return re.findall(r'<svg [^>]*role="img".*?</svg>', source, flags=re.DOTALL)


class TestCommand:
    def test_writes_the_report_beside_the_results(self, tmp_path: Path, source: str) -> None:
        write_results(full(), tmp_path / "results.json")
        result = call(tmp_path / "results.json")
        assert result.stdout == f"written to {tmp_path / 'report.html'}\n"
        assert (tmp_path / "report.html").read_text(encoding="utf-8") == source
        call(tmp_path / "results.json", "--output", tmp_path / "deeper/page.html")
        assert (tmp_path / "deeper/page.html").read_bytes() == (tmp_path / "report.html").read_bytes()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "Expected a results.json at .*, found none. Make one: privacy-faces benchmark"),
            ("[]", "is no results.json of version 1"),
            ('{"schema": 2}', "is no results.json of version 1: schema: Input should be 1"),
            ("not json", "is no results.json of version 1: : Invalid JSON"),
            (b"\xff\xd8\xff\xe0 a photo", "results.json is no results.json of version 1: : Invalid JSON"),
        ],
    )
    def test_refuses_what_is_no_results_json(self, tmp_path: Path, content: str | bytes | None, message: str) -> None:
        if content is not None:
            (tmp_path / "results.json").write_bytes(content.encode() if isinstance(content, str) else content)
        result = call(tmp_path / "results.json", code=2)
        assert re.search(message, result.stderr)
        assert not (tmp_path / "report.html").exists()

    def test_refuses_a_folder_as_the_page(self, tmp_path: Path) -> None:
        write_results(minimal(), tmp_path / "results.json")
        result = call(tmp_path / "results.json", "--output", tmp_path, code=2)
        assert f"Expected a file to write, found the folder {tmp_path}." in result.stderr

    def test_a_failed_write_leaves_the_older_report(self, tmp_path: Path) -> None:
        write_results(minimal(), tmp_path / "results.json")
        (tmp_path / "file").write_text("older", encoding="utf-8")
        call(tmp_path / "results.json", "--output", tmp_path / "file/report.html", code=2)
        assert (tmp_path / "file").read_text(encoding="utf-8") == "older"


def call(*args: object, code: int = 0) -> Result:
    """`privacy-faces report`; a defect of the program is not an exit status."""
    result = CliRunner().invoke(main, ["report", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def _sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _variables(dark: bool) -> dict[str, str]:
    """The page's colors by name, in either scheme."""
    light, _, rest = STYLE.partition("@media")
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    in_dark = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", rest))
    assert set(found) == set(in_dark)
    return in_dark if dark else found


def _ratio(first: str, second: str) -> float:
    return colors.contrast(*([int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in (first, second)))
