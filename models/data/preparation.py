"""Turns photographs and COCO annotations into the course's four files: captions, vocabulary, features, addresses.

Beside them it writes `projection.npz`, with which the same features are made for a new photograph, and
`photographs.json` with each row's number, file and captions as people wrote them.

The work is done in FOLDER.unfinished, one block of photographs after another; preparing again continues where it
stopped and gives the same bytes. At the end the blocks are deleted and the folder is renamed. The command line uses
this.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minigrad import compile
from minigrad.compiler.parallel import one_blas_thread
from minigrad.context import no_grad
from minigrad.errors import DataError, UsageError
from minigrad.files import parts as parts_of_files
from minigrad.files import write_whole
from minigrad.op import Array
from models.data.annotations import Annotations, Photograph
from models.data.measuring import Measured, measured, photographs_of
from models.data.progress import Progress, silent
from models.data.projection import PROJECTION, Origin, Projection, fit
from models.data.vocabulary import Vocabulary
from models.data.writing import Recipe, WrittenCaptions, write_captions, write_features, write_json
from models.folders import alone, naming, put_folder, settle
from models.photo_features import KINDS, PhotoFeatures, weights_digest

PHOTOGRAPHS = "photographs.json"
"""The file that says which photograph each row is: its number, its file, its captions as written."""
IDENTITY = "identity.json"
"""The file that records what an unfinished preparation is of."""


@dataclass(frozen=True)
class Part:
    """The photographs of a split and the folder they are in."""

    folder: Path
    annotations: Annotations


@dataclass(frozen=True)
class Prepared:
    """The result of a preparation."""

    folder: Path
    name: str
    """The name of the features."""
    shape: tuple[int, ...]
    """The shape of an image's features."""
    projection: Projection
    images: Mapping[str, int]
    captions: WrittenCaptions
    findings: tuple[str, ...]
    """What was left out, and what was done to photographs: a line for each."""


def prepare(
    folder: str | Path,
    parts: Mapping[str, Part],
    features: PhotoFeatures,
    recipe: Recipe,
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Makes a folder in the course's schema from the photographs of "train" and "val".

    The same photographs and options give the same bytes on the same machine, however often it was interrupted. Raises
    UsageError if the folder is not empty or a different preparation is unfinished beside it, and DataError for
    photographs that cannot be read, unless they are to be skipped.
    """
    folder = Path(os.path.realpath(folder))  # where a link leads: a folder cannot be put in a link's place
    _refuse_taken(folder)
    _refuse_shared(parts)
    if not recipe.skip:
        for part in parts.values():
            _refuse_missing(part)
    work = folder.with_name(f"{folder.name}.unfinished")
    work.mkdir(parents=True, exist_ok=True)
    with alone(work), one_blas_thread():  # the bits do not depend on how many threads BLAS has
        _begin(work, _identity(parts, features, recipe))
        found = _measure_all(work, parts, features, recipe, progress or silent)
        with naming(work / "whole"):
            prepared = _write_all(work / "whole", parts, features, recipe, vocabulary, found)
        _put(work, folder, parts)
    return replace(prepared, folder=folder)


def _put(work: Path, folder: Path, splits: Iterable[str]) -> None:
    """Deletes the intermediate files, then renames the finished folder: if killed, only the renaming is left to do."""
    settle(work / "whole")
    _refuse_taken(folder)  # in the hours since somebody may have made it
    for split in splits:
        shutil.rmtree(work / split)
    put_folder(work / "whole", folder)
    shutil.rmtree(work)


def _refuse_taken(folder: Path) -> None:
    """Raises UsageError if the folder is not empty or cannot be replaced."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty: remove it, or prepare the data elsewhere")
    if os.path.ismount(folder):
        raise UsageError(f"{folder} is where a disk is mounted, and nothing can take its place: name a folder in it")


def _refuse_shared(parts: Mapping[str, Part]) -> None:
    """Raises DataError if a held-out photograph, by number or by file, is also trained on."""
    for named in (_numbers, _files):
        shared = named(parts["train"]) & named(parts["val"])
        if shared:
            raise DataError(
                f"{len(shared)} photographs are both in {parts['train'].annotations.path} and in "
                f"{parts['val'].annotations.path}, the first is {min(shared)}: held-out ones must not be trained on"
            )


def _numbers(part: Part) -> set[Any]:
    return {photo.id for photo in part.annotations.photographs}


def _files(part: Part) -> set[Any]:
    return {os.path.abspath(part.folder / photo.file) for photo in part.annotations.photographs}


