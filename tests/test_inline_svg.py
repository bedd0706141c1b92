"""Drawings inside pages: no two share an id, none runs or loads anything; and the colours around them can be read."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from minigrad.errors import UsageError
from viz.inline_svg import inline_svg
from viz.theme import DARK, LIGHT

GRAPH = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()"
 width="90pt" height="45pt">
<title id="t">LSTM</title><style>:root { --c: red } #a:hover { fill: url(#g) } .n &gt; text { fill: #abc }</style>
<defs><linearGradient id="g"/></defs><rect id="a" fill="url('#g')" style="stroke: #a00" aria-labelledby="t"/>
<use xlink:href="#a"/><image href="https://example.org/x.png"/><a href="javascript:x()"><text>here</text></a>
<script>alert(1)</script><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">html</p></foreignObject></svg>"""


def test_a_drawing_is_made_its_own_and_harmless() -> None:
    drawing = inline_svg(GRAPH, "one", "a graph")
    root = ET.fromstring(drawing)[0]
    assert {node.get("id") for node in root.iter() if node.get("id")} == {"one-t", "one-g", "one-a"}
    rect = next(node for node in root.iter("rect"))
    assert (rect.get("fill"), rect.get("aria-labelledby"), rect.get("style")) == (
        "url(#one-g)",
        "one-t",
        "stroke: #a00",
    )
    assert next(root.iter("use")).get("href") == "#one-a"
    style = next(root.iter("style")).text or ""
    assert style.startswith("#one {") and "#one-a:hover" in style and "url(#one-g)" in style and "#abc" in style
    assert not any(word in drawing for word in ("alert", "onload", "javascript", "example.org", "foreignObject"))
    assert root.get("viewBox") == "0 0 120 60" and "width" not in root.attrib
    assert 'style="--width: 120px"' in drawing


def test_two_drawings_share_no_id() -> None:
    first, second = (set(re.findall(r'id="([^"]+)"', inline_svg(GRAPH, name, "graph"))) for name in ("one", "two"))
    assert first and not first & second


@pytest.mark.parametrize("svg", ["", "<svg", "<html/>", "no"])
def test_what_is_no_drawing_is_refused_by_name(svg: str) -> None:
    with pytest.raises(UsageError, match="the drawing 'graph'"):
        inline_svg(svg, "one", "graph")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["ground", "paper"])
def test_text_stands_out_from_its_ground(theme: dict[str, str], ground: str) -> None:
    for name in theme.keys() - {"ground", "paper", "rule"}:
        low, high = sorted((luminance(theme[name]), luminance(theme[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, name
