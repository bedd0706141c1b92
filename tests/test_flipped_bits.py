"""A bit that flipped anywhere in a file with checksums: an error that names the file, or what was written."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from test_fuzz import ARRAYS, DIGITS, STORAGES, make_run, state
from thorough import TIMES
from torch_files import archive

from minigrad.errors import MinigradError
from minigrad.op import Array
from minigrad.store import load, save
from models.data.features import FeatureTable
from models.data.hdf5_writing import new_hdf5
from models.data.mnist import read_idx
from models.data.scenes import Extractor
from models.data.scenes.features import Filters
from models.training import Run
from models.training.adversarial import GanRun, GanSettings
from models.training.folder import RunFolder
from models.weights import read_weights, write_weights

FEATURES = np.random.default_rng(0).random((40, 6)).astype("f4")


class Form(NamedTuple):
    """A file's name, what writes one, the arrays that are read from it, and from which bit to which one is tried."""

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], dict[str, Array]]
    step: int = 13


def features(path: Path) -> None:
    with new_hdf5(path) as file:
        file.create_dataset("features", data=FEATURES, chunks=(9, 6), fletcher32=True)


def extractor(path: Path) -> None:
    a = ARRAYS["layer.weight"]
    Extractor(Filters(a, a + 1), a + 2, a + 3).save(path)


def run_of(kind: type[RunFolder]) -> Callable[[Path], dict[str, Array]]:
    """The run of a config.json, as an array of its words."""
    return lambda path: {"": np.array([repr(kind.open(path.parent))])}


def of_extractor(path: Path) -> dict[str, Array]:
    found = Extractor.load(path)
    return {**vars(found.filters), "mean": found.mean, "projection": found.projection}


FORMS = {
    "our checkpoints": Form("a.safetensors", lambda p: save(p, ARRAYS, {"step": 3}), lambda p: load(p)[0]),
    "our weights": Form("a.safetensors", lambda p: write_weights(p, ARRAYS), read_weights),
    "npz": Form("a.npz", lambda p: write_weights(p, ARRAYS), read_weights),
    "HDF5": Form("a.h5", lambda p: write_weights(p, ARRAYS), read_weights, 211),
    "features": Form("a.h5", features, lambda p: {"": FeatureTable(p, 0).rows(np.arange(40))}, 211),
    ".pth": Form("a.pth", lambda p: p.write_bytes(archive(state(), STORAGES)), read_weights),
    "digits": Form("a.gz", lambda p: p.write_bytes(gzip.compress(DIGITS)), lambda p: {"": read_idx(p, 3)}),
    "extractors": Form("a.npz", extractor, of_extractor),
    "runs": Form("config.json", lambda p: make_run(p.parent), run_of(Run), 7),
    "runs of gan": Form("config.json", lambda p: GanRun(p.parent, GanSettings(), "drawn").make(), run_of(GanRun), 7),
}


@pytest.mark.fault(number=11)
@pytest.mark.parametrize("kind", FORMS)
def test_a_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path, kind: str) -> None:
    form = FORMS[kind]
    path = tmp_path / form.name
    form.write(path)
    whole, wanted = path.read_bytes(), form.read(path)
    step, noticed = max(1, form.step // TIMES), 0
    for bit in range(0, 8 * len(whole), step):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            found = form.read(path)
        except MinigradError as error:
            noticed += 1
            assert str(path) in str(error), (bit, error)
            continue
        assert found.keys() == wanted.keys(), bit
        assert all(found[n].dtype == a.dtype and np.array_equal(found[n], a) for n, a in wanted.items()), bit
    assert noticed > len(whole) * 8 / step / 4
