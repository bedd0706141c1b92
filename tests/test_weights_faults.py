"""Weights files that lie or mean harm: a clear error at once, nothing run, nothing large allocated."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from fuzzing import at_once
from torch_files import MAGIC, PROTOCOL, Tensor, archive, dictionary, integer, legacy, name, pickled, plain, text

from minigrad.cli import main
from minigrad.errors import CheckpointError
from models.weights import read_weights

ONE = np.ones(1, np.float32)
DATA = {"0": ONE.tobytes()}


def tensor(**changes: Any) -> bytes:
    """A state of one tensor of one element, of which something is changed."""
    fields: dict[str, Any] = {"key": "0", "kind": "Float", "elements": 1, "shape": (1,), "strides": (1,)}
    return pickled(dictionary({"w": Tensor(**{**fields, **changes}).pickled()}))


def npy(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header.encode() + b"\n" + content


def npz(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for entry, content in entries.items():
            file.writestr(f"{entry}.npy", content)
    return buffer.getvalue()


def declared(shape: str, descr: str = "<f4", content: bytes = ONE.tobytes()) -> bytes:
    return npz({"w": npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}", content)})


def hdf5(make: Callable[[h5py.File], Any]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        make(file)
    return buffer.getvalue()


def hollow(file: h5py.File) -> None:
    file.create_dataset("w", (2**40,), np.float32, chunks=(1024,))


def within_itself(file: h5py.File) -> None:
    file["group"] = file


def safetensors(shape: str, end: int = 4, key: str = "w", more: str = "") -> bytes:
    header = f'{{"{key}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}{more}}}'.encode()
    return len(header).to_bytes(8, "little") + header + ONE.tobytes()


NESTED = b"]" + b"".join(b"q" + bytes([n]) + b"](" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(99))
SELF = b"}q\x00(" + text("w") + b"h\x00u"
LIES: dict[str, bytes] = {
    "archive: nothing after its first bytes": archive(tensor(), DATA)[:100],
    "archive: cut short": archive(tensor(), DATA)[:-40],
    "archive: no pickle": archive(tensor(), DATA).replace(b"data.pkl", b"data.plk"),
    "archive: a storage that is not there": archive(tensor(key="1"), DATA),
    "archive: another storage's bytes": archive(tensor(elements=2), DATA),
    "archive: a flipped byte": archive(tensor(), DATA).replace(ONE.tobytes(), b"\0\0\0\1"),
    "archive: compressed": archive(tensor(), {"0": bytes(10**6)}, compression=zipfile.ZIP_DEFLATED),
    "archive: an entry that comes twice": archive(tensor(), {"0": b"1234", "9": b"1234"}).replace(b"data/9", b"data/0"),
    "a huge storage": archive(tensor(elements=2**60, shape=(2**60,)), DATA),
    "a huge shape": archive(tensor(shape=(2**40, 2**40), strides=(1, 1)), DATA),
    "a shape that repeats one number": archive(tensor(shape=(2**40,), strides=(0,)), DATA),
    "a shape of a thousand sides": archive(tensor(shape=(1,) * 1000, strides=(1,) * 1000), DATA),
    "a view that reaches further": archive(tensor(elements=4, shape=(2,), strides=(4,)), {"0": bytes(16)}),
    "a view from beyond the end": archive(tensor(offset=1), DATA),
    "a view from before the start": archive(tensor(offset=-1), DATA),
    "a negative side": archive(tensor(shape=(-1,)), DATA),
    "fewer strides than sides": archive(tensor(strides=()), DATA),
    "a part outside its storage": archive(tensor(part=b"(" + text("1") + integer(1) + integer(1) + b"t"), DATA),
    "a storage of nothing known": archive(tensor().replace(b"FloatStorage", b"QInt8Storage"), DATA),
    "a name that comes twice": archive(pickled(b"}(" + (text("w") + plain("0", ONE).pickled()) * 2 + b"u"), DATA),
    "containers without end": archive(pickled(SELF), {}),
    "containers that double 99 times": archive(pickled(NESTED), {}),
    "no tensor at all": archive(pickled(dictionary({"epoch": integer(3)})), {}),
    "a pickle without end": archive(tensor()[:-1], DATA),
    "a pickle of nothing": archive(PROTOCOL + b".", {}),
    "a text of 2^63 bytes": archive(PROTOCOL + b"\x8d" + b"\xff" * 7 + b"\x7f", {}),
    "a memo of 2^32 places": archive(pickled(b"}r\xff\xff\xff\xff"), {}),
    "a number of 10,000 digits": archive(pickled(b"I" + b"9" * 10**4 + b"\n"), {}),
    "legacy: cut short": legacy(tensor(part=b"N"), {"0": (1, b"12")}),
    "legacy: another number of elements": legacy(tensor(part=b"N"), {"0": (2**60, b"1234")}),
    "legacy: a huge storage": legacy(tensor(elements=2**60, part=b"N"), {"0": (2**60, b"1234")}),
    "legacy: no magic number": legacy(tensor(part=b"N"), {"0": (1, b"1234")}, magic=integer(7)),
    "legacy: the magic number alone": pickled(MAGIC),
    "npz: a huge shape": declared("(1099511627776, 1099511627776)"),
    "npz: a shape larger than its data": declared("(1000000,)"),
    "npz: a negative shape": declared("(-1,)"),
    "npz: objects": declared("(1,)", "|O"),
    "npz: a header that is no dictionary": npz({"w": npy("__import__('os')")}),
    "npz: a version of the future": npz({"w": npy("{}").replace(b"NUMPY\x01", b"NUMPY\x09")}),
    "npz: no array": npz({"w": b"text"}),
    "npz: a name that comes twice": npz({"w": npy("1"), "v": npy("1")}).replace(b"v.npy", b"w.npy"),
    "npz: a bomb": npz({"w": bytes(2**25)}, zipfile.ZIP_DEFLATED),
    "safetensors: a huge shape": safetensors("[1099511627776,1099511627776]"),
    "safetensors: a shape larger than its data": safetensors("[2]"),
    "safetensors: offsets beyond the data": safetensors("[1]", 2**60),
    "safetensors: a negative side": safetensors("[-1,-1]"),
    "safetensors: a name that comes twice": safetensors("[1]", more=safetensors("[1]")[9:-5].decode().join(",}")[:-1]),
    "safetensors: an array that is none": safetensors("[1]", more=',"v":3'),
    "safetensors: overlapping": safetensors("[1]", more=',"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'),
    "hdf5: cut short": hdf5(lambda file: file.create_dataset("w", data=np.ones(1000)))[:4000],
    "hdf5: hollow": hdf5(hollow),
    "hdf5: a group that holds itself": hdf5(within_itself),
    "hdf5: a link to another file": hdf5(lambda file: file.__setitem__("w", h5py.ExternalLink("other.h5", "w"))),
    "hdf5: texts": hdf5(lambda file: file.create_dataset("w", data=["text"])),
    "an HTML page": b"<!DOCTYPE html><html>404 not found</html>",
    "nothing": b"",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.fault(number=12)
def test_a_file_that_lies_is_refused_at_once_without_a_large_allocation(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "net.weights"
    path.write_bytes(LIES[lie])
    with at_once(2**20), pytest.raises(CheckpointError, match=r"net\.weights"):
        read_weights(path)


def shell(command: str) -> bytes:
    """A pickle that Python's own reader would run a command for."""
    return name("posix", "system") + b"(" + text(command) + b"tR"


