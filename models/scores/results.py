"""COCO's results format, `[{"image_id": 42, "caption": "a dog on grass"}, …]`. `models.scores` offers it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigrad.errors import DataError, MissingFileError
from minigrad.files import write_whole


def write_results(path: str | Path, captions: Mapping[int, str]) -> Path:
    """Writes captions by their images' ids; returns the path."""
    path = Path(path)
    lines = ",\n".join(
        json.dumps({"image_id": image, "caption": caption}, ensure_ascii=False) for image, caption in captions.items()
    )
    write_whole(path, f"[\n{lines}\n]\n" if lines else "[]\n")
    return path


def read_results(path: str | Path) -> dict[int, str]:
    """Captions by their images' ids. Raises MissingFileError, or DataError naming the first entry that is not valid."""
    path, captions = Path(path), dict[int, str]()
    for number, entry in enumerate(_entries(path)):
        if not _is_result(entry):
            raise DataError(f'{path}: entry {number} should be {{"image_id": a number, "caption": a text}}')
        if entry["image_id"] in captions:
            raise DataError(f"{path}: image {entry['image_id']} has two captions: leave one for each")
        captions[entry["image_id"]] = entry["caption"]
    return captions


def _entries(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingFileError(f"there is no {path}, which holds captions in COCO's results format") from None
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} is not a complete JSON file ({error}): write it again") from None
    if not isinstance(content, list):
        raise DataError(f"{path} should hold a list of results, one an image")
    return content


def _is_result(entry: Any) -> bool:
    return isinstance(entry, dict) and type(entry.get("image_id")) is int and isinstance(entry.get("caption"), str)
