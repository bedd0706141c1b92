"""Text in raster pictures: a font that comes with matplotlib, and lines that fit a width. Needs Pillow."""

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

_ELLIPSIS = "…"
_MOST_LETTERS = 400
"""The most letters considered for a line of a picture, which keeps the search for the place to cut short."""


@cache
def font(size: int) -> FreeTypeFont:
    """DejaVu Sans of a size in pixels."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def wrapped(text: str, face: FreeTypeFont, width: float, most: int) -> list[str]:
    """The text in at most `most` lines of at most `width` pixels; an ellipsis ends text that does not fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    cut = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [shortened(line, face, width) for line in cut if line]


def shortened(line: str, face: FreeTypeFont, width: float) -> str:
    """The line, or as much of its beginning as fits with an ellipsis."""
    if len(line) <= _MOST_LETTERS and face.getlength(line) <= width:
        return line
    line = line[:_MOST_LETTERS]
    while line and face.getlength(line + _ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip() + _ELLIPSIS
