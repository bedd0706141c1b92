"""Makes an SVG drawing fit to stand inside a page: ids and styles of its own, nothing that runs or loads."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from minigrad.errors import UsageError
from viz.markup import Html, element

_SVG = "{http://www.w3.org/2000/svg}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT = frozenset({"script", "foreignObject", "metadata"})
_LISTS_OF_IDS = frozenset({"aria-labelledby", "aria-describedby"})
_URL = re.compile(r"""url\(\s*['"]?#([^'")]+?)['"]?\s*\)""")
_SELECTOR = re.compile(r"#([A-Za-z_][\w.-]*)")
_LENGTH = re.compile(r"\s*([\d.]+)\s*(px|pt|in|mm|cm)?\s*")
_PIXELS = {None: 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "mm": 96 / 25.4, "cm": 96 / 2.54}


def inline_svg(svg: str, prefix: str, label: str) -> Html:
    """The drawing in a box with the id `prefix`, and with `label` for screen readers unless it has a name itself.

    All its ids begin with the prefix, and its style sheets apply within the box only. Scripts, event handlers and
    addresses outside the page are removed. It is as wide as its place; its own width in pixels becomes the variable
    `--width` of the box. UsageError if the text is no SVG.
    """
    root = _parsed(svg, label)
    width = _unsized(root)
    for node in list(root.iter()):
        _clean(node)
    ids = {node.get("id", ""): f"{prefix}-{node.get('id')}" for node in root.iter()}
    for node in root.iter():
        _rename(node, ids, prefix)
    if _LISTS_OF_IDS.isdisjoint(root.keys()):
        root.set("aria-label", label)
    root.set("role", root.get("role", "img"))
    drawing = Html(ET.tostring(root, encoding="unicode"))
    return element("div", drawing, id=prefix, class_="drawing", style=f"--width: {width:.0f}px")


def _parsed(svg: str, label: str) -> ET.Element:
    try:
        root = ET.fromstring(svg)
    except ET.ParseError as error:
        raise UsageError(f"the drawing {label!r} is not well-formed XML ({error}): give a whole SVG document") from None
    if root.tag not in (f"{_SVG}svg", "svg"):
        raise UsageError(f"the drawing {label!r} is a <{root.tag}>: give an SVG document")
    return root


def _unsized(root: ET.Element) -> float:
    """Removes the drawing's own size, makes sure that it has a viewBox, and returns its width in pixels."""
    width, height = (_pixels(root.attrib.pop(side, "")) for side in ("width", "height"))
    if root.get("viewBox") is None:
        root.set("viewBox", f"0 0 {width or 300:g} {height or 150:g}")
    return width or float(root.get("viewBox", "").replace(",", " ").split()[2])


def _pixels(length: str) -> float | None:
    """A CSS length in pixels; None if it is relative or absent."""
    match = _LENGTH.fullmatch(length)
    return float(match[1]) * _PIXELS[match[2]] if match else None


def _clean(node: ET.Element) -> None:
    """Removes what runs, loads or belongs to other languages, and namespaces that HTML does not need."""
    for child in list(node):
        name = child.tag.removeprefix(_SVG)
        if name in _LEFT_OUT or name.startswith("{"):
            node.remove(child)
    node.tag = node.tag.removeprefix(_SVG)
    kept = {("href" if key == _LINK else key): value for key, value in node.attrib.items() if _is_safe(key, value)}
    node.attrib.clear()
    node.attrib.update(kept)


def _is_safe(key: str, value: str) -> bool:
    if key in ("href", _LINK):
        return value.startswith(("#", "data:image/"))
    return key.startswith(_XML) or not key.lower().startswith(("on", "{"))


def _rename(node: ET.Element, ids: Mapping[str, str], prefix: str) -> None:
    """Replaces the old ids by the new ones wherever the node refers to them."""
    for key, value in node.attrib.items():
        node.set(key, _renamed(key, value, ids))
    if node.tag == "style" and node.text:
        text = _SELECTOR.sub(lambda match: "#" + ids.get(match[1], match[1]), node.text)
        node.text = f"#{prefix} {{ {text.replace(':root', 'svg')} }}"


def _renamed(key: str, value: str, ids: Mapping[str, str]) -> str:
    """An attribute's value with the new ids."""
    if key == "id":
        return ids[value]
    if key == "href" and value.startswith("#"):
        return "#" + ids.get(value[1:], value[1:])
    if key in _LISTS_OF_IDS:
        return " ".join(ids.get(name, name) for name in value.split())
    return _URL.sub(lambda match: f"url(#{ids.get(match[1], match[1])})", value)
