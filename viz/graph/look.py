"""Colours, sizes and fonts of drawings, in one place. Imported by layouts and writers of viz.graph."""

import re
import unicodedata

CHARACTER = 6.65
"""The width of a letter in labels, in pixels: that of monospaced fonts at LETTER, the widest of the usual ones."""
LETTER = 11
MARGIN = 20
TOP = 44.0
"""Where pictures begin, below their titles."""
SMALL = 0.86
"""The size of second lines and edge labels relative to first lines."""
PADDING = 7

COLOURS = {
    # kind: light fill, light border, dark fill, dark border; hues that colour-blind readers tell apart
    "input": ("#dcecfb", "#3f86c6", "#153047", "#5aa5e6"),
    "parameter": ("#fdebc8", "#c98a1b", "#3d2f12", "#dba63c"),
    "constant": ("#eeeff1", "#9aa2ab", "#2a2f37", "#768190"),
    "product": ("#dfe4fb", "#5b6fd0", "#262d52", "#8b9bf0"),
    "nonlinear": ("#d9f1e6", "#2c9a71", "#13372b", "#4dc096"),
    "arithmetic": ("#ffffff", "#8b95a1", "#20262e", "#7c8896"),
    "reduce": ("#ecdff3", "#945cb0", "#362543", "#bb8ad3"),
    "move": ("#f4f5f6", "#b9c0c8", "#1d2228", "#59636f"),
    "loss": ("#fbdfd6", "#cc5a35", "#45241a", "#ee855f"),
    "group": ("#e9edf2", "#6d7a88", "#252d37", "#8b99a9"),
}
"""The fill and border of boxes by kind, in light and in dark."""

MARKS = {
    "added": ("#d7ecfa", "#0072b2", "#12324a", "#56b4e9"),
    "removed": ("#fbe3d9", "#d55e00", "#47230f", "#f08a4b"),
    "changed": ("#fdf3c4", "#b8960c", "#3d3510", "#e0c040"),
}
"""The fill and border of boxes in a comparison."""

LIGHT = {
    "ground": "#ffffff",
    "band": "#f7f8fa",
    "rule": "#e3e7ec",
    "ink": "#1c2128",
    "muted": "#59636e",
    "edge": "#76818d",
    "faint": "#97a2ae",
}
DARK = {
    "ground": "#14181e",
    "band": "#1a1f27",
    "rule": "#2b323c",
    "ink": "#e8ebf0",
    "muted": "#9da7b5",
    "edge": "#8b97a5",
    "faint": "#6b7684",
}

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


_SPACE = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def printable(text: str) -> str:
    """The text on one line, without control characters, lone surrogates and changes of writing direction."""
    return _UNPRINTABLE.sub("\ufffd", _SPACE.sub(" ", text))


def cells(text: str) -> int:
    """The width of a text in letters: East Asian letters and pictographs count twice, combining marks not at all."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(letter) for letter in text)


def _cells_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0x1F000 else 1


def width_of(text: str, scale: float = 1.0) -> float:
    """An upper bound of the text's width in pixels."""
    return cells(text) * CHARACTER * scale


def shortened(text: str, most: int) -> str:
    """The text, or as much of its beginning as fits into `most` letters with an ellipsis."""
    if len(text) <= most and cells(text) <= most:
        return text
    kept, room = [], most - 1
    for letter in text[: 4 * most]:
        room -= _cells_of(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + "…"
