"""What networks trained on ImageNet expect: the size and scaling of pictures, and the names of the classes.

Imports `images`; the command line uses it.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigrad.errors import DataError, MissingFileError, ShapeError, UsageError
from minigrad.op import Array
from models.data.images import Pixels, center_crop, resize_shorter

SIDE = 224
"""The side of the pictures that the networks see, in pixels."""
_RESIZED = 256
_COLOUR = (3, 1, 1)
MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(_COLOUR)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32).reshape(_COLOUR)
"""The standard deviation of red, green and blue (from 0 to 1) over ImageNet's pictures."""
LOWEST, HIGHEST = (0 - MEAN) / DEVIATION, (1 - MEAN) / DEVIATION
"""Black and white (3, 1, 1) as the networks see them."""
_CLOSEST = 5


def framed(image: Pixels) -> Pixels:
    """The part of a picture that a network sees, (224, 224, 3): torchvision's Resize(256) and CenterCrop(224).

    A picture of exactly that size is left as it is, so that one made for a network is seen unchanged.
    """
    if image.shape[:2] == (SIDE, SIDE):
        return image
    return center_crop(resize_shorter(image, _RESIZED), SIDE)


def preprocess(images: Pixels) -> Array:
    """Pixels (N, H, W, 3) or (H, W, 3) as float32 (N, 3, H, W): scaled to 0 … 1, less the mean, over the deviation."""
    if images.ndim not in (3, 4) or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise ShapeError(f"pictures are uint8 (N, H, W, 3) or (H, W, 3), not {images.dtype} {images.shape}")
    batch = images.reshape(-1, *images.shape[-3:])
    scaled = batch.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    x: Array = np.ascontiguousarray((scaled - MEAN) / DEVIATION)
    return x


def deprocess(x: Array) -> Pixels:
    """The inverse of `preprocess`: pixels (N, H, W, 3), rounded and clipped to 0 … 255."""
    scaled = np.rint((x * DEVIATION + MEAN) * 255)
    images: Pixels = np.clip(scaled, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return images


def read_labels(path: str | Path) -> tuple[str, ...]:
    """The names of the classes, one a line, in the order of their numbers."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()  # editors add marks and lines
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(f"there are no labels at {path}: `minigrad weights fetch labels` gets some") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, and should be a file of the names of classes") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} should hold the names of classes as text, one a line") from None
    labels = tuple(line.strip() for line in lines)
    if not labels or "" in labels:
        empty = labels.index("") + 1 if labels else 1
        raise DataError(f"{path} should hold the name of a class in each line, and line {empty} is empty")
    return labels


def class_number(text: str, labels: Sequence[str], classes: int) -> int:
    """The class meant by `text`: a number, or a name or part of one.

    Raises UsageError if it is no class's, or if several names contain it.
    """
    if text.isdecimal():
        digits = text.lstrip("0") or "0"
        if len(digits) > len(str(classes)) or int(digits) >= classes:  # Python makes no numbers of thousands of digits
            raise UsageError(f"there is no class {text}: classes are 0 to {classes - 1}")
        return int(digits)
    wanted = text.casefold()
    names = [[name.strip() for name in label.casefold().split(",")] for label in labels]
    exact = [number for number, synonyms in enumerate(names) if wanted in synonyms]
    found = exact or [number for number, synonyms in enumerate(names) if any(wanted in name for name in synonyms)]
    if len(found) == 1:
        return found[0]
    raise UsageError(unclear(text, found, labels))


def unclear(text: str, found: Sequence[int], labels: Sequence[str]) -> str:
    """Says why a name stands for no single class."""
    if found:
        listed = ", ".join(f"{number} ({labels[number]})" for number in found[:_CLOSEST])
        return f"{text!r} may be {listed}{' …' if len(found) > _CLOSEST else ''}: give the number"
    if not labels:
        return f"{text!r} is no number, and the names of the classes are not here: give the number"
    names = [name for label in labels for name in label.split(", ")]
    near = " or ".join(difflib.get_close_matches(text.casefold(), names, 3))
    return f"there is no class {text!r}{f': did you mean {near}?' if near else ''}"
