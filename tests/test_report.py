"""The report: one file that needs nothing else, in which all text is text, and every part may be missing."""

import base64
import hashlib
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viz.caption_cards import caption_cards
from viz.caption_sheet import Sample
from viz.markup import Html, element
from viz.page import Section, figures, image_figure, table, write_page
from viz.report import write_report

NASTY = "<script>alert(1)</script>\" onload='x' &amp; \x00\ud800 ‮مرحبا 漢字 🦊 </style><!--"
GRAPH = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 45"><style>#a { fill: url(#g) }</style>
<defs><linearGradient id="g"/></defs><rect id="a" fill="url(#g)"/></svg>"""
VOID = {"meta", "link", "img", "input"}


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, its text, and whether all that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def picture(seed: int = 0, side: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def photograph() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Soft shapes under the grain of a camera."""
    y, x, colour = np.mgrid[:480, :640, :3]
    soft = 128 + 90 * np.sin(x / 40 + colour) * np.cos(y / 30) + np.random.default_rng(0).normal(0, 8, x.shape)
    return soft.clip(0, 255).astype(np.uint8)


def sample(number: int, **changes: Any) -> Sample:
    known: dict[str, Any] = {
        "caption": "a red star above a blue circle",
        "truths": ["a red star above a pink circle", "below a red star is a pink circle"],
        "image": picture(number),
        "right": number % 3 > 0,
        "label": "seen" if number % 2 else "never seen",
    }
    return Sample(**{**known, **changes})


def written(path: Path, **changes: Any) -> str:
    """The text of a report about everything, or with changes."""
    log = [
        {"step": s, "epoch": 1 + s // 30, "loss": 9 - s / 10, "lr": 0.1, "words_per_second": 90 + s} for s in range(60)
    ]
    log.append({"step": 59, "epoch": 2, "val_loss": 3.21, "right": 0.5, "right_seen": 0.75, "right_never_seen": 0.25})
    known: dict[str, Any] = {
        "title": "A run",
        "summary": {"right": 0.9712, "seconds": 182.4, "best_epoch": 2, "right_with_shuffled_features": 0.042},
        "config": {"cell": "lstm", "optimiser": {"lr": 0.004}, "resume": None},
        "log": log,
        "samples": [sample(number) for number in range(9)],
        "graph_svg": GRAPH,
        "command": "minigrad train scenes --cell lstm",
    }
    return write_report(path / "report.html", **{**known, **changes}).read_text(encoding="utf-8")


def test_headlines_come_first_and_the_summary_overrides_the_log(tmp_path: Path) -> None:
    page = Page(written(tmp_path))
    headlines = page.text[: page.text.index("What the model wrote")]
    for value in (
        "97.1 %",
        "75.0 %",
        "25.0 %",
        "3.21",
        "3 min 2 s",
        "120",
        "59 steps in 2 epochs",
        "best epoch",
        "4.2 %",
    ):
        assert value in headlines
    assert "50.0 %" not in headlines


def test_every_part_is_there_under_its_heading_and_linked(tmp_path: Path) -> None:
    page = Page(written(tmp_path))
    anchors = [attributes["href"] for attributes in page.all("a") if (attributes.get("href") or "").startswith("#")]
    assert anchors == ["#captions", "#curves", "#graph", "#configuration", "#reproduce"]
    assert [f"#{attributes['id']}" for attributes in page.all("section")] == anchors
    for words in (
        "Loss",
        "Learning rate",
        "optimiser.lr",
        "0.004",
        "minigrad train scenes --cell lstm",
        "a pink circle",
    ):
        assert words in page.text


@pytest.mark.parametrize(
    "missing",
    [
        {"samples": []},
        {"samples": [sample(1, image=None, right=None, label="", truths=[]), sample(2, caption="", image=None)]},
        {"graph_svg": None},
        {"log": []},
        {"log": [{"step": 1, "epoch": 1, "loss": float("nan"), "lr": None}]},
        {"config": {}, "summary": {}, "command": None},
        {"samples": [], "graph_svg": None, "log": [], "config": {}, "summary": {}, "command": None},
    ],
)
def test_any_part_may_be_missing(missing: dict[str, Any], tmp_path: Path) -> None:
    page = Page(written(tmp_path, **missing))
    assert "A run" in page.text
    assert len(page.all("h1")) == 1
    assert len(page.all("section")) == len(page.all("h2"))


def test_the_page_asks_for_nothing_outside_itself(tmp_path: Path) -> None:
    text = written(tmp_path)
    for _, attributes in Page(text).elements:
        for key in ("src", "href", "xlink:href"):
            assert (attributes.get(key) or "#").startswith(("#", "data:"))
    assert not re.search(r"@import|url\((?!#)", text)


def test_only_the_script_that_comes_with_the_page_may_run(tmp_path: Path) -> None:
    text = written(tmp_path)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] or "" for a in Page(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_all_text_stays_text(tmp_path: Path) -> None:
    nasty = [sample(0, caption=NASTY, truths=[NASTY, "x" * 5000], label=NASTY), sample(1, caption=NASTY, right=True)]
    changes: dict[str, Any] = {"title": NASTY, "config": {NASTY: NASTY}, "summary": {NASTY: NASTY}, "command": NASTY}
    page = Page(written(tmp_path, samples=nasty, **changes))
    plain, shown = (
        Page(written(tmp_path, samples=[sample(0), sample(1)])),
        NASTY.replace("\x00", "�").replace("\ud800", "�"),
    )
    assert shown in page.text
    assert len(page.all("script")) == len(plain.all("script")) == 1
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)


