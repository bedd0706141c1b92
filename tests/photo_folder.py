"""A folder of small drawn photographs with COCO annotations, for tests to prepare and to damage."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.data.annotations import read_annotations
from models.data.preparation import Part

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 60, 200)}
SHAPES = ("disc", "box")
SENTENCES = ("A {} {} on the wall.", "There's a {} {}!")


def write_photographs(folder: Path, count: int, first: int = 1) -> tuple[Path, Path]:
    """Draws `count` photographs, numbered from `first` on; their folder and the file of annotations."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    listed, captions = [], []
    for number in range(first, first + count):
        colour, shape = list(COLOURS)[number % 3], SHAPES[number % 2]
        Image.fromarray(drawn(COLOURS[colour], shape, number)).save(images / f"{number}.png")
        address = {"flickr_url": f"http://example.org/{number}.jpg"} if number % 4 else {}
        listed.append({"id": number, "file_name": f"{number}.png", **address})
        for place, sentence in enumerate(SENTENCES):
            captions.append({"id": 10 * number + place, "image_id": number, "caption": sentence.format(colour, shape)})
    path = folder / f"captions{first}.json"
    write_annotations(path, listed, captions)
    return images, path


def write_annotations(path: Path, images: Sequence[Any], annotations: Sequence[Any]) -> None:
    """Writes COCO's JSON."""
    path.write_text(json.dumps({"info": {}, "images": images, "annotations": annotations}))


def drawn(colour: tuple[int, int, int], shape: str, seed: int) -> Any:
    """A disc or a box in a colour on grey noise (48, 64, 3)."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(90, 140, (48, 64, 3))
    y, x = np.mgrid[:48, :64]
    inside = np.hypot(y - 24, x - 32) < 14 if shape == "disc" else np.maximum(abs(y - 24), abs(x - 32)) < 12
    picture[inside] = colour
    return picture.astype(np.uint8)


def parts_of(folder: Path, train: int = 7, val: int = 3) -> dict[str, Part]:
    """A split to train on and one that is held out."""
    images, train_path = write_photographs(folder, train)
    _, val_path = write_photographs(folder, val, first=100)
    paths = {"train": train_path, "val": val_path}
    return {split: Part(images, read_annotations(path)) for split, path in paths.items()}
