"""Runs an ONNX model by onnxruntime, and compares it with our own interpreter. Imports onnxruntime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from minigrad.errors import ExportError
from minigrad.graph import Graph
from minigrad.op import Array

ERRORS_ONLY = 3


def run(model: bytes | Path, arguments: Sequence[Array], threads: int = 0) -> list[Array]:
    """The outputs for these inputs, in the model's order; on so many threads, 0 for all.

    ExportError if onnxruntime lacks an operator for a dtype, which ONNX's checker does not know.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = ERRORS_ONLY, threads
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class in common
        raise ExportError(f"onnxruntime cannot run the model: {' '.join(str(error).split())}") from None
    names = [x.name for x in session.get_inputs()]
    return [np.asarray(y) for y in session.run(None, dict(zip(names, map(np.asarray, arguments), strict=True)))]


def differences(model: bytes | Path, graph: Graph, arguments: Sequence[Any]) -> list[float]:
    """For each output, the largest difference between onnxruntime and us, relative to the largest element."""
    found = run(model, arguments)
    return [relative(a, b) for a, b in zip(found, graph.run(*arguments), strict=True)]


def relative(a: Array, b: Array) -> float:
    """max|a − b| / max(max|a|, max|b|); infinite where shapes, dtypes, infinities or NaNs differ."""
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return np.inf
    a, b = a.astype(float), b.astype(float)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    a, b = a[finite], b[finite]
    far = np.abs(a - b).max(initial=0)
    return float(far / max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))) if far else 0.0
