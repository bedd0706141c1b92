"""Files as `torch.save` writes them, made byte by byte, so that tests of their reader need no PyTorch."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.op import Array

PROTOCOL, STOP, MARK = b"\x80\x02", b".", b"("
MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
KINDS = {
    "float64": "Double", "float32": "Float", "float16": "Half", "int64": "Long", "int32": "Int", "uint8": "Byte",
    "bool": "Bool", "bfloat16": "BFloat16",
}  # fmt: skip


def text(string: str) -> bytes:
    return b"X" + len(string.encode()).to_bytes(4, "little") + string.encode()


def integer(number: int) -> bytes:
    """LONG1, of any size and sign."""
    content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def integers(numbers: Any) -> bytes:
    return MARK + b"".join(map(integer, numbers)) + b"t"


def name(module: str, attribute: str) -> bytes:
    return b"c" + f"{module}\n{attribute}\n".encode()


def pickled(*parts: bytes) -> bytes:
    return PROTOCOL + b"".join(parts) + STOP


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


ORDERED = name("collections", "OrderedDict") + b")R"
"""An empty OrderedDict."""


@dataclass(frozen=True)
class Tensor:
    """A tensor in a storage of so many elements of a kind; what it says of itself may be untrue."""

    key: str
    kind: str
    elements: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    part: bytes = b""
    function: str = "_rebuild_tensor_v2"

    def pickled(self) -> bytes:
        storage = MARK + text("storage") + name("torch", f"{self.kind}Storage") + text(self.key) + text("cpu")
        storage += integer(self.elements) + self.part + b"tQ"
        place = integer(self.offset) + integers(self.shape) + integers(self.strides)
        rest = b"\x89" + ORDERED if self.function == "_rebuild_tensor_v2" else b""
        return name("torch._utils", self.function) + MARK + storage + place + rest + b"tR"


def plain(key: str, array: Array, legacy: bool = False) -> Tensor:
    """A tensor that has a storage of its own."""
    strides = tuple(stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides)
    return Tensor(key, KINDS[array.dtype.name], array.size, array.shape, strides, part=b"N" if legacy else b"")


def archive(state: bytes, storages: Mapping[str, bytes], folder: str = "net/", **options: Any) -> bytes:
    """A zip archive around a pickled state; options are those of each entry's ZipInfo."""
    buffer = io.BytesIO()
    entries = {"data.pkl": state, "byteorder": b"little", "version": b"3\n"}
    entries |= {f"data/{key}": content for key, content in storages.items()}
    with zipfile.ZipFile(buffer, "w", **options) as file:
        for entry, content in entries.items():
            file.writestr(folder + entry, content)
    return buffer.getvalue()


def legacy(state: bytes, storages: Mapping[str, tuple[int, bytes]], magic: bytes = MAGIC) -> bytes:
    """The older form: pickles, then each storage's number of elements and bytes."""
    machine = dictionary({"protocol_version": integer(1001), "little_endian": b"\x88"})
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    head = [pickled(magic), pickled(integer(1001)), pickled(machine), state, pickled(keys)]
    data = [elements.to_bytes(8, "little") + content for elements, content in storages.values()]
    return b"".join(head + data)
