"""Every parser on files damaged by lot: what it reads, or an error of ours; no large allocation, no hang, no crash."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from coco_folder import CAPTIONS_FILE, VOCABULARY_FILE, write_folder
from fuzzing import Damage, damaged, damaged_archive, damaged_json, limited
from photo_folder import write_photographs
from PIL import Image
from test_mnist import idx
from thorough import TIMES
from torch_files import archive, dictionary, legacy, pickled, plain

import minigrad as mg
import viz
from minigrad.check import replay
from minigrad.check.replay import save_operation
from minigrad.errors import MinigradError
from minigrad.ops.elementwise import Log
from minigrad.store import load, save
from models.data.annotations import read_annotations
from models.data.coco import Vocabulary, open_data
from models.data.imagenet import read_labels
from models.data.images import read_image
from models.data.mnist import read_idx
from models.data.projection import Origin, Projection
from models.data.scenes import Extractor, open_scenes
from models.data.scenes.features import random_filters
from models.scores.results import read_results, write_results
from models.training import Run, Settings, Source, read_log
from models.training.adversarial import GanRun, GanSettings
from models.weights import read_weights, write_weights

RNG = np.random.default_rng(0)
ARRAYS = {"layer.weight": RNG.standard_normal((3, 4)).astype("f4"), "layer.bias": RNG.standard_normal(3).astype("f4")}


class Parser(NamedTuple):
    """A file's name, what writes one, what reads it (given its path), how it is damaged, and how often."""

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
    damages: tuple[Damage, ...] = (damaged,)
    cases: int = 150


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def state(legacy_form: bool = False) -> bytes:
    tensors = {name: plain(str(n), array, legacy_form) for n, (name, array) in enumerate(ARRAYS.items())}
    return pickled(dictionary({name: tensor.pickled() for name, tensor in tensors.items()}))


def picture(form: str, mode: str = "RGB") -> Callable[[Path], object]:
    return lambda path: Image.effect_noise((24, 20), 60).convert(mode).save(path, form)


