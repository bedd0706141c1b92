"""Pictures with the captions written for them, the true captions and the verdict, as one PNG. Needs Pillow."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageDraw

from minigrad.errors import UsageError
from minigrad.files import write_whole
from viz.image_grid import Image, Picture, fitted, laid_out, png
from viz.lettering import font, wrapped
from viz.theme import LIGHT

_PAPER = LIGHT["paper"]
_LETTERS, _LINE = 15, 20
_MARK = 18
_FINER = 8
"""Marks are drawn so many times larger and then reduced, because Pillow's own lines are jagged."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A caption written by a model for a picture, and what is known about it.

    `truths` are captions that people wrote, `right` is a judge's verdict (None without a judge), `label` a group or
    name to show, such as "never seen". `image` is uint8 (H, W, 3), or None if only features are known.
    """

    caption: str
    truths: Sequence[str] = ()
    image: Image | None = None
    right: bool | None = None
    label: str = ""

    @property
    def closest_truth(self) -> str:
        """The true caption most similar to the one written, compared word by word; "" if there is none."""
        return max(self.truths, key=lambda truth: alignment(truth, self.caption).ratio(), default="")


def alignment(a: str, b: str) -> SequenceMatcher[str]:
    """A word-by-word comparison of two captions."""
    return SequenceMatcher(None, a.split(), b.split(), autojunk=False)


def draw_caption_sheet(samples: Sequence[Sample], path: str | Path, columns: int = 4, side: int = 256) -> Path:
    """Writes a PNG of the samples in rows: picture, verdict, caption, and for a wrong caption a true one."""
    if not samples:
        raise UsageError("no samples for a caption sheet: give at least one")
    path = Path(path)
    write_whole(path, png(laid_out([_cell(sample, side) for sample in samples], columns)))
    return path


def _cell(sample: Sample, side: int) -> Picture:
    """A sample's picture with its texts below."""
    indent = _MARK + 8 if sample.right is not None else 0
    width, face = side - indent, font(_LETTERS)
    caption = wrapped(sample.caption or "(no words)", face, width, most=4)
    truth = wrapped(f"true: {sample.closest_truth}", face, width, most=4) if sample.truths and not sample.right else []
    note = wrapped(sample.label, face, width, most=1)
    top = side + 8 if sample.image is not None else 0
    cell = PillowImage.new("RGB", (side, top + _LINE * len(caption + truth + note)), _PAPER)
    if sample.image is not None:
        cell.paste(fitted(sample.image, side), (0, 0))
    if sample.right is not None:
        cell.paste(_mark(sample.right), (0, top))
    _write(cell, caption, "ink", (indent, top))
    _write(cell, truth + note, "muted", (indent, top + _LINE * len(caption)))
    return cell


def _write(cell: Picture, lines: Sequence[str], colour: str, corner: tuple[int, int]) -> None:
    """Writes lines below each other, the first at this corner."""
    pen, (left, top) = ImageDraw.Draw(cell), corner
    for number, line in enumerate(lines):
        pen.text((left, top + number * _LINE), line, LIGHT[colour], font(_LETTERS))


def _mark(right: bool) -> Picture:
    """A tick in a disc or a cross in a square, which differ in shape and not only in colour."""
    size = _MARK * _FINER
    mark = PillowImage.new("RGB", (size, size), _PAPER)
    pen, stroke = ImageDraw.Draw(mark), size // 9
    if right:
        pen.ellipse((0, 0, size, size), LIGHT["green"])
        pen.line([(0.27 * size, 0.53 * size), (0.44 * size, 0.69 * size), (0.74 * size, 0.34 * size)], _PAPER, stroke)
    else:
        pen.rounded_rectangle((0, 0, size, size), size // 6, LIGHT["vermilion"])
        pen.line([(0.3 * size, 0.3 * size), (0.7 * size, 0.7 * size)], _PAPER, stroke)
        pen.line([(0.7 * size, 0.3 * size), (0.3 * size, 0.7 * size)], _PAPER, stroke)
    return mark.resize((_MARK, _MARK), PillowImage.Resampling.LANCZOS)
