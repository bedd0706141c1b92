"""Reads pictures from files as pixels, and resizes them. Needs Pillow; the command line and `models.cs231n` import it.

Pixels are uint8 (H, W, 3): red, green and blue from 0 to 255. Whatever had to be converted is reported through the
function `tell`, as in "transparent: laid on white".
"""

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from minigrad.errors import DataError, MissingFileError, ShapeError

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[str], None]

MOST_PIXELS = 2**27
"""Pictures that claim more are refused before anything of them is decoded."""
_LONGEST = 64
"""A picture may be at most this many times longer than wide: scaled up, a narrower one would not fit in memory."""
_ORIENTATION = 0x0112
_TURNED = range(2, 9)
"""The number of the orientation entry in EXIF, and its values for pictures that must be rotated."""
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, zlib.error)
"""What Pillow raises on damaged bytes."""


def read_image(path: str | Path, tell: Tell | None = None) -> Pixels:
    """The pixels of a file. Raises MissingFileError, or DataError that says what is wrong with it."""
    with _opened(path) as file:
        return decoded(file, str(path), tell)


def _opened(path: str | Path) -> IO[bytes]:
    try:
        return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"there is no picture at {path}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not a picture") from None
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        raise DataError(f"{path} cannot be opened ({getattr(error, 'strerror', None) or error})") from None


def decoded(file: IO[bytes], name: str, tell: Tell | None = None) -> Pixels:
    """The pixels of an open file. Raises DataError, with `name`, that says what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of large pictures, on which MOST_PIXELS decides
            with Image.open(file) as image:
                refuse_program(image, name)
                refuse_huge(image, name)
                return pixels(image, tell)
    except Image.DecompressionBombError as error:
        raise DataError(f"{name} claims too many pixels to be true ({error}): nothing of it is read") from None
    except UnidentifiedImageError:
        raise DataError(f"{name} is not a picture that can be read") from None
    except _DAMAGE as error:
        if isinstance(error, DataError):
            raise (error if name in str(error) else DataError(f"{name}: {error}")) from None
        raise DataError(f"{name} is not a picture that can be read to its end ({error})") from None


def refuse_program(image: Image.Image, name: str) -> None:
    """DataError for PostScript, which Pillow would have Ghostscript run."""
    if image.format == "EPS":
        raise DataError(f"{name} is PostScript, a program, and is not run: save it as PNG first")


def refuse_huge(image: Image.Image, name: str) -> None:
    """Raises DataError if the header claims more pixels than any real picture has."""
    if image.width * image.height > MOST_PIXELS:
        claim = f"{image.width:,} × {image.height:,} pixels"
        raise DataError(f"{name} claims {claim}, and at most {MOST_PIXELS:,} are read: scale it down first")


def pixels(image: Image.Image, tell: Tell | None = None) -> Pixels:
    """The pixels of a picture of any kind, rotated as its EXIF orientation says; the first frame if it has several."""
    tell = tell or (lambda _: None)
    if getattr(image, "is_animated", False):
        tell(f"animated: the first of {getattr(image, 'n_frames', 'its')} frames is taken")
    if is_deep(image):
        tell("16 bits of each colour reduced to 8")
    image.load()
    if image.getexif().get(_ORIENTATION) in _TURNED:
        tell("turned as its EXIF orientation says")
        image = ImageOps.exif_transpose(image)
    return np.asarray(in_colour(image, tell))


def is_deep(image: Image.Image) -> bool:
    """Whether a picture not loaded yet has more than 8 bits for a colour (Pillow would read only the upper 8)."""
    if image.mode.startswith("I"):  # of grey it reads all
        return False
    tiles = getattr(image, "tile", [])
    return any(";16" in str(tile.args) or (tile.codec_name[:3] == "ppm" and tile.args[1] > 255) for tile in tiles)


def in_colour(image: Image.Image, tell: Tell) -> Image.Image:
    """A picture of any kind as 8-bit red, green and blue; transparent places become white."""
    if image.mode.startswith("I"):
        grey = eight_bits(image).convert("RGB")
        tell("16 bits of grey scaled to 8")
        return grey
    if image.mode == "F":
        raise DataError("a picture of floating-point numbers has no range that is agreed on: save it with 8 bits")
    if image.mode == "CMYK":
        tell("CMYK taken as red, green and blue without its colour profile")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return on_white(image.convert("RGBA"), tell)
    return image.convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits, since Pillow itself would clip everything above 255 to white."""
    grey = np.asarray(image).astype(np.int64)
    if grey.size and not 0 <= grey.min() <= grey.max() < 2**16:
        raise DataError(f"a picture of numbers from {grey.min()} to {grey.max()} has no range that is agreed on")
    return Image.fromarray((grey >> 8).astype(np.uint8))


def on_white(image: Image.Image, tell: Tell) -> Image.Image:
    """An RGBA picture laid on white, so that colours hidden by transparency do not show up."""
    if image.getchannel("A").getextrema() != (255, 255):
        tell("transparent: laid on white")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def resized(image: Pixels, width: int, height: int) -> Pixels:
    """Scaled to this width and height by Pillow's bilinear filter, which averages when it reduces."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_shorter(image: Pixels, side: int) -> Pixels:
    """Scaled so that the shorter side is `side`; the other is rounded down, as in torchvision's Resize.

    Raises DataError for a picture so narrow that the result would be huge.
    """
    refuse_narrow(image)
    height, width = image.shape[:2]
    short, long = min(height, width), max(height, width)
    scaled = int(side * long / short)
    return resized(image, *((side, scaled) if width <= height else (scaled, side)))


def refuse_narrow(image: Pixels, name: str = "a picture") -> None:
    """Raises DataError, with the picture's name, if scaling up its shorter side would make it huge."""
    height, width = image.shape[:2]
    if max(height, width) > _LONGEST * min(height, width):
        raise DataError(f"{name} of {width:,} × {height:,} pixels is too narrow to be scaled by its shorter side")


def center_crop(image: Pixels, side: int) -> Pixels:
    """The square of `side` pixels in the middle, exactly where torchvision's CenterCrop takes it."""
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise ShapeError(f"a square of {side} pixels cannot be cut out of {width} × {height}")
    top, left = round((height - side) / 2), round((width - side) / 2)
    return image[top : top + side, left : left + side]