def compressed(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, array in ARRAYS.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip", shuffle=True, fletcher32=True)


def inside_gzip(content: bytes, rng: np.random.Generator) -> bytes:
    return gzip.compress(damaged(gzip.decompress(content), rng), 1)


def header_of_safetensors(content: bytes, rng: np.random.Generator) -> bytes:
    """The header damaged as JSON, with its length put right."""
    length = int.from_bytes(content[:8], "little")
    header = damaged_json(content[8 : 8 + length], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def make_run(folder: Path) -> Run:
    words = Vocabulary(("<NULL>", "<START>", "<END>", "<UNK>", "a"))
    return Run(folder, Settings(word_dim=2, hidden_dim=2), Source("data"), 3, words, {"python": "3"}).make()


def run_config(path: Path) -> None:
    """Without a checksum, which would find any damage before it is met."""
    path.write_text(json.dumps(make_run(path.parent).config()))


def gan_config(path: Path) -> None:
    path.write_text(json.dumps(GanRun(path.parent, GanSettings(), "drawn").config()))


def records(path: Path) -> None:
    path.write_text("".join(json.dumps({"step": n, "loss": 1 / n}) + "\n" for n in range(1, 9)))


def projection(path: Path) -> None:
    origin = Origin(kind="squeezenet", grid=1, weights="0" * 64, source="net.pth", images=9)
    Projection(np.zeros(4, "f4"), np.eye(4, 2, dtype="f4"), 0.5, origin).save(path)


def extractor(path: Path) -> None:
    Extractor(random_filters(), np.zeros(4, "f4"), np.eye(4, 2, dtype="f4")).save(path)


def some_scenes(path: Path) -> None:
    shown = [
        {"kind": "single", "things": [{"colour": "red", "shape": "star", "size": "big"}], "place": "at the top"},
        {
            "kind": "inside",
            "things": [{"colour": c, "shape": "star", "size": ""} for c in ("red", "blue")],
            "place": "",
        },
    ]
    path.write_text(json.dumps({"seed": 0, "held_out": [["left", "red", "star"]], "train": shown, "val": shown}))


def course(path: Path) -> None:
    write_folder(path.parent)


def read_course(path: Path) -> None:
    data = open_data(path.parent, patience=0)
    data.train.batch(np.arange(len(data.train)))


FORMS = {"PNG": "RGBA", "JPEG": "CMYK", "GIF": "P", "TIFF": "RGB", "WEBP": "RGB", "BMP": "L"}
DIGITS = idx(RNG.integers(0, 256, (3, 4, 4)))
STORAGES = {str(n): array.tobytes() for n, array in enumerate(ARRAYS.values())}
LEGACY = {str(n): (array.size, array.tobytes()) for n, array in enumerate(ARRAYS.values())}
PARSERS = {
    "our checkpoints": Parser("a.safetensors", lambda p: save(p, ARRAYS, {"step": 3}), load,
                              (damaged, header_of_safetensors)),
    "safetensors": Parser("a.safetensors", lambda p: save(p, ARRAYS, {"step": 3}), read_weights,
                          (damaged, header_of_safetensors)),
    "npz": Parser("a.npz", lambda p: write_weights(p, ARRAYS), read_weights, (damaged, damaged_archive)),
    "HDF5": Parser("a.h5", lambda p: write_weights(p, ARRAYS), read_weights, cases=40),
    "HDF5 of others": Parser("a.h5", compressed, read_weights, cases=60),
    ".pth": Parser("a.pth", written(archive(state(), STORAGES)), read_weights, (damaged, damaged_archive), 300),
    ".pth of old": Parser("a.pth", written(legacy(state(legacy_form=True), LEGACY)), read_weights, cases=300),
    "captions": Parser(CAPTIONS_FILE, course, read_course, cases=60),
    "features": Parser("train2014_plain.h5", course, read_course, cases=60),
    "vocabulary": Parser(VOCABULARY_FILE, course, read_course, (damaged, damaged_json), 60),
    "addresses": Parser("train2014_urls.txt", course, read_course, cases=20),
    "annotations": Parser("captions1.json", lambda p: write_photographs(p.parent, 3), read_annotations,
                          (damaged, damaged_json)),
    "results": Parser("a.json", lambda p: write_results(p, {1: "a dog", 2: "two"}), read_results,
                      (damaged, damaged_json)),
    "digits": Parser("a", written(DIGITS), lambda p: read_idx(p, 3)),
    "digits in gzip": Parser("a.gz", written(gzip.compress(DIGITS)), lambda p: read_idx(p, 3), (damaged, inside_gzip)),
    "labels": Parser("a.txt", written(b"tench, Tinca\ncrane\n"), read_labels, cases=50),
    **{form: Parser(f"a.{form}", picture(form, mode), read_image, cases=80) for form, mode in FORMS.items()},
    "runs": Parser("config.json", run_config, lambda p: Run.open(p.parent), (damaged, damaged_json)),
    "runs of gan": Parser("config.json", gan_config, lambda p: GanRun.open(p.parent), (damaged, damaged_json)),
    "logs": Parser("log.jsonl", records, read_log, (damaged,), 50),
    "scenes": Parser("scenes.json", some_scenes, lambda p: open_scenes(p.parent), (damaged, damaged_json)),
    "extractors": Parser("a.npz", extractor, Extractor.load, (damaged, damaged_archive), 60),
    "projections": Parser("a.npz", projection, Projection.load, (damaged, damaged_archive)),
    "operations": Parser("a.npz", lambda p: save_operation(p, Log(), [np.ones(3)]), replay, (damaged, damaged_archive)),
    "drawings": Parser("a.json", lambda p: viz.draw(mg.tanh(mg.tensor(1.0, requires_grad=True)), p),
                       lambda p: viz.Drawing.loads(p.read_text(errors="replace")).svg, (damaged, damaged_json), 60),
}  # fmt: skip


@pytest.mark.fault(number=2)
@pytest.mark.fault(number=12)
@pytest.mark.parametrize("kind", PARSERS)
def test_damaged_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    parser, rng = PARSERS[kind], np.random.default_rng(list(kind.encode()))
    path, refused = tmp_path / "folder" / parser.name, 0
    path.parent.mkdir(exist_ok=True)
    parser.write(path)
    whole = path.read_bytes()
    parser.read(path)
    for case in range(parser.cases * TIMES):
        path.write_bytes(parser.damages[case % len(parser.damages)](whole, rng))
        try:
            with limited():
                parser.read(path)
        except MinigradError as error:
            refused += bool(str(error))
        except BaseException as error:
            raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
    assert refused or kind == "logs", "no damage was noticed"
