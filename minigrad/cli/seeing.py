"""What the commands on trained networks share: network and classes, pictures, a folder, previews, the report.

Imported by saliency, fool, visualize_class, style and invert.
"""

import argparse
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from minigrad.cli import console
from minigrad.cli.folders import next_folder
from minigrad.errors import CheckpointError, NotFiniteError, UsageError
from minigrad.files import write_whole
from models.data.imagenet import class_number, deprocess, read_labels
from models.data.images import Pixels, read_image, refuse_narrow
from models.image_network import ImageNetwork
from models.image_optimisation import Iteration
from models.squeezenet import SqueezeNet
from models.vgg import VGG16
from models.weights import read_weights, zoo
from models.weights.files import refuse_not_finite
from viz.page import Number
from viz.picture_report import Shown, write_picture_report

LABELS = ("imagenet_labels.txt", "imagenet_classes.txt")
"""Possible names of a file of class names beside the weights."""
_LAST = {"classifier.6.weight": (VGG16, (4096,)), "classifier.1.weight": (SqueezeNet, (512, 1, 1))}
"""Each network by the name of its last weights, which give the scores, and the shape of one class's weights."""
_IMAGENET = 1000
"""The number of classes unless the file has another."""
STRONGEST, LARGEST = 10**9, 2**31 - 1
"""The largest numbers that options accept."""
_SECONDS_BETWEEN_PREVIEWS = 1.0
_MOST_IN_TITLE = 3
_MOST_LINES = 5
_LONGEST_NAME = 160
"""Bytes; systems take 255, and there are numbers and endings besides."""
TOO_LARGE = "holds numbers too large for it"


def add_common(parser: argparse.ArgumentParser) -> None:
    """Adds the options that all of these commands take."""
    parser.add_argument(
        "--weights", default="squeezenet1_1", metavar="FILE", help="a file; or vgg16, once fetched (squeezenet1_1)"
    )
    parser.add_argument("--labels", type=Path, metavar="FILE", help="names of the classes, one a line")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (a new folder in runs)")
    parser.add_argument("--eager", action="store_true", help="without the compiler, to compare")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def count(text: str, least: int = 1, most: int = LARGEST) -> int:
    """A whole number of at least `least`, given as an option."""
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most:,}")
    return int(text)


def seed(text: str) -> int:
    """A whole number of at least 0, given as an option."""
    return count(text, least=0)


def strength(text: str) -> float:
    """A rate or weight given as an option; larger ones would only make pictures infinite."""
    with suppress(ValueError):
        if 0 <= float(text) <= STRONGEST:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {STRONGEST:,}")


@dataclass
class Studio:
    """A trained network, the names of its classes, and the folder for a command's pictures and report."""

    arguments: argparse.Namespace
    network: ImageNetwork
    labels: Sequence[str]
    classes: int
    folder: Path
    written: list[Path] = field(default_factory=list)

    @classmethod
    def open(cls, arguments: argparse.Namespace, kind: str) -> "Studio":
        """Loads what the options name; the folder is made when something is written."""
        path = zoo.find(arguments.weights) if arguments.weights in zoo.ZOO else Path(arguments.weights)
        network, classes = network_of(path)
        labels = labels_of(arguments.labels, path.parent, classes)
        return cls(arguments, network, labels, classes, arguments.out or next_folder(kind))

    def label(self, number: int) -> str:
        """The first name of a class."""
        return self.labels[number].split(",")[0] if self.labels else f"class {number}"

    def class_number(self, text: str) -> int:
        """The class with this number or name."""
        return class_number(text, self.labels, self.classes)

    def save(self, name: str, image: Pixels) -> Path:
        """Writes a picture as PNG into the folder; adds a number if the name has been used."""
        base = slug(name)
        taken = {path.stem.casefold() for path in self.written}  # not all systems tell Cat.png from cat.png
        stems = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
        stem = next(stem for stem in stems if stem.casefold() not in taken)
        path = self.folder / f"{stem}.png"
        write_png(path, image)
        self.written.append(path)
        return path

    def progress(self, what: str, steps: int) -> "Watched":
        """Shows iterations as they come, and writes a preview of the picture. To be used in a `with`."""
        return Watched(what, steps, self.folder / "preview.png", not self.arguments.json, self.arguments.weights)

    def finish(
        self, kind: str, shown: Sequence[Shown], results: Sequence[dict[str, Any]], numbers: Sequence[Number] = ()
    ) -> None:
        """Writes the report and prints where it is."""
        title = ", ".join(part.title for part in shown) if len(shown) <= _MOST_IN_TITLE else f"{len(shown)} pictures"
        lead = f"By {type(self.network).__name__}, {self.classes:,} classes."
        command = self.arguments.command_line
        path = self.folder / "report.html"
        write_picture_report(path, kind=kind, title=title, shown=shown, lead=lead, numbers=numbers, command=command)
        written = [str(p) for p in (*self.written, path)]
        if self.arguments.json:
            console.say_json({"folder": str(self.folder), "results": list(results), "written": written})
        else:
            console.say(f"look at  {path}")


