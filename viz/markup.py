"""HTML built of elements, so that no text reaches a page unescaped. Anything in viz may import this."""

import html
import re
from collections.abc import Iterable

_VOID = frozenset({"br", "img", "input", "link", "meta"})
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Markup, which is used as it is; any other string is text and is escaped."""

    __slots__ = ()


def escaped(content: object) -> Html:
    """The content as markup: text is escaped, and control characters and lone surrogates are replaced."""
    if isinstance(content, Html):
        return content
    return Html(html.escape(_UNPRINTABLE.sub("\ufffd", str(content))))


def element(name: str, /, *content: object, **attributes: object) -> Html:
    """`<name …>content</name>`, with everything escaped.

    In attribute names, an underscore at the end is dropped and others become hyphens (`class_`, `aria_label`). The
    value True gives an attribute without a value; None and False leave it out.
    """
    opening = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(opening if name in _VOID else f"{opening}{joined(content)}</{name}>")


def joined(parts: Iterable[object], between: str = "") -> Html:
    """The parts as markup, one after another, with `between` between them."""
    return Html(between.join(escaped(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    name = key.removesuffix("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escaped(value)}"'
