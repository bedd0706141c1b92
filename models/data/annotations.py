"""Reads and checks COCO's caption annotations (JSON): which photographs there are and what people said of them.

    {"images": [{"id": 139, "file_name": "000000000139.jpg", "flickr_url": "http://…"}, …],
     "annotations": [{"id": 372891, "image_id": 139, "caption": "A woman stands in the dining area."}, …]}

Other keys are ignored. Imports `spelling`; `models.data.preparation` and the command line import this.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from minigrad.errors import DataError, MissingFileError, UsageError
from models.data.spelling import choices

_KINDS = {int: "a whole number", str: "a text"}
_NEEDED: dict[str, dict[str, type]] = {
    "images": {"id": int, "file_name": str},
    "annotations": {"id": int, "image_id": int, "caption": str},
}
_ADDRESSES = ("flickr_url", "coco_url")
"""The keys under which an image's address may be; the course's lists use the first."""
_HALF = re.compile("[\ud800-\udfff]")
"""A lone surrogate: half a character, which JSON can express but no file can hold."""
_SHOWN = 3


@dataclass(frozen=True)
class Photograph:
    """One photograph: its number, its file in the folder of images, its web address if it has one, and its captions."""

    id: int
    file: str
    address: str
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """The photographs that have captions, in the file's order, and a line for each kind of problem that was found."""

    path: Path
    photographs: tuple[Photograph, ...]
    findings: tuple[str, ...]


def read_annotations(path: str | Path) -> Annotations:
    """Reads and validates an annotations file.

    Raises DataError where it is not COCO's format, naming the entry, the key and what is wrong. Images without captions
    and captions without a letter or digit are left out, and the findings say so.
    """
    path = Path(path)
    content = _parsed(path)
    images, captions = (_entries(path, content, part) for part in _NEEDED)
    _refuse_repeated(path, "images", images)
    _refuse_repeated(path, "annotations", captions)
    for number, image in enumerate(images):
        _refuse_outside(path, number, image["file_name"])
    return _matched(path, images, captions)


def held_out(annotations: Annotations, share: float, seed: int = 0) -> tuple[Annotations, Annotations]:
    """Splits the photographs into those to train on and a share to hold out, drawn by `seed`.

    Both in the file's order.
    """
    count = len(annotations.photographs)
    if seed < 0 or not 0 <= share <= 1:
        raise UsageError(f"a share of {share:g} by the seed {seed}: a share is from 0 to 1, a seed 0 or more")
    chosen = round(share * count)
    if not 0 < chosen < count:
        raise UsageError(f"a share of {share:g} of {count} photographs holds out {chosen}: both splits need one")
    drawn = set(np.random.default_rng(seed).permutation(count)[:chosen].tolist())
    parts = [[p for row, p in enumerate(annotations.photographs) if (row in drawn) is held] for held in (False, True)]
    train, val = (replace(annotations, photographs=tuple(part)) for part in parts)
    return train, replace(val, findings=())


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFileError(
            f"there is no {path}, which holds the captions: `minigrad data fetch coco` gets COCO's, "
            "captions_train2014.json and captions_val2014.json"
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, and should be a JSON file of captions") from None
    except (ValueError, RecursionError) as error:
        size = path.stat().st_size
        raise DataError(f"{path} is not a complete JSON file ({size:,} bytes; {error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} should hold an object with 'images' and 'annotations'")
    return content


def _entries(path: Path, content: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    """The list under one of the file's keys, after checking that each entry has every field that is needed."""
    if part not in content:
        raise DataError(f"{path} has no {part!r}: {choices(part, content)}")
    entries = content[part]
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path}: {part!r} should be a list with an entry at least")
    for number, entry in enumerate(entries):
        _check_entry(f"{path}: {part}[{number}]", entry, _NEEDED[part])
    return entries


def _check_entry(here: str, entry: Any, needed: Mapping[str, type]) -> None:
    if not isinstance(entry, dict):
        raise DataError(f"{here} should be an object with {', '.join(map(repr, needed))}")
    for key, kind in needed.items():
        if key not in entry:
            raise DataError(f"{here} has no {key!r}: {choices(key, entry)}")
        if type(entry[key]) is not kind:
            raise DataError(f"{here}: {key!r} should be {_KINDS[kind]}, and is {entry[key]!r:.60}")
        if kind is str and _HALF.search(entry[key]):
            raise DataError(f"{here}: {key!r} has half a character in it, and is {entry[key]!r:.60}")


def _refuse_repeated(path: Path, part: str, entries: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter(entry["id"] for entry in entries)
    twice = [number for number, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{path}: {len(twice)} ids of {part!r} come more than once, the first is {twice[0]}")


def _refuse_outside(path: Path, number: int, file: str) -> None:
    """Raises DataError for a file name that leads out of the folder of images."""
    place = PurePosixPath(file.replace("\\", "/"))
    steps = place.parts
    if not file.strip() or not steps or "\0" in file or place.is_absolute() or ".." in steps or ":" in steps[0]:
        raise DataError(f"{path}: images[{number}]: 'file_name' is {file!r}, which is no file in the images' folder")


def _matched(path: Path, images: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]) -> Annotations:
    """Each image with its captions. Raises DataError for captions of images that are not listed, or if none is left."""
    captions: dict[int, list[str]] = {image["id"]: [] for image in images}
    strays = [entry for entry in entries if entry["image_id"] not in captions]
    if strays:
        raise DataError(
            f"{path}: {len(strays)} annotations are of images that 'images' has not, the first is annotation "
            f"{strays[0]['id']} of image {strays[0]['image_id']}"
        )
    empty = [entry["id"] for entry in entries if not any(map(str.isalnum, entry["caption"]))]
    for entry in entries:
        if any(map(str.isalnum, entry["caption"])):
            captions[entry["image_id"]].append(entry["caption"])
    without = [image["file_name"] for image in images if not captions[image["id"]]]
    photographs = tuple(_photograph(image, captions[image["id"]]) for image in images if captions[image["id"]])
    if not photographs:
        raise DataError(f"{path} has {len(images)} images and no caption for any of them")
    findings = [
        *_finding(empty, "captions have no word and are left out: annotations"),
        *_finding(without, "images have no caption and are left out:"),
    ]
    return Annotations(path, photographs, tuple(f"{path}: {finding}" for finding in findings))


def _photograph(image: Mapping[str, Any], captions: Iterable[str]) -> Photograph:
    address = next((image[key] for key in _ADDRESSES if _is_address(image.get(key))), "")
    return Photograph(image["id"], image["file_name"], " ".join(address.split()), tuple(captions))


def _is_address(found: Any) -> bool:
    return isinstance(found, str) and bool(found.strip()) and not _HALF.search(found)


def _finding(found: Sequence[object], what: str) -> list[str]:
    """A line such as `3 images have no caption and are left out: a.jpg, b.jpg, c.jpg`; nothing if `found` is empty."""
    rest = " …" if len(found) > _SHOWN else ""
    return [f"{len(found)} {what} {', '.join(map(str, found[:_SHOWN]))}{rest}"] if found else []