@given(st.text(), st.text())
def test_elements_hold_any_text_and_any_attribute(text: str, value: str) -> None:
    page = Page(element("p", text, title=value))
    printable = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
    assert "".join(page.words) == printable.sub("�", text)
    assert page.all("p") == [{"title": printable.sub("�", value)}]


def test_ids_are_never_given_twice_and_every_reference_leads_somewhere(tmp_path: Path) -> None:
    text = written(tmp_path)
    ids = Counter(attributes["id"] for _, attributes in Page(text).elements if "id" in attributes)
    assert set(ids.values()) == {1}
    references = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
    assert {first or second for first, second in references} <= set(ids)


def test_every_picture_is_described(tmp_path: Path) -> None:
    page = Page(written(tmp_path))
    assert len(page.all("img")) == 9
    assert all("a red star above a pink circle" in (attributes["alt"] or "") for attributes in page.all("img"))
    drawings = [attributes for attributes in page.all("svg") if "aria-hidden" not in attributes]
    assert len(drawings) == 4
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawings)
    assert page.all("html") == [{"lang": "en"}]


def test_a_small_picture_is_kept_exactly_and_a_photograph_is_reduced() -> None:
    small, large = (Page(image_figure(picture(side=side), "picture")).all("img")[0] for side in (64, 900))
    assert (small["class"], small["width"]) == ("pixels", "64")
    assert (small["src"] or "").startswith("data:image/png")
    assert (large["src"] or "").startswith("data:image/jpeg")
    assert "class" not in large


@pytest.mark.parametrize("image", [picture(), photograph()], ids=["noise 64×64", "photograph 480×640"])
def test_sixty_pictures_make_less_than_five_megabytes(image: Any, tmp_path: Path) -> None:
    assert len(written(tmp_path, samples=[sample(n, image=image) for n in range(60)])) < 5_000_000


def test_verdicts_are_said_in_words_and_can_be_chosen() -> None:
    page = Page(caption_cards([sample(number) for number in range(9)]))
    classes = [(attributes["class"] or "").split() for attributes in page.all("li") if "class" in attributes]
    assert sum("right" in names for names in classes) == 6
    assert sum("group-0" in names for names in classes) == 5
    assert [attributes["value"] for attributes in page.all("input")] == [
        "any",
        "right",
        "wrong",
        "every",
        "group-0",
        "group-1",
    ]
    assert page.text.count("Wrong") == 3 + 1


def test_without_a_judge_or_groups_there_is_nothing_to_choose() -> None:
    page = Page(caption_cards([sample(number, right=None, label=f"row {number}") for number in range(9)]))
    assert page.all("input") == []
    assert "row 3" in page.text and "Wrong" not in page.text


def test_a_photograph_known_by_its_address_alone_is_linked() -> None:
    page = Page(caption_cards([sample(0, image=None, label="http://images.example.org/a%20b.jpg")]))
    assert page.all("a") == [{"href": "http://images.example.org/a%20b.jpg", "rel": "noreferrer"}]
    assert Page(caption_cards([sample(0, label="javascript:alert(1)")])).all("a") == []


def test_the_words_of_a_wrong_caption_that_differ_are_marked() -> None:
    cards = caption_cards([sample(0)])
    assert re.findall("<mark>(.*?)</mark>", cards) == ["blue", "pink"]
    assert "<mark>" not in caption_cards([sample(1, right=True)])


def test_a_page_is_built_of_any_sections(tmp_path: Path) -> None:
    blocks = [figures([image_figure(picture(), "content")], least=100), table([["loss", 1.5]], header=["", "last"])]
    path = write_page(tmp_path / "x.html", "Stars & night", kind="Style", sections=[Section("Ünï & code", "…", blocks)])
    page = Page(path.read_text(encoding="utf-8"))
    assert "Stars & night" in page.text and "content" in page.text
    assert page.all("section")[0]["id"] == "ünï-code"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path)


def test_a_browser_opens_it_and_runs_its_script_and_no_other(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: install Debian's package to test the page in a browser")
    written(tmp_path, samples=[sample(0, caption=NASTY)])
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    opened = subprocess.run([chromium, *arguments, f"file://{tmp_path}/report.html"], capture_output=True, timeout=60)
    page = Page(opened.stdout.decode())
    assert len(page.all("button")) == 1
    assert not any("onload" in attributes for _, attributes in page.elements)


def test_markup_is_not_escaped_twice() -> None:
    assert element("p", Html("<b>x</b>"), "<") == "<p><b>x</b>&lt;</p>"
