"""Checkpoints: what comes back is what was saved, to the bit; what was changed on the disk is found and passed over."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from minigrad.errors import CheckpointError, DTypeError, MissingFileError, UsageError
from minigrad.op import Array
from minigrad.store import Checkpoints, load, save

DTYPES = ("?", "i1", "u2", "<i4", ">i4", "u8", "f2", "<f4", ">f4", "f8", "c8")
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
LAYOUTS = {
    "as it is": lambda a: a,
    "transposed": lambda a: a.T,
    "Fortran": np.asfortranarray,
    "reversed": lambda a: a[tuple(slice(None, None, -1) for _ in a.shape)],
    "every second": lambda a: a[tuple(slice(None, None, 2) for _ in a.shape)],
    "broadcast": lambda a: np.broadcast_to(a, (3, *a.shape)),
}
STATES = st.dictionaries(
    st.text(),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists),
)


def same(one: Array, two: Array) -> bool:
    """Whether two arrays have the same type, shape and bits, whatever their layout and byte order."""
    native = one.astype(one.dtype.newbyteorder("="))
    return (native.dtype, native.shape, native.tobytes()) == (two.dtype, two.shape, two.tobytes())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@given(arrays=st.dictionaries(st.text(), ARRAYS, max_size=4), layout=st.sampled_from(sorted(LAYOUTS)), state=STATES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_saved_comes_back(path: Path, arrays: dict[str, Array], layout: str, state: dict[str, Any]) -> None:
    laid_out = {name: LAYOUTS[layout](array) for name, array in arrays.items()}
    save(path, laid_out, state)
    loaded, found = load(path)
    assert found == state
    assert loaded.keys() == laid_out.keys()
    for name, array in laid_out.items():
        assert same(array, loaded[name]), (name, array)
        assert loaded[name].flags.writeable
        assert loaded[name].flags.c_contiguous


def test_the_state_of_a_generator_comes_back(path: Path) -> None:
    rng = np.random.default_rng(5)
    save(path, {}, {"generator": rng.bit_generator.state})
    again = np.random.default_rng()
    again.bit_generator.state = load(path)[1]["generator"]
    assert rng.integers(2**63, size=9).tolist() == again.integers(2**63, size=9).tolist()


@pytest.mark.parametrize(
    ("arrays", "state", "error", "pattern"),
    [
        ({"w": np.zeros(2, "c16")}, {}, DTypeError, "array 'w' is complex128, and a checkpoint holds only"),
        ({"w": np.array([None])}, {}, DTypeError, "array 'w' is object"),
        ({"__metadata__": np.zeros(2)}, {}, UsageError, "no array may be called '__metadata__'"),
        ({"w": np.zeros(2)}, {"rng": np.zeros(2)}, UsageError, "not JSON serializable"),
        ({"\ud800": np.zeros(2)}, {}, UsageError, "cannot hold this state and these names"),
        ({}, {"log": "x" * 2**20}, UsageError, "cannot hold a state and names of over 1,048,576 bytes"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(
    path: Path, arrays: dict[str, Array], state: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        save(path, arrays, state)
    assert not list(path.parent.iterdir())


@pytest.mark.fault(number=1)
def test_a_checkpoint_that_is_not_there(path: Path) -> None:
    path.with_name("file").touch()
    for absent in (path, path.parent / "nowhere" / "a", path.parent / "file" / "a"):
        with pytest.raises(MissingFileError, match=r"there is no checkpoint .*minigrad train"):
            load(absent)
    with pytest.raises(CheckpointError, match="is a folder, not a checkpoint"):
        load(path.parent)


ARRAYS_TO_DAMAGE = {"cell.Wx": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3)}


@pytest.fixture
def content(path: Path) -> bytes:
    save(path, ARRAYS_TO_DAMAGE, {"step": 3})
    return path.read_bytes()


@given(place=st.integers(min_value=0), bits=st.integers(1, 255))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.fault(number=11)
def test_a_changed_byte_is_found_or_changes_nothing(path: Path, content: bytes, place: int, bits: int) -> None:
    changed = bytearray(content)
    changed[place % len(content)] ^= bits
    path.write_bytes(changed)
    try:
        arrays, state = load(path)
    except CheckpointError:
        return
    assert state == {"step": 3}  # a blank of the header's padding became another one
    assert all(same(array, arrays[name]) for name, array in ARRAYS_TO_DAMAGE.items())


@pytest.mark.fault(number=12)
def test_a_checkpoint_cut_anywhere_is_refused(path: Path, content: bytes) -> None:
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="is damaged, or no checkpoint"):
            load(path)


def flip(path: Path, wanted: bytes) -> None:
    """Changes one bit of the first occurrence of some bytes."""
    content = bytearray(path.read_bytes())
    content[content.index(wanted)] ^= 1
    path.write_bytes(content)


@pytest.mark.fault(number=11)
def test_the_error_names_the_array_or_the_state_that_has_changed(path: Path) -> None:
    for wanted, named in ((np.float32(4).tobytes() + np.float32(5).tobytes(), "array 'cell.Wx'"), (b"3}", "the state")):
        save(path, ARRAYS_TO_DAMAGE, {"step": 3})
        flip(path, wanted)
        with pytest.raises(CheckpointError, match=f"has changed on the disk: the checksum of {named} differs"):
            load(path)


def saved_steps(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, {"w": np.full(3, step)}, {"step": step})
    return checkpoints


def test_the_last_few_are_kept_and_the_newest_comes_first(tmp_path: Path) -> None:
    checkpoints = saved_steps(tmp_path / "run" / "checkpoints", 1, 20, 300, 4000, keep=3)
    assert checkpoints.steps() == [20, 300, 4000]
    found = checkpoints.latest(warn=pytest.fail)
    assert found is not None
    assert (found[0]["w"].tolist(), found[1]) == ([4000] * 3, {"step": 4000})


def test_no_checkpoint_is_none_and_keeping_none_is_refused(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "nowhere").latest(warn=pytest.fail) is None
    with pytest.raises(UsageError, match="keep is 0"):
        Checkpoints(tmp_path, keep=0)


def damage(folder: Path, step: int) -> None:
    flip(folder / f"step-{step:08d}.safetensors", np.int64(step).tobytes())


@pytest.mark.fault(number=11)
def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(tmp_path: Path) -> None:
    checkpoints = saved_steps(tmp_path, 10, 20)
    damage(tmp_path, 20)
    told: list[str] = []
    found = checkpoints.latest(told.append)
    assert found is not None
    assert found[1] == {"step": 10}
    assert len(told) == 1
    assert "step-00000020.safetensors has changed on the disk: the checksum of array 'w' differs" in told[0]


@pytest.mark.fault(number=11)
def test_after_a_fall_back_no_damaged_one_takes_the_place_of_a_whole_one(tmp_path: Path) -> None:
    saved_steps(tmp_path, 10, 20, 30, 40, keep=4)
    for step in (20, 40):
        damage(tmp_path, step)
    checkpoints = Checkpoints(tmp_path)
    found = checkpoints.latest(lambda text: None)
    assert found is not None
    assert found[1] == {"step": 30}
    checkpoints.save(35, {"w": np.full(3, 35)}, {"step": 35})
    assert checkpoints.steps() == [30, 35]


@pytest.mark.fault(number=11)
def test_when_all_are_damaged_nothing_begins_anew_unasked(tmp_path: Path) -> None:
    checkpoints = saved_steps(tmp_path, 10, 20)
    damage(tmp_path, 10)
    damage(tmp_path, 20)
    with pytest.raises(CheckpointError, match=r"none of the 2 checkpoints in .* can be read"):
        checkpoints.latest(lambda text: None)


def test_without_safetensors_the_error_names_what_to_install() -> None:
    script = (
        "import sys; sys.modules['safetensors'] = None\n"
        "from minigrad.errors import MissingPackageError\n"
        "try:\n    import minigrad.store\n"
        "except MissingPackageError as error:\n    print(error)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "checkpoints need safetensors: python -m pip install 'minigrad[all]'"
