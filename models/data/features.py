"""Image features, read from disk row by row on demand, since a table may be larger than memory.

A row is a vector (D), or, for a captioner that attends to places in the picture, a grid (P, C): P positions, row by row
over a square of √P × √P, with C channels each.

Imports `hdf5`; `models.data.split` and `models.data.coco` import it.
"""

import logging
import math
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from minigrad.errors import DataError, DTypeError, IndexRangeError
from minigrad.op import Array
from models.data.hdf5 import dataset, open_hdf5, reading

_KEPT = 64 * 2**20
"""A table of at most this many bytes is kept in memory, since gathering rows of small chunked files is slow."""
_BLOCK = 4 * 2**20
"""The bytes checked at a time when a table is opened."""

_log = logging.getLogger(__name__)


class FeatureTable:
    """The array `features` (N, D) or (N, P, C) of an HDF5 file, as float32 whatever its precision there.

    Raises DataError if a value is NaN or infinite in float32, unless `replace_nonfinite` reads those as 0 and logs
    their number. `counted` is that number if it is already known; the file is then not scanned.
    """

    def __init__(
        self, path: Path, patience: float, replace_nonfinite: bool = False, counted: int | None = None
    ) -> None:
        self.path = path
        self._file = open_hdf5(path, patience)  # open as long as the table: rows are read when they are asked for
        self._table: h5py.Dataset | Array = dataset(self._file, "features", "f", "N D|N P C")
        self.shape: tuple[int, ...] = self._table.shape
        self.replaced = self._count_nonfinite(replace_nonfinite) if counted is None else counted
        if self.replaced and counted is None:
            _log.warning("%s: %d values are NaN or infinite and are taken as 0", path, self.replaced)
        if 4 * math.prod(self.shape) <= _KEPT:
            self._table = self._finite(slice(None))
            self._file.close()

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, rows: npt.ArrayLike) -> Array:
        """The rows with these numbers, in any order and with repetitions: (n, D) or (n, P, C) float32.

        Raises IndexRangeError for a row that does not exist.
        """
        wanted = np.asarray(rows)
        if wanted.size and wanted.dtype.kind not in "iu":
            raise DTypeError(f"rows of {self.path} are integers, not {wanted.dtype}")
        outside = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(outside):
            raise IndexRangeError(f"there is no row {outside[0]} in {self.path}: rows are 0 to {len(self) - 1}")
        if isinstance(self._table, np.ndarray):
            return self._table[wanted.astype(np.intp)]
        ascending, places = np.unique(wanted.astype(np.intp), return_inverse=True)  # all that HDF5 can select
        return self._finite(ascending)[places]

    def _finite(self, rows: Array | slice) -> Array:
        values = self._read(rows)
        return np.nan_to_num(values, copy=False, nan=0, posinf=0, neginf=0) if self.replaced else values

    def _read(self, rows: Array | slice) -> Array:
        """Rows in ascending order from the file; values too large for float32 become infinite."""
        with reading(self.path, "features"), np.errstate(over="ignore"):
            values: Array = self._table[rows].astype(np.float32, copy=False)
        return values

    def _count_nonfinite(self, replace: bool) -> int:
        """The number of NaN or infinite values.

        Raises DataError naming the first row with one, unless they are replaced.
        """
        count, step = 0, max(1, _BLOCK // (4 * math.prod(self.shape[1:])))
        for row in range(0, len(self), step):
            finite = np.isfinite(self._read(slice(row, row + step)))
            count += int(finite.size - np.count_nonzero(finite))
            if count and not replace:
                first = row + int(finite.reshape(len(finite), -1).all(axis=1).argmin())
                raise DataError(
                    f"{self.path}: row {first} of 'features' has a NaN or an infinite value: make the file again, or "
                    "replace such values by 0 with --replace-nonfinite (replace_nonfinite=True)"
                )
        return count
