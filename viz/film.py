"""Frames as an animated GIF, and many small pictures as one. Needs Pillow."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from minigrad.errors import UsageError
from minigrad.files import write_whole
from viz.image_grid import Image, picture, png
from viz.markup import Html, element

_LAST = 5
"""How many times longer the last picture is shown than the others."""


def mosaic(images: Sequence[Image] | Image, columns: int = 10) -> Image:
    """Pictures of one size, edge to edge in rows of `columns`, as one picture.

    Missing ones in the last row are black.
    """
    cells = np.asarray(images)
    if cells.ndim not in (3, 4) or not len(cells) or columns < 1:
        raise UsageError(f"pictures {cells.shape} in {columns} columns make no mosaic")
    rows = -(-len(cells) // columns)
    whole = np.zeros((rows * columns, *cells.shape[1:]), np.uint8)
    whole[: len(cells)] = cells
    height, width = cells.shape[1:3]
    laid = whole.reshape(rows, columns, height, width, -1).swapaxes(1, 2)
    return laid.reshape(rows * height, columns * width, *cells.shape[3:])


def gif(frames: Sequence[Image], milliseconds: int = 200, enlarged: int = 1) -> bytes:
    """The bytes of an animated GIF that repeats for ever; grey pixels are enlarged to squares of `enlarged` pixels."""
    if not frames or len({frame.shape for frame in frames}) > 1:
        raise UsageError(
            f"{len(frames)} pictures of {len({f.shape for f in frames})} sizes make no film: one is needed"
        )
    drawn = [picture(np.kron(f, np.ones((enlarged, enlarged), np.uint8)) if f.ndim == 2 else f) for f in frames]
    grey = [each.convert("L") if frames[0].ndim == 2 else each for each in drawn]
    times = [milliseconds] * (len(grey) - 1) + [milliseconds * _LAST]
    buffer = io.BytesIO()
    grey[0].save(
        buffer, format="GIF", save_all=True, append_images=grey[1:], duration=times if len(times) > 1 else times[0],
        loop=0,
    )  # fmt: skip
    return buffer.getvalue()


def write_gif(frames: Sequence[Image], path: str | Path, milliseconds: int = 200, enlarged: int = 1) -> Path:
    """Writes the GIF; returns its path."""
    path = Path(path)
    write_whole(path, gif(frames, milliseconds, enlarged))
    return path


def film_element(frames: Sequence[Image], alt: str, milliseconds: int = 200) -> Html:
    """The animation as an element of a page."""
    height, width = frames[0].shape[:2]
    source = f"data:image/gif;base64,{base64.b64encode(gif(frames, milliseconds)).decode()}"
    return element("img", src=source, alt=alt, width=width, height=height, class_="pixels")


def write_grey(image: Image, path: Path) -> Path:
    """Writes a grey picture (H, W) as PNG, without loss."""
    write_whole(path, png(PillowImage.fromarray(np.ascontiguousarray(image))))
    return path