def harmful(trace: Path) -> dict[str, tuple[bytes, str]]:
    """Pickles that would leave a file at `trace`, and what each asks for."""
    run = shell(f"touch {trace}")
    build = name("builtins", "type") + b")R" + dictionary({"__setstate__": b"N"}) + b"b"
    return {
        "a call": (pickled(run), "posix.system"),
        "a call in a state": (pickled(dictionary({"epoch": integer(3), "x": run})), "posix.system"),
        "a call named by its parts": (
            pickled(text("builtins"), text("eval"), b"\x93", b"(" + text("1") + b"tR"), "builtins.eval",
        ),
        "a new object": (pickled(name("io", "FileIO") + b"(" + text(str(trace)) + text("w") + b"t\x81"), "io.FileIO"),
        "an instance, the old way": (pickled(b"(" + text("x") + b"iposix\nsystem\n"), "INST"),
        "an object, the old way": (pickled(b"(}o"), "OBJ"),
        "a registered extension": (pickled(b"\x82\x01"), "EXT1"),
        "an attribute of what is allowed": (pickled(name("collections", "OrderedDict.fromkeys")), "fromkeys"),
        "another function of PyTorch": (pickled(name("torch", "load")), "torch.load"),
        "a class of whatever": (pickled(build), "builtins.type"),
        "a persistent id that is an object": (pickled(b"(" + text("module") + run + b"tQ"), "posix.system"),
    }  # fmt: skip


@pytest.mark.parametrize("form", ["archive", "legacy", "bare"])
@pytest.mark.parametrize("harm", harmful(Path("trace")))
@pytest.mark.fault(number=13)
def test_nothing_that_a_file_asks_for_is_run(tmp_path: Path, form: str, harm: str) -> None:
    content, asked = harmful(tmp_path / "trace")[harm]
    forms = {"archive": archive(content, DATA), "legacy": legacy(content, {}), "bare": content}
    (tmp_path / "net.pth").write_bytes(forms[form])
    with pytest.raises(CheckpointError, match=rf"net\.pth asks for .*{asked}.*refused"):
        read_weights(tmp_path / "net.pth")
    assert not (tmp_path / "trace").exists()


@pytest.mark.fault(number=13)
def test_what_python_pickles_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "net.pkl").write_bytes(pickle.dumps({"path": Path("w")}, protocol))
        assert main(["weights", "inspect", str(tmp_path / "net.pkl")]) == 2
        assert "refused" in capsys.readouterr().err


@pytest.mark.fault(number=12)
def test_flipped_bytes_are_an_error_or_other_numbers_and_never_a_crash(tmp_path: Path) -> None:
    state = pickled(dictionary({"w": plain("0", ONE).pickled(), "v": plain("0", ONE).pickled()}))
    whole = {
        ".pth": archive(state, DATA), ".pt": legacy(tensor(part=b"N"), {"0": (1, b"1234")}),
        ".npz": declared("(1,)"), ".safetensors": safetensors("[1]"),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    for ending, content in whole.items():
        path = tmp_path / f"net{ending}"
        path.write_bytes(content)
        assert read_weights(path)["w"].shape == (1,)
        for _ in range(200):
            changed = bytearray(content)
            changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
            path.write_bytes(changed[: rng.integers(len(content)) if rng.random() < 0.2 else None])
            try:
                read_weights(path)
            except CheckpointError as error:
                assert "net" in str(error)


@pytest.mark.fault(number=13)
def test_json_of_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.pth").write_bytes(pickled(shell("true")))
    assert main(["weights", "inspect", str(tmp_path / "net.pth"), "--json"]) == 2
    assert "posix.system" in json.loads(capsys.readouterr().out)["error"]["message"]
