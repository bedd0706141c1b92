"""Pictures from files as pixels. Needs Pillow; the command line and the course's `image_from_url` import it."""

import numpy as np
import numpy.typing as npt
from PIL import Image


def in_colour(image: Image.Image) -> Image.Image:
    """A picture of any kind with 8-bit red, green and blue. 16-bit greys are scaled, which Pillow would clip."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Red, green and blue (H, W, 3), from 0 to 255."""
    return np.asarray(in_colour(image))
