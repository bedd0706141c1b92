"""The page of a drawing, in a real browser: opened from a file, moved, searched, unfolded; and what it may not do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
import sample_graphs as graphs
from test_draw_geometry import PICTURES

import minigrad as mg
import viz


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """An LSTM's page in a browser, or a skip."""
    if browser.program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    folder = tmp_path_factory.mktemp("browser")
    path = folder / "lstm.html"
    viz.draw(graphs.lstm(8), path, view="both")
    with browser.Browser(folder / "profile") as opened:
        opened.open(path)
        yield opened


def view_box(page: browser.Browser) -> list[float]:
    return [float(x) for x in page.run("document.querySelector('main svg').getAttribute('viewBox')").split()]


def shown(page: browser.Browser) -> str:
    return str(page.run("document.querySelector('#view').value"))


def chosen(page: browser.Browser) -> str:
    return str(page.run("document.querySelector('.chosen title')?.textContent ?? ''"))


def start(page: browser.Browser, view: str = "drawn") -> None:
    page.run(f"search.value = ''; find(''); show({json.dumps(view)}); past.length = 0; stage.focus()")


def test_it_opens_from_a_file_and_shows_every_box(page: browser.Browser) -> None:
    start(page)
    assert page.run("document.querySelectorAll('main .box').length") > 250
    assert page.run("document.title") == "captioner"
    assert page.errors == []


def test_wheel_keys_and_buttons_zoom(page: browser.Browser) -> None:
    start(page)
    whole = view_box(page)
    page.wheel(800, 450, -400)
    nearer = view_box(page)
    assert nearer[2] < 0.5 * whole[2]
    page.key("0")
    assert view_box(page) == whole
    page.key("+")
    assert view_box(page)[2] == pytest.approx(whole[2] / 1.25)
    page.click("#out")
    page.key("ArrowRight")
    assert view_box(page)[0] > whole[0]


def test_search_finds_a_node_by_name_and_shows_its_neighbours(page: browser.Browser) -> None:
    start(page)
    page.key("/")
    for letter in "cell.Wx":
        page.key(letter)
    assert "found" in page.run("found.value")
    page.key("Enter")
    assert "captioner.cell.Wx" in chosen(page)
    x, y, width, height = view_box(page)
    inside = page.run("(() => { const b = chosen.getBBox(); return [b.x, b.y]; })()")
    assert x < inside[0] < x + width
    assert y < inside[1] < y + height
    assert (
        page.run("document.querySelectorAll('main .box.near').length") >= 2 + 8 + 8
    )  # two rails, and a reader for each step of both passes
    assert "captioner.cell.Wx" in page.run("document.querySelector('aside').textContent")
    page.key("Escape")
    page.key("Escape")
    assert chosen(page) == ""


def test_a_step_is_unfolded_by_double_click_and_folded_again(page: browser.Browser) -> None:
    start(page, "steps")
    folded = page.run("document.querySelectorAll('main .box').length")
    step = page.run("[...boxes.values()].find((b) => unfolded(b) === 'step-3').id")
    page.click(f"#{step}", times=2)
    assert shown(page) == "step-3"
    assert page.run("document.querySelectorAll('main .box').length") > folded + 30
    page.key("f")
    assert shown(page) == "steps"


def test_a_click_chooses_and_arrows_walk_along_the_edges(page: browser.Browser) -> None:
    start(page)
    page.click("#n15")
    first = chosen(page)
    assert first
    page.key("ArrowDown")
    assert chosen(page) not in ("", first)
    page.key("ArrowUp")
    assert chosen(page)


def test_a_leaf_is_found_once_and_a_formula_not_at_all(page: browser.Browser) -> None:
    start(page)
    page.run("find('captioner.cell.wh')")
    names = page.run("matches.map((box) => facts(box)[0])")
    assert names.count("captioner.cell.Wh") == 1
    ids = page.run("[...boxes.values()].filter((box) => facts(box)[0] === 'captioner.cell.Wh').map(upperEdge)")
    assert len(ids) > 1
    assert page.run("upperEdge(matches[0])") == min(ids)
    page.run("find('tanh')")
    assert page.run("matches.every((box) => !facts(box).includes('op: Sigmoid'))")
    assert page.run("matches.length") > 16


