"""Pictures side by side in one PNG, small ones enlarged crisply; and pictures as text for a page. Needs Pillow."""

import base64
import io
import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw

from minigrad.errors import UsageError
from minigrad.files import write_whole
from viz.lettering import font, wrapped
from viz.theme import LIGHT

Image = npt.NDArray[np.uint8]
"""A picture (H, W, 3) in colour or (H, W) in grey."""
Picture = PillowImage.Image

_GAP, _ROW_GAP = 16, 22
_LETTERS, _LINE = 14, 18
_SMALL = 128
"""A picture up to this side is drawn pixel by pixel and kept exactly; a larger one is a photograph."""


def draw_image_grid(
    images: Sequence[Image],
    path: str | Path,
    labels: Sequence[str] = (),
    columns: int | None = None,
    side: int = 192,
) -> Path:
    """Writes a PNG of pictures in rows, each fitted to a square of `side` pixels above its label; returns the path.

    UsageError if there are no pictures, if labels are not one for each picture, or for an array that is no picture.
    """
    if not images or len(labels) not in (0, len(images)):
        raise UsageError(f"{len(images)} pictures and {len(labels)} labels: give a picture at least, a label each")
    cells = [fitted(image, side) for image in images]
    if labels:
        cells = [_labelled(cell, label) for cell, label in zip(cells, labels, strict=True)]
    path = Path(path)
    write_whole(path, png(laid_out(cells, columns or math.ceil(math.sqrt(len(cells))))))
    return path


def laid_out(cells: Sequence[Picture], columns: int) -> Picture:
    """The cells in rows of `columns` on a white sheet, each row as high as its highest cell."""
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    tops = list(accumulate((max(cell.height for cell in row) + _ROW_GAP for row in rows), initial=_GAP))
    step = max(cell.width for cell in cells) + _GAP
    sheet = PillowImage.new("RGB", (min(columns, len(cells)) * step + _GAP, tops[-1] - _ROW_GAP + _GAP), LIGHT["paper"])
    for row, top in zip(rows, tops, strict=False):
        for place, cell in enumerate(row):
            sheet.paste(cell, (_GAP + place * step, top))
    return sheet


def fitted(image: Image, side: int) -> Picture:
    """The picture centred in a square: enlarged by a whole factor with square pixels, or reduced smoothly."""
    whole = picture(image)
    factor = side / max(whole.size)
    if factor >= 1:
        whole = whole.resize((whole.width * int(factor), whole.height * int(factor)), PillowImage.Resampling.NEAREST)
    else:
        whole.thumbnail((side, side), PillowImage.Resampling.LANCZOS)
    square = PillowImage.new("RGB", (side, side), LIGHT["paper"])
    square.paste(whole, ((side - whole.width) // 2, (side - whole.height) // 2))
    return square


def picture(image: Image) -> Picture:
    """The array as a picture in colour; UsageError says what is wrong if it is none."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or image.size == 0:
        raise UsageError(
            f"an array {image.shape} of {image.dtype} is no picture: give uint8 of shape (H, W, 3) or (H, W)"
        )
    return PillowImage.fromarray(np.ascontiguousarray(image)).convert("RGB")


def is_small(image: Image) -> bool:
    """Whether the picture is shown pixel by pixel instead of smoothly."""
    return bool(max(image.shape[:2]) <= _SMALL)


def png(image: Picture) -> bytes:
    """The bytes of a PNG file of the picture."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(image: Image, longest: int = 720) -> str:
    """The picture as a `data:` address: a small one exactly, as PNG.

    A photograph as JPEG of at most `longest` pixels.
    """
    whole, buffer = picture(image), io.BytesIO()
    if is_small(image):
        whole.save(buffer, format="PNG", optimize=True)
    else:
        whole.thumbnail((longest, longest), PillowImage.Resampling.LANCZOS)
        whole.save(buffer, format="JPEG", quality=84, optimize=True)
    kind = "png" if is_small(image) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _labelled(cell: Picture, label: str) -> Picture:
    """The cell with its label centred below, on at most two lines."""
    face = font(_LETTERS)
    lines = wrapped(label, face, cell.width, most=2)
    taller = PillowImage.new("RGB", (cell.width, cell.height + 6 + _LINE * len(lines)), LIGHT["paper"])
    taller.paste(cell, (0, 0))
    pen = ImageDraw.Draw(taller)
    for number, line in enumerate(lines):
        pen.text((cell.width / 2, cell.height + 6 + number * _LINE), line, LIGHT["ink"], face, anchor="ma")
    return taller
