"""What drawings are: SVG for screen readers and any label, JSON that loads back, DOT, text; the same bytes anywhere."""

import hashlib
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import sample_graphs as graphs
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
import viz
from minigrad.errors import DataError, UsageError

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<b>&\"'\\",
    "</title><script>alert(1)</script>",
    "]]>",
    "\x00\x1b[31m\ud800",
    "x" * 5000,
    "ab\u202ecd",
    "名前 👩‍🔬 é",
    "\n\r\t",
]
TAGS = {SVG + tag for tag in ("svg", "title", "desc", "style", "defs", "marker", "path", "rect", "circle", "g", "text")}
GOLDEN = Path(__file__).parent / "golden"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.encode())


def named(name: str) -> Any:
    """A small graph that has a name at every place where one can be."""
    with mg.scope(name or "m"):
        x = mg.tensor(1.5, requires_grad=True, name=name)
        y = mg.tanh(x) * x
        y.name = name
    return y


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.fault(number=23)
def test_labels_of_any_kind_are_text_in_every_form(name: str, tmp_path: Path) -> None:
    drawing = viz.draw(named(name), title=name, view="both", labels=True)
    for element in parsed(drawing.svg).iter():
        assert element.tag in TAGS
        assert not any(key.startswith("on") or "href" in key for key in element.attrib)
    for suffix in (".svg", ".html", ".json", ".dot", ".txt"):
        assert drawing.save(tmp_path / f"drawing{suffix}").read_bytes().decode()
    assert viz.Drawing.loads(drawing.json).svg == drawing.svg


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
@pytest.mark.fault(number=23)
def test_any_text_gives_valid_svg(name: str) -> None:
    parsed(viz.draw(named(name), title=name).svg)


def test_svg_tells_screen_readers_what_it_shows() -> None:
    root = parsed(viz.draw(graphs.mlp(), title="an MLP").svg)
    assert root.get("role") == "img"
    by_id = {element.get("id"): element for element in root.iter()}
    title, description = (by_id[key] for key in root.get("aria-labelledby", "").split())
    assert title.text == "an MLP"
    assert "19 boxes" in (description.text or "")


def test_ids_are_unique() -> None:
    for drawing in (viz.draw(graphs.lstm(5), view="both"), viz.compare({"a": graphs.mlp(), "b": graphs.mlp()})):
        ids = [element.get("id") for element in parsed(drawing.svg).iter() if element.get("id")]
        assert len(ids) == len(set(ids))


def test_a_box_says_what_it_is_to_those_who_point_at_it() -> None:
    root = parsed(viz.draw(graphs.rnn(3)).svg)
    facts = ["".join(element.itertext()) for element in root.iter(SVG + "title")]
    tanh = next(text for text in facts if "op: Tanh" in text and "time step: 2" in text)
    assert {"formula: y = tanh x.", "shape: 3×6 float64", "bytes: 144", "module: captioner.cell"} <= set(
        tanh.split("\n")
    )


def test_edges_carry_shapes_when_asked() -> None:
    def labels(**options: Any) -> list[str]:
        root = parsed(viz.draw(graphs.mlp(), **options).svg)
        return [element.text or "" for element in root.iter(SVG + "text") if element.get("class") == "label"]

    assert "5×8" in labels(labels=True)
    assert labels() == []


def test_json_holds_the_graph_and_loads_back() -> None:
    drawing = viz.draw(graphs.traced_step(), color="flops", fold="steps", expand=[1])
    record = json.loads(drawing.json)
    assert record["schema"] == "minigrad.drawing/1"
    assert len(record["boxes"]) == len(graphs.traced_step())
    loaded = viz.Drawing.loads(drawing.json)
    assert (loaded.json, loaded.svg, loaded.html) == (drawing.json, drawing.svg, drawing.html)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "minigrad.drawing/9"}', '{"schema": "minigrad.drawing/1"}']
)
def test_what_is_no_drawing_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="drawing"):
        viz.Drawing.loads(text)


def test_an_edge_to_nowhere_is_refused() -> None:
    record = json.loads(viz.draw(graphs.scalar()).json)
    record["edges"][0]["target"] = "n99"
    with pytest.raises(DataError, match="n99"):
        viz.Drawing.loads(json.dumps(record))


def test_text_has_a_line_for_each_box() -> None:
    drawing = viz.draw(graphs.scalar())
    lines = drawing.text.splitlines()
    assert "n1" in lines[2]
    assert "Tanh(n0)" in lines[2]
    assert lines[-1] == "return n5"


def test_dot_has_clusters_and_no_html_labels() -> None:
    dot = viz.draw(graphs.rnn(3), view="both").dot
    assert dot.startswith("digraph")
    assert "t = 2" in dot
    assert "label=<" not in viz.draw(named("<b>"), title="<i>").dot


def test_a_suffix_that_is_no_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg.*\.pdf"):
        viz.draw(graphs.scalar(), tmp_path / "x.pdf")


def test_notebooks_are_spared_huge_pictures() -> None:
    drawing = viz.draw(graphs.scalar())
    assert drawing._repr_svg_() == drawing.svg
    object.__setattr__(drawing, "svg", "x" * 9_000_000)
    assert drawing._repr_svg_() is None


SCRIPT = """
import hashlib, sys
import sample_graphs as graphs, viz
drawings = [viz.draw(graphs.lstm(3), view="both"), viz.draw(graphs.squeeze(), depth=2), viz.draw(graphs.random_graph()),
            viz.draw(graphs.rnn(4), fold="rolled", color="bytes"), viz.draw(graphs.residual(), fold="repeats")]
diff = viz.diff(graphs.rnn(2), graphs.rnn(3))
text = "".join(d.svg + d.dot + d.text + d.json for d in drawings) + viz.draw(graphs.mlp()).html + diff.svg + diff.text
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_twenty_processes_with_different_hash_seeds_draw_the_same_bytes() -> None:
    def start(seed: int) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(Path(__file__).parent)}
        return subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, env=environment)

    digests = set()
    for batch in range(0, 20, 4):
        processes = [start(seed) for seed in range(batch, batch + 4)]
        digests |= {process.communicate(timeout=120)[0].strip() for process in processes}
    assert len(digests) == 1
    assert len(digests.pop()) == len(hashlib.sha256().hexdigest())


@pytest.mark.parametrize(
    ("name", "target"), [("scalar", graphs.scalar), ("rnn", lambda: graphs.rnn(3)), ("mlp", graphs.mlp)]
)
def test_pictures_are_those_kept(name: str, target: Any) -> None:
    drawn = viz.draw(target(), view="both").svg
    kept = GOLDEN / f"{name}.svg"
    if os.environ.get("MINIGRAD_KEEP_GOLDEN"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(drawn, encoding="utf-8", newline="\n")
    assert drawn == kept.read_text(encoding="utf-8"), "run with MINIGRAD_KEEP_GOLDEN=1 if the change is meant"
