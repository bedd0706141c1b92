"""How Ops are written: a symbol for small boxes, the family that gives their colour, their attributes in short."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any

from minigrad.op import Op

SYMBOLS = {
    "Abs": "|x|", "Add": "+", "And": "∧", "ArgMax": "argmax", "BinaryCrossEntropy": "BCE", "BroadcastTo": "repeat",
    "Clip": "clip", "CrossEntropy": "−log p", "CrossEntropyGrad": "p − y", "CumSum": "Σ…", "Divide": "÷",
    "Einsum": "einsum", "Equal": "=", "Greater": ">", "GreaterEqual": "≥", "Invert": "¬", "LeakyRelu": "leaky",
    "Less": "<", "LessEqual": "≤", "LogSoftmax": "log softmax", "LogSumExp": "log Σ exp", "MatMul": "@",
    "Maximum": "max", "Minimum": "min", "Multiply": "×", "Negative": "−x", "NotEqual": "≠", "Or": "∨",
    "Power": "xᵃ", "Sigmoid": "σ",
    "Slice": "[ ]", "SlicePut": "put", "Softplus": "softplus", "Sqrt": "√", "Square": "x²", "Subtract": "−", "Sum": "Σ",
    "SumTo": "Σ", "Transpose": "xᵀ", "Xor": "⊻",
}  # fmt: skip

WINDOWS = {
    "Conv2d": "conv", "ConvTranspose2d": "convᵀ", "ConvWeight2d": "conv weight", "MaxPool2d": "max pool",
    "AvgPool2d": "mean pool",
}  # fmt: skip
"""Ops whose symbol tells the size of the window that they move over pictures."""
NEUTRAL = {"stride": 1, "padding": 0}
"""Attributes that are not shown if all their numbers are these; kernels are shown in the symbol."""

FAMILIES = {
    "activation": "nonlinear", "conv": "product", "index": "move", "linalg": "product", "loss": "loss",
    "norm": "nonlinear", "pool": "reduce", "reduce": "reduce", "shape": "move",
}  # fmt: skip
"""The family of an Op by the file of minigrad.ops it stands in; what is in none is `arithmetic`."""
_NONLINEAR = frozenset({"Cos", "Exp", "Log", "Log1p", "LogSoftmax", "LogSumExp", "Sin", "Softmax", "Sqrt"})


def kind_of(op: Op) -> str:
    """The family of an Op, which gives its colour."""
    if type(op).__name__ in _NONLINEAR:
        return "nonlinear"
    return FAMILIES.get(type(op).__module__.rpartition(".")[2], "arithmetic")


def symbol_of(op: Op, *shapes: tuple[int, ...]) -> str:
    """`+`, `σ`, `[512:1024]`, `relu`: an Op in a few letters; `shapes` are those of its operands."""
    name = type(op).__name__
    if hasattr(op, "number"):
        return number_text(op.number)
    if name == "Slice":
        return _brackets(op, shapes[0])
    if name in WINDOWS:
        kernel = getattr(op, "kernel", None) or shapes[1][-2:]
        return f"{WINDOWS[name]} {shape_text(kernel)}"
    if name == "SlicePut":
        return f"put {_brackets(op, getattr(op, 'to', ()))}"
    return SYMBOLS.get(name, name.lower() if type(op).__module__.startswith("minigrad.") else name)


def _brackets(op: Any, whole: tuple[int, ...]) -> str:
    """The index of a slice, without axes that are taken whole; `[3/4]` for the third of four equal parts."""
    cut = [(part, size) for part, size in zip(op.parts, whole, strict=True) if part != (0, size, 1)]
    if len(cut) == 1 and isinstance(cut[0][0], tuple):
        (start, stop, step), size = cut[0]
        width = stop - start
        if step == 1 and width > 1 and start % width == 0 and size % width == 0:
            return f"[{start // width + 1}/{size // width}]"
    return f"[{', '.join(_part(part) for part, _ in cut) or ':'}]"


def _part(part: Any) -> str:
    if not isinstance(part, tuple):
        return str(part)
    start, stop, step = part
    return f"{start}:{stop}" if step == 1 else f"{start}:{'' if stop < 0 else stop}:{step}"


def attributes_of(op: Op, briefly: bool = False) -> str:
    """`axis 1, keepdims`: the static attributes in words; `briefly` leaves out usual values."""
    shown = {f.name: getattr(op, f.name) for f in fields(op)}
    if briefly and type(op).__name__ in WINDOWS:
        shown = {name: value for name, value in shown.items() if name in NEUTRAL and {*value} != {NEUTRAL[name]}}
    return ", ".join(
        name if value is True else f"{name} {_listed(value)}" for name, value in shown.items() if value is not False
    )


def _listed(value: Any) -> str:
    """A tuple of numbers without brackets; a pair of equal numbers as one."""
    flat = isinstance(value, tuple) and not any(isinstance(part, tuple) for part in value)
    if flat and len(value) == 2 and value[0] == value[1]:
        return str(value[0])
    return ",".join(map(str, value)) if flat else str(value)


@cache
def operand_names(name: str, forward: Callable[..., Any]) -> list[str]:
    """The names of an Op's operands, if they are words rather than letters."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    return [p.name if len(p.name) > 2 and p.kind is p.POSITIONAL_OR_KEYWORD else "" for p in parameters]


def operand_name(op: Op, slot: int) -> str:
    """The Op's name for an operand, such as `ids` or `target`, or ""."""
    names = operand_names(type(op).__name__, type(op).forward)
    return names[slot] if slot < len(names) else ""


def formula_of(op: Op) -> str:
    """What the Op computes: the first line of its class's docstring."""
    return (inspect.getdoc(type(op)) or "").split("\n")[0]


def shape_text(shape: tuple[int, ...]) -> str:
    """`25×512`, or `scalar`."""
    return "×".join(map(str, shape)) or "scalar"


def dtype_text(dtype: str) -> str:
    """`f32` for float32."""
    return dtype.replace("float", "f").replace("uint", "u").replace("int", "i").replace("complex", "c")


def number_text(value: Any) -> str:
    """A scalar with few digits, and a proper minus sign."""
    return f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)
