"""Numbers per pixel as pictures: heat maps, heat over a photograph, enlarged differences. Needs matplotlib and Pillow.

`viz.picture_report` and the command line import this.
"""

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageFilter

from viz.image_grid import Image

Map = npt.NDArray[np.floating]
"""A number for each pixel (H, W), none below 0."""

_BRIGHTEST = 99.5
"""The percentage of numbers that are not clipped: a few very large ones would make all others black."""
_SOFT = 2.0
"""The blur, in pixels, of the heat over a photograph, which would otherwise be a spray of dots."""


def heat(values: Map) -> Image:
    """A heat map from black for 0 through violet and orange to pale yellow."""
    return coloured(shares(values))


def overlay(image: Image, values: Map) -> Image:
    """A photograph in dim grey with the softened heat map over it."""
    bytes_of_heat = PillowImage.fromarray(np.rint(255 * shares(values)).astype(np.uint8))
    warm = shares(np.asarray(bytes_of_heat.filter(ImageFilter.GaussianBlur(_SOFT)), np.float32))
    grey = np.asarray(PillowImage.fromarray(image).convert("L"), np.float32)[..., None]
    opacity = np.sqrt(warm)[..., None]
    mixed: Image = (0.55 * grey * (1 - opacity) + coloured(warm) * opacity).astype(np.uint8)
    return mixed


def difference(before: Image, after: Image, factor: float = 10.0) -> Image:
    """How two pictures differ, enlarged by `factor`, on the grey that stands for no difference."""
    change = factor * (after.astype(np.float32) - before)
    seen: Image = np.clip(np.rint(128 + change), 0, 255).astype(np.uint8)
    return seen


def shares(values: Map) -> npt.NDArray[np.float32]:
    """The values relative to the brightest, from 0 to 1."""
    brightest = float(np.percentile(values, _BRIGHTEST)) or float(values.max()) or 1.0
    cut: npt.NDArray[np.float32] = np.clip(values / brightest, 0, 1).astype(np.float32)
    return cut


def coloured(shares: Map) -> Image:
    """Values from 0 to 1 as colours (H, W, 3)."""
    colours: Image = matplotlib.colormaps["inferno"](shares, bytes=True)[..., :3]
    return colours