def network_of(path: Path) -> tuple[ImageNetwork, int]:
    """The network for the weights in a file, and its number of classes."""
    arrays = read_weights(path)
    name = next((name for name in _LAST if name in arrays), "classifier.1.weight")
    kind, shape = _LAST[name]
    found, *one = arrays[name].shape or (0,) if name in arrays else (0,)
    classes = found if found and tuple(one) == shape else _IMAGENET  # of a shape that no network has, a table tells
    network = kind(num_classes=classes)
    with np.errstate(over="ignore"):  # what becomes infinite is found after it
        problems = network.load_state_dict(arrays, strict=False)
    if problems:
        raise CheckpointError(unfit(path, kind.__name__, problems))
    refuse_not_finite(network, path)
    return network, classes


def unfit(path: Path, kind: str, problems: Sequence[str]) -> str:
    """A message about weights that do not fit a network, and what to do."""
    kinds: dict[str, list[str]] = {}
    for line in problems:
        kinds.setdefault(line.split()[0], []).append(line)
    table = "\n".join(f"  {line}" for kind, lines in kinds.items() for line in shortened(kind, lines))
    return (
        f"{path}: the state does not fit {kind}:\n{table}\n"
        "weights are those of SqueezeNet 1.1 or VGG-16 by torchvision's names: "
        f"`minigrad weights inspect {quote(str(path))}` tells what is in the file, "
        "`minigrad weights fetch squeezenet1_1` gets some"
    )


def shortened(kind: str, lines: Sequence[str]) -> list[str]:
    """The first lines of a kind, and how many more there are."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"{kind:12}{more} more"] if more > 0 else [])]


def labels_of(asked: Path | None, beside: Path, classes: int) -> Sequence[str]:
    """The names in the file asked for, beside the weights, or fetched; none, with a message, if there is no file."""
    fetched = zoo.places("labels") if classes == _IMAGENET else []
    places = [asked] if asked else [*(beside / name for name in LABELS), *fetched]
    found = next((place for place in places if place.is_file()), None)
    if asked is None and found is None:
        console.complain("the names of the classes are not here, only their numbers: minigrad weights fetch labels")
        return ()
    labels = read_labels(found or places[0])
    if len(labels) != classes:
        raise UsageError(f"{found} names {len(labels)} classes, and the network knows {classes}")
    return labels


def pictures(paths: Sequence[Path]) -> list[tuple[str, Pixels]]:
    """The names of files (without suffix) and their pixels; all are read first, and changes to them are reported.

    DataError, with the path, for a file that is no picture or cannot be scaled for a network.
    """
    images = [read_image(path, partial(tell, path)) for path in paths]
    for path, image in zip(paths, images, strict=True):
        refuse_narrow(image, str(path))
    return list(zip(names(paths), images, strict=True))


def names(paths: Sequence[Path]) -> list[str]:
    """What tells files apart: their names without endings, with them where those are alike, or else whole paths."""
    kinds: tuple[Callable[[Path], str], ...] = (
        lambda p: p.stem,
        lambda p: p.name,
        lambda p: str(p.with_suffix("")),
        str,
    )
    counts = [Counter(kind(path) for path in set(paths)) for kind in kinds]
    return [next(kind(p) for kind, n in zip(kinds, counts, strict=True) if n[kind(p)] == 1) for p in paths]


def tell(path: Path, what: str) -> None:
    """Prints what was done to a picture."""
    console.complain(f"{path}: {what}")


def slug(text: str) -> str:
    """A name of a file: `great white shark` as `great-white-shark`, cut where it would be too long for one."""
    short = text.encode()[-_LONGEST_NAME:].decode(errors="ignore")
    return re.sub(r"[^\w.]+", "-", short).strip("-.") or "picture"


def write_png(path: Path, image: Pixels) -> None:
    """Writes a PNG, whole or not at all; makes its folder if necessary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())


class Watched:
    """Shows iterations as a bar, keeps a log, and writes a preview about every second, which is removed at the end."""

    def __init__(self, what: str, steps: int, preview: Path, show: bool, weights: str = "the weights' file") -> None:
        self.log: list[dict[str, float]] = []
        self._bar = console.Progress(what, steps, show=show)
        self._preview, self._drawn, self._weights = preview, time.monotonic(), weights
        if show:
            console.complain(f"{what}: {preview} shows how far it is")

    def __enter__(self) -> "Watched":
        self._quiet = np.errstate(all="ignore")  # what overflows is found by its value, in words of ours
        self._quiet.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._quiet.__exit__(None, None, None)
        self._bar.__exit__(*error)
        with suppress(FileNotFoundError):
            self._preview.unlink()

    def __call__(self, iteration: Iteration) -> None:
        """Notes an iteration."""
        if not np.isfinite([*iteration.measured.values(), float(np.abs(iteration.x).max())]).all():
            raise NotFiniteError(
                f"not finite after {iteration.number} steps: a smaller --lr, or smaller weights in the loss, may help"
                if iteration.number
                else f"the network's scores are not finite before the first step: {self._weights} {TOO_LARGE}"
            )
        self.log.append(iteration.record)
        about = "  ".join(f"{name} {value:.3g}" for name, value in list(iteration.measured.items())[:2])
        self._bar.at(iteration.number, about)
        if time.monotonic() - self._drawn > _SECONDS_BETWEEN_PREVIEWS:
            write_png(self._preview, deprocess(iteration.x)[0])
            self._drawn = time.monotonic()

    @property
    def fallen(self) -> float | None:
        """The fraction of the initial loss that is gone, negative if it rose; None if the initial loss was 0."""
        first, last = self.log[0]["loss"], self.log[-1]["loss"]
        return 1 - last / first if first else None
