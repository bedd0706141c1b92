"""The page of a run's captions: complete, safe, to search and to sort, with photographs, and without."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import browser
import numpy as np
import pytest
from photo_folder import write_annotations
from PIL import Image
from test_training import trainer, write_captions

from minigrad.cli import main
from minigrad.cli.view import found_image
from models.data.originals import Original
from models.training import Source
from viz.caption_viewer import Captioned, write_viewer

PICTURE = np.full((8, 8, 3), 200, np.uint8)
CAPTIONED = (
    Captioned("row 0", [("a dog on grass", -2.5), ("a cat", -4.0)], ["a dog", "the dog runs"], 0.4, PICTURE),
    Captioned("row 1", [("two cats", -1.0)], ['cats <sleep> & "purr"'], 1.3, None, "http://127.0.0.1:9/dead/c_z.jpg"),
    Captioned("row 2", [("", -9.0)], [], None, None, "javascript:alert(1)"),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_viewer(tmp_path_factory.mktemp("page") / "captions.html", "A <run>", CAPTIONED)


def test_all_there_is_to_know_is_in_the_page_and_nothing_in_it_runs(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    for text in ("a dog on grass", "-2.50", "-4.00", "the dog runs", "CIDEr-D 0.40", "data:image/png", "(no words)"):
        assert text in page
    assert "cats &lt;sleep&gt; &amp; &quot;purr&quot;" in page and "A &lt;run&gt;" in page
    assert "javascript:" not in page and page.count("<script") == 1
    assert 'referrerpolicy="no-referrer"' in page and "img-src data: http: https:" in page


def test_a_page_with_all_its_pictures_may_load_nothing(tmp_path: Path) -> None:
    page = write_viewer(tmp_path / "x.html", "x", CAPTIONED[:1]).read_text(encoding="utf-8")
    assert "img-src data:;" in page and '<img src="http' not in page


@pytest.fixture(scope="module")
def opened(path: Path) -> Iterator[browser.Browser]:
    if browser.program() is None:
        pytest.skip("no Chromium to open pages with")
    with browser.Browser(path.parent / "profile") as found:
        found.open(path)
        yield found
        assert found.errors == []


def listed(page: browser.Browser) -> list[str]:
    """The names of the cards that are shown, in their order."""
    script = "[...document.querySelectorAll('.card')].filter((c) => c.offsetParent).map((c) => +c.dataset.row)"
    return page.run(script)


def chosen(page: browser.Browser, order: str) -> list[str]:
    page.run(f"(() => {{ const o = document.getElementById('order'); o.value = '{order}'; "
             "o.dispatchEvent(new Event('change')); })()")  # fmt: skip
    return listed(page)


def test_cards_are_sorted_by_score_and_by_probability(opened: browser.Browser) -> None:
    assert chosen(opened, "best") == [1, 0, 2]
    assert chosen(opened, "worst") == [0, 1, 2]
    assert chosen(opened, "sure") == [1, 0, 2]
    assert chosen(opened, "row") == [0, 1, 2]


def test_cards_are_found_by_their_words(opened: browser.Browser) -> None:
    opened.run("document.getElementById('search').focus()")
    for key in "dog runs":
        opened.key(key)
    assert listed(opened) == [0]
    assert opened.run("document.getElementById('shown').textContent") == "1 of 3"
    opened.run("(() => { search.value = ''; search.dispatchEvent(new Event('input')); })()")
    assert listed(opened) == [0, 1, 2]


def test_a_photograph_that_is_not_there_has_words_in_its_place(opened: browser.Browser) -> None:
    visible = "getComputedStyle(document.querySelector('.remote img')).visibility"
    words = "document.querySelector('.remote p').textContent"
    assert opened.run(visible) == "hidden" and opened.run(words) == "not loaded: c_z.jpg"
    assert opened.run("document.querySelector('.absent').textContent") == "no photograph"


def test_the_command_puts_photographs_into_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Source(str(write_captions(tmp_path / "captions")), "plain")
    run = trainer(tmp_path / "run", source, source.open())
    list(run.run())
    (tmp_path / "photographs").mkdir()
    Image.fromarray(PICTURE).save(tmp_path / "photographs/val2.jpg")
    (tmp_path / "photographs/val1.jpg").write_text("<html>")
    words = ["view", str(tmp_path / "run"), "--photographs", str(tmp_path / "photographs"), "--beams", "2", "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "val1.jpg is not a picture" in captured.err
    found = json.loads(captured.out)
    assert (found["images"], found["photographs"]) == (4, 1)
    page = Path(found["page"]).read_text(encoding="utf-8")
    scores = [float(score) for score in re.findall(r'data-score="([\d.]+)"', page)]
    assert np.mean(scores) == pytest.approx(found["CIDEr-D"], abs=1e-5)
    assert page.count("2 beams, log-probabilities") == 4 and page.count("http://images/val") > 3
    assert main([*words, "--images", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["CIDEr-D"] == pytest.approx(scores[0], abs=1e-5)  # words weigh the same
    said = [{"id": 7, "image_id": 3, "caption": "A zebra, zebras!"}]
    write_annotations(
        tmp_path / "a.json", [{"id": 3, "file_name": "3.jpg", "flickr_url": "http://images/val2.jpg"}], said
    )
    assert main([*words, "--annotations", str(tmp_path / "a.json")]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["CIDEr-D"] is None  # of a single image
    assert "a zebra zebras" in Path(found["page"]).read_text(encoding="utf-8")
    for wrong in (["--photographs", "nowhere"], ["--images", "0"], ["--images", "-3"]):
        assert main(["view", str(tmp_path / "run"), *wrong]) == 2


def test_a_photograph_is_found_beside_the_data_or_in_the_folder(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    here, there, gone = (
        Original(None, address, ()) for address in ("a.png", "http://x.org/a.png", "http://x.org/b.png")
    )
    assert found_image(here, tmp_path, None) is not None
    assert found_image(there, Path("nowhere"), tmp_path) is not None
    assert found_image(gone, tmp_path, tmp_path) is None
    assert found_image(replace(gone, image=PICTURE), tmp_path, None) is PICTURE
