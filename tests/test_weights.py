"""Weights in every form: what is read is what was stored, whoever wrote it; and what it is loaded into."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import ORDERED, Tensor, archive, dictionary, integer, legacy, name, pickled, plain, text

import minigrad as mg
from minigrad.cli import main
from minigrad.errors import CheckpointError, UsageError
from minigrad.op import Array
from minigrad.store import save
from models.weights import load_weights, read_weights, write_weights
from models.weights.files import read_stored

RNG = np.random.default_rng(0)
ARRAYS: dict[str, Array] = {
    "float32": RNG.standard_normal((3, 4)).astype(np.float32),
    "float64": RNG.standard_normal(5),
    "float16": RNG.standard_normal((2, 3)).astype(np.float16),
    "int64": np.array(2**40 + 7),
    "uint8": np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float32),
}


def same(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert set(found) == set(wanted)
    for key, array in wanted.items():
        assert found[key].dtype == array.dtype and found[key].shape == array.shape, key
        np.testing.assert_array_equal(found[key], array)


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".h5"])
def test_what_is_written_is_read_whatever_the_memory_layout(tmp_path: Path, ending: str) -> None:
    arrays = {**ARRAYS, "a.transposed": ARRAYS["float32"].T, "big endian": ARRAYS["float64"].astype(">f8")}
    write_weights(tmp_path / f"weights{ending}", arrays)
    same(read_weights(tmp_path / f"weights{ending}"), {**arrays, "big endian": ARRAYS["float64"]})


def test_the_forms_of_numpy_compressed_and_not(tmp_path: Path) -> None:
    for number, savez in enumerate((np.savez, np.savez_compressed)):
        savez(tmp_path / f"{number}.npz", **ARRAYS, fortran=np.asfortranarray(ARRAYS["float32"]))
        same(read_weights(tmp_path / f"{number}.npz"), {**ARRAYS, "fortran": ARRAYS["float32"]})


def test_groups_of_hdf5_are_paths(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "net.h5", "w") as file:
        file["features/0/weight"] = ARRAYS["float32"]
        file["features/0/bias"] = ARRAYS["float64"]
    same(read_weights(tmp_path / "net.h5"),
         {"features.0.weight": ARRAYS["float32"], "features.0.bias": ARRAYS["float64"]})  # fmt: skip


def test_a_checkpoint_of_ours_is_read_with_its_checksums(tmp_path: Path) -> None:
    save(tmp_path / "step.safetensors", {"w": ARRAYS["float32"]}, {"step": 3})
    same(read_weights(tmp_path / "step.safetensors"), {"w": ARRAYS["float32"]})
    content = bytearray((tmp_path / "step.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "step.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="checksum of array 'w' differs"):
        read_weights(tmp_path / "step.safetensors")


def bfloat16(values: Array) -> bytes:
    """The upper halves of float32 numbers, which the values fit."""
    return (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()


def test_bfloat16_of_a_safetensors_file_is_float32(tmp_path: Path) -> None:
    values = np.array([1.5, -2, 0.375], np.float32)
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bfloat16(values))
    same(read_weights(path), {"w": values})
    assert read_stored(path)["w"].nbytes == 6


@pytest.mark.parametrize("form", ["archive", "legacy"])
def test_every_kind_of_storage_that_pytorch_writes(tmp_path: Path, form: str) -> None:
    tensors = {key: plain(key, array, form == "legacy").pickled() for key, array in ARRAYS.items()}
    half = np.array([1.5, -2, 0.375], np.float32)
    tensors["half"] = Tensor("half", "BFloat16", 3, (3,), (1,), part=b"N" * (form == "legacy")).pickled()
    contents = {key: (array.size, array.tobytes()) for key, array in ARRAYS.items()} | {"half": (3, bfloat16(half))}
    state = pickled(dictionary(tensors))
    made = legacy(state, contents) if form == "legacy" else archive(state, {k: c for k, (_, c) in contents.items()})
    (tmp_path / "net.pth").write_bytes(made)
    same(read_weights(tmp_path / "net.pth"), {**ARRAYS, "half": half})


def test_views_share_a_storage_with_their_own_offsets_and_strides(tmp_path: Path) -> None:
    row = np.arange(12, dtype=np.float32)
    views = {
        "transposed": Tensor("0", "Float", 12, (4, 3), (1, 4)),
        "every second of the last row": Tensor("0", "Float", 12, (2,), (2,), offset=8),
        "one number": Tensor("0", "Float", 12, (), (), offset=11),
    }
    wanted: dict[str, Any] = {
        "transposed": row.reshape(3, 4).T, "every second of the last row": row[8::2], "one number": row[11],
    }  # fmt: skip
    state = pickled(dictionary({key: view.pickled() for key, view in views.items()}))
    (tmp_path / "net.pth").write_bytes(archive(state, {"0": row.tobytes()}))
    same(read_weights(tmp_path / "net.pth"), wanted)


def test_parts_of_storages_in_the_oldest_files(tmp_path: Path) -> None:
    row = np.arange(6, dtype=np.float32)
    part = b"(" + text("1") + integer(2) + integer(4) + b"t"
    tensor = Tensor("0", "Float", 6, (2,), (1,), offset=1, part=part, function="_rebuild_tensor")
    made = legacy(pickled(dictionary({"w": tensor.pickled()})), {"0": (6, row.tobytes())})
    (tmp_path / "net.pth").write_bytes(made)
    same(read_weights(tmp_path / "net.pth"), {"w": row[3:5]})


def test_states_inside_other_containers_and_attributes_of_theirs(tmp_path: Path) -> None:
    w = ARRAYS["float32"]
    inner = ORDERED + b"(" + text("module.w") + plain("0", w).pickled() + b"u"
    inner += dictionary({"_metadata": ORDERED}) + b"b"  # what PyTorch keeps beside a state
    parameter = name("torch._utils", "_rebuild_parameter") + b"(" + plain("0", w).pickled() + b"\x88" + ORDERED + b"tR"
    (tmp_path / "net.pth").write_bytes(
        archive(pickled(dictionary({"state_dict": inner, "epoch": integer(3)})), {"0": w.tobytes()})
    )
    same(read_weights(tmp_path / "net.pth"), {"w": w})
    (tmp_path / "list.pth").write_bytes(archive(pickled(b"](" + parameter + b"K\x01e"), {"0": w.tobytes()}, folder=""))
    same(read_weights(tmp_path / "list.pth"), {"0": w})


def test_files_that_pytorch_wrote(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weights = torch.arange(24.0).reshape(2, 3, 4)
    state = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict()
    state |= {"view": weights.permute(2, 0, 1)[1:, :, ::2], "half": weights.to(torch.bfloat16)}
    wanted = {key: tensor.float().numpy() if key == "half" else tensor.numpy() for key, tensor in state.items()}
    for form in (True, False):
        torch.save({"state_dict": state, "epoch": 3}, tmp_path / "net.pth", _use_new_zipfile_serialization=form)
        same(read_weights(tmp_path / "net.pth"), wanted)


def test_real_weights(real_data: Path) -> None:
    arrays = read_weights(real_data / "squeezenet1_1" / "squeezenet1_1.pth")
    assert len(arrays) == 52 and sum(array.size for array in arrays.values()) == 1_235_496
    assert arrays["features.0.weight"].shape == (64, 3, 3, 3) and arrays["classifier.1.bias"].dtype == np.float32


class Affine(mg.Module):
    def __init__(self) -> None:
        self.W, self.b = mg.Parameter(np.zeros((3, 4))), mg.Parameter(np.zeros(4))


@pytest.mark.fault(number=14)
def test_weights_of_another_architecture_are_a_table(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.npz", {"W": ARRAYS["float32"], "b": np.zeros(5), "c": np.zeros(1)})
    model = Affine()
    with pytest.raises(CheckpointError, match=r"w\.npz(?s:.*)unexpected  c \(1,\)\n(.*)mis-shaped  b: \(4,\) here"):
        load_weights(model, tmp_path / "w.npz")
    assert not model.W.numpy().any()
    assert len(load_weights(model, tmp_path / "w.npz", strict=False)) == 2
    np.testing.assert_array_equal(model.W.numpy(), ARRAYS["float32"])


def test_numbers_that_are_not_finite_are_refused_with_their_place(tmp_path: Path) -> None:
    write_weights(tmp_path / "w.npz", {"W": np.zeros((3, 4)), "b": np.array([0, np.nan, 0, np.inf])})
    for strict in (True, False):
        with pytest.raises(CheckpointError, match=r"w\.npz: b holds NaN or infinity, in 2 of its 4 numbers"):
            load_weights(Affine(), tmp_path / "w.npz", strict)


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_weights(tmp_path / "w.npz", ARRAYS)
    assert main(["weights", "convert", str(tmp_path / "w.npz"), str(tmp_path / "w.h5")]) == 0
    assert main(["weights", "inspect", str(tmp_path / "w.h5")]) == 0
    table = capsys.readouterr().out
    assert "2×3" in table and "float16" in table and f"{len(ARRAYS)} arrays" in table
    assert main(["weights", "inspect", str(tmp_path / "w.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["arrays"]
    assert {a["name"]: tuple(a["shape"]) for a in found} == {key: array.shape for key, array in ARRAYS.items()}
    assert all(a["sha256"][:12] in table for a in found)
    assert main(["weights", "inspect", str(tmp_path / "absent.npz")]) == 2
    with pytest.raises(UsageError, match=r"end it with \.safetensors"):
        write_weights(tmp_path / "w.pth", ARRAYS)


def test_names_that_a_form_cannot_hold_are_told_and_folders_are_made(tmp_path: Path) -> None:
    one = np.ones(1, np.float32)
    for names, form in ((["a", "a/b"], "h5"), ([""], "h5"), (["x" * 70_000], "npz"), (["\ud800"], "npz")):
        path = tmp_path / "new" / f"w.{form}"
        with pytest.raises(UsageError, match=rf"w\.{form} cannot hold arrays of these names"):
            write_weights(path, dict.fromkeys(names, one))
        assert not path.parent.exists()
    for form in ("npz", "h5", "safetensors"):
        write_weights(tmp_path / form / f"w.{form}", {"w": one})
        assert read_weights(tmp_path / form / f"w.{form}")["w"] == one


def test_names_cannot_command_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_weights(tmp_path / "w.npz", {"red\x1b[31m\x9b": np.ones(1)})
    assert main(["weights", "inspect", str(tmp_path / "w.npz")]) == 0
    assert "red\\u001b[31m\\u009b" in capsys.readouterr().out
    assert main(["weights", "inspect", str(tmp_path / "w.npz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arrays"][0]["name"] == "red\x1b[31m\x9b"