def test_what_is_found_is_not_hidden_by_what_is_told_of_it(page: browser.Browser) -> None:
    start(page)
    for text in ("t=7", "time step: 7", "captioner.scores.W"):
        page.run(f"find({json.dumps(text)}); if (matches.length) next(1)")
        if chosen(page):
            right, left = page.run(
                "[chosen.getBoundingClientRect().right, document.querySelector('aside').getBoundingClientRect().left]"
            )
            assert right <= left
    assert chosen(page)


def test_what_is_folded_away_is_found_in_another_view(page: browser.Browser) -> None:
    start(page, "steps")
    page.run("search.value = 'op: Tanh'; find('op: Tanh')")
    assert page.run("found.value") == "when unfolded"
    page.run("next(1)")
    assert "op: Tanh" in chosen(page)
    assert shown(page) != "steps"


def test_the_theme_follows_the_system_and_the_button(page: browser.Browser) -> None:
    start(page)
    ground = "getComputedStyle(document.querySelector('.ground')).fill"
    page.theme("light")
    light = page.run(ground)
    page.theme("dark")
    dark = page.run(ground)
    assert light != dark
    page.click("#theme")
    assert page.run(ground) == light
    page.run("delete document.documentElement.dataset.theme")


@pytest.mark.fault(number=23)
def test_nothing_in_a_name_runs(tmp_path: Path) -> None:
    if browser.program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    name = "</title></svg><img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
    x = mg.tensor(1.0, requires_grad=True, name=name)
    path = tmp_path / "x.html"
    viz.draw(mg.tanh(x), path, title=name)
    with browser.Browser(tmp_path / "profile") as opened:
        opened.open(path)
        assert opened.run("document.title") == name
        assert opened.run("document.querySelectorAll('img, main script').length") == 0
        assert opened.errors == []


TEXTS_OUTSIDE = """
[...document.querySelectorAll('g.box')].filter((box) => {
  const r = box.querySelector('rect').getBBox();
  return [...box.querySelectorAll('text')].some((text) => {
    const t = text.getBBox();
    return t.x < r.x || t.x + t.width > r.x + r.width || t.y < r.y - 1 || t.y + t.height > r.y + r.height + 1;
  });
}).map((box) => box.textContent)
"""


def test_texts_as_the_browser_sets_them_are_in_their_boxes(tmp_path: Path) -> None:
    if browser.program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with browser.Browser(tmp_path / "profile") as opened:
        painted = {"painted": (graphs.random_graph, {"color": "value_norm"})}
        for name, (target, options) in (PICTURES | painted).items():
            path = tmp_path / f"{name}.html"
            viz.draw(target(), path, **options)
            opened.open(path)
            assert opened.run("document.querySelectorAll('g.box text').length") > 5
            assert opened.run(TEXTS_OUTSIDE) == [], name


def test_the_page_is_one_file_that_loads_nothing() -> None:
    text = viz.draw(graphs.lstm(3), view="both").html
    assert not re.search(r"(?:src|href)=\"(?!data:|#)|url\((?!#)|@import", text)
    assert text.count("<script") == 2
    assert "script-src &#x27;sha256-" in text


def views(drawing: Any) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="views">(.*?)</script>', drawing.html)
    assert match
    found: dict[str, Any] = json.loads(match[1])
    return found


def test_each_folded_step_unfolds_into_a_view_of_its_own() -> None:
    found = views(viz.draw(graphs.lstm(4)))
    assert {f"step-{t}" for t in range(4)} <= set(found["order"])
    assert set(found["unfold"]["steps"].values()) == {f"step-{t}" for t in range(4)}


def test_modules_unfold_level_by_level() -> None:
    found = views(viz.draw(graphs.squeeze()))
    assert [name for name in found["order"] if name.startswith("depth")] == ["depth-0", "depth-1", "depth-2", "depth-3"]
    assert set(found["unfold"]["depth-2"].values()) == {"depth-3"}