def _refuse_missing(part: Part) -> None:
    """Raises DataError for missing photographs at the start, rather than after hours of work on the others."""
    photographs = part.annotations.photographs
    missing = [photo.file for photo in photographs if not os.path.isfile(part.folder / photo.file)]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(photographs)} photographs of {part.annotations.path} are not in {part.folder}, "
            f"the first is {missing[0]}: name their folder, or leave them out with --skip-unreadable"
        )


def _identity(parts: Mapping[str, Part], features: PhotoFeatures, recipe: Recipe) -> dict[str, Any]:
    """Everything that the features depend on: the photographs in their order, the network, the number of threads."""
    listed = {s: [(p.id, p.file) for p in part.annotations.photographs] for s, part in parts.items()}
    return {
        "photographs": hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest(),
        "folders": {split: str(part.folder.absolute()) for split, part in parts.items()},
        "features": features.kind,
        "grid": features.grid,
        "weights": weights_digest(features.network),
        "threads": recipe.threads,
    }


def _begin(work: Path, identity: Mapping[str, Any]) -> None:
    """Records what is being prepared, or continues an interrupted preparation of the same.

    Raises UsageError if the unfinished folder is of something else.
    """
    noted = work / IDENTITY
    there = set(work.iterdir()) - set(parts_of_files(work))
    if there and noted not in there:
        raise UsageError(f"{work} is where the data would be made, and is no unfinished preparation: move it away")
    if there <= {noted}:  # nothing is measured yet
        write_whole(noted, json.dumps(identity, indent=2).encode())
    before = _noted(noted)
    other = [key for key in identity if before.get(key) != identity[key]]
    if other:
        raise UsageError(f"{work} is an unfinished preparation with other {', '.join(other)}: finish it, or remove it")
    shutil.rmtree(work / "whole", ignore_errors=True)


def _noted(path: Path) -> dict[str, Any]:
    """What an earlier preparation recorded about itself; nothing if that is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _measure_all(
    work: Path, parts: Mapping[str, Part], features: PhotoFeatures, recipe: Recipe, progress: Progress
) -> dict[str, Measured]:
    """The features of all photographs, before the projection."""
    program = compile(features, workers=recipe.threads)

    def see(x: Array) -> Array:
        with no_grad():
            return program(x).numpy()  # type: ignore[no-any-return]

    total, done = sum(len(part.annotations.photographs) for part in parts.values()), 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        progress("features", done, total)

    return {
        split: measured(work / split, part.folder, part.annotations.photographs, see, recipe.skip, report)
        for split, part in parts.items()
    }


def _write_all(
    folder: Path,
    parts: Mapping[str, Part],
    features: PhotoFeatures,
    recipe: Recipe,
    vocabulary: Vocabulary | None,
    found: Mapping[str, Measured],
) -> Prepared:
    """Writes all files and returns the remarks."""
    folder.mkdir()
    kept = {split: photographs_of(parts[split].annotations.photographs, m) for split, m in found.items()}
    digest = weights_digest(features.network)
    origin = Origin(features.kind, features.grid, digest, features.source, len(kept["train"]))
    wanted = recipe.components if recipe.components is not None else (512 if features.grid == 1 else 0)
    projection = fit(found["train"].blocks, wanted, origin)
    projection.save(folder / PROJECTION)
    name = KINDS[features.kind].name + ("" if projection.components is None else "_pca")
    shapes = [write_features(folder / f"{s}2014_{name}.h5", m, projection) for s, m in found.items()]
    written = write_captions(
        folder, {s: [p.captions for p in photos] for s, photos in kept.items()}, recipe, vocabulary
    )
    for split, photographs in kept.items():
        addresses = (photo.address or str(parts[split].folder.absolute() / photo.file) for photo in photographs)
        lines = "".join(f"{' '.join(address.splitlines())}\n" for address in addresses)
        (folder / f"{split}2014_urls.txt").write_text(lines, encoding="utf-8")
    write_json(folder / PHOTOGRAPHS, {split: _listed(parts[split].folder, photos) for split, photos in kept.items()})
    fewer = f"{projection.width} components, not {wanted}: there are {origin.images} training photographs"
    findings = (
        *(finding for part in parts.values() for finding in part.annotations.findings),
        *(finding for m in found.values() for finding in m.findings),
        *written.left_out,
        *([fewer] if projection.width < wanted else []),
    )
    images = {split: len(photographs) for split, photographs in kept.items()}
    return Prepared(folder, name, shapes[0], projection, images, written, findings)


def _listed(folder: Path, photographs: Iterable[Photograph]) -> dict[str, Any]:
    """What photographs.json says of a split."""
    described = [{"id": p.id, "file": p.file, "captions": list(p.captions)} for p in photographs]
    return {"folder": str(folder.absolute()), "photographs": described}
