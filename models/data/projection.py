"""Projects a network's features of photographs onto principal components, and records how they were made.

The components are fitted to the training photographs. The projection's file lies beside the features and in the folder
of every run trained on them, so that the same features can be made for a new photograph. `models.data.preparation` and
`models.photo_features` import this.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.errors import CheckpointError, DataError, MissingFileError
from minigrad.files import write_whole
from minigrad.op import Array
from models.weights import read_weights
from models.weights.npz import npz_bytes

PROJECTION = "projection.npz"
"""The name of the file, beside the features and in a run's folder."""
Exact = npt.NDArray[np.float64]
Blocks = Callable[[], Iterable[Array]]
"""A function that gives the training photographs' features (n, …, C), a block at a time, each time it is called."""


@dataclass(frozen=True)
class Origin:
    """How features were made; `kind` is a name in `models.photo_features.KINDS`."""

    kind: str
    grid: int
    """Places along a side of the picture; 1 for a mean over the whole picture."""
    weights: str
    """The SHA-256 of the network's parameters."""
    source: str
    """The file that the parameters were read from, which may still exist."""
    images: int
    """The number of photographs to which the projection was fitted."""
    preprocessing: str = "shorter side 256, middle 224 × 224, ImageNet's mean and deviation"


@dataclass(frozen=True, eq=False)
class Projection:
    """Subtracts the mean (C,) from features (…, C) and projects onto components (C, K), if there are any."""

    mean: Array
    components: Array | None
    kept: float
    """The share of the variance that the components keep."""
    origin: Origin

    @property
    def width(self) -> int:
        """The width of the result: K, or C without components."""
        return len(self.mean) if self.components is None else self.components.shape[1]

    def __call__(self, features: Any) -> Any:
        """Projects features (…, C) to (…, K); takes arrays or tensors."""
        centred = features - self.mean
        return centred if self.components is None else centred @ self.components

    def save(self, path: Path) -> None:
        """Writes the projection as an .npz of plain arrays."""
        about = json.dumps({"kept": self.kept, **asdict(self.origin)}, sort_keys=True).encode()
        arrays = {"mean": self.mean, "about": np.frombuffer(about, np.uint8)}
        write_whole(path, npz_bytes(arrays if self.components is None else {**arrays, "components": self.components}))

    @classmethod
    def load(cls, path: Path) -> "Projection":
        """Reads what `save` wrote. Raises MissingFileError, or DataError for anything else."""
        try:
            arrays = read_weights(path)
            about = json.loads(arrays["about"].tobytes())
            mean, components = arrays["mean"], arrays.get("components")
            if mean.ndim != 1 or (components is not None and components.shape[:-1] != mean.shape):
                raise ValueError(
                    f"a mean {mean.shape} and components {None if components is None else components.shape} do not fit"
                )
            for array in (mean, *([] if components is None else [components])):
                if array.dtype.kind != "f" or not np.isfinite(array).all():
                    raise ValueError(f"{array.dtype} numbers, of which not all are real and finite")
            return cls(mean, components, float(about.pop("kept")), Origin(**about))
        except MissingFileError:
            raise MissingFileError(
                f"there is no {path}, which turns photographs into features: `minigrad data prepare` makes it with the "
                "data, and `minigrad train` copies it"
            ) from None
        except (CheckpointError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path} is no projection of features ({error}): prepare the data again") from None


def fit(blocks: Blocks, components: int, origin: Origin) -> Projection:
    """The projection of training features onto at most `components` components; with 0 they are only centred.

    There are never more components than feature vectors less one, nor than channels. The largest entry of each
    component is made positive, which fixes its sign.
    """
    mean, count = _mean(blocks)
    if not components:
        return Projection(mean.astype(np.float32), None, 1.0, origin)
    variances, directions = np.linalg.eigh(_covariance(blocks, mean))
    most = min(components, len(mean), count - 1)
    directions = directions[:, ::-1][:, :most]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(most)])
    variances = variances[::-1].clip(0)
    kept = float(variances[:most].sum() / (variances.sum() or 1))
    return Projection(mean.astype(np.float32), np.ascontiguousarray(directions, np.float32), kept, origin)


def _mean(blocks: Blocks) -> tuple[Exact, int]:
    """The mean (C,) and the number of feature vectors. Raises DataError if there are fewer than two."""
    count, total = 0, np.zeros(())
    for block in blocks():
        rows = block.reshape(-1, block.shape[-1])
        count, total = count + len(rows), total + rows.sum(axis=0, dtype=np.float64)
    if count < 2:
        raise DataError(f"{count} photographs to train on: a mean and components need at least 2")
    return total / count, count


def _covariance(blocks: Blocks, mean: Exact) -> Exact:
    """The covariance (C, C) up to a factor, in the precision that small eigenvalues need."""
    found = np.zeros((len(mean), len(mean)))
    for block in blocks():
        centred = block.reshape(-1, len(mean)) - mean
        found += centred.T @ centred
    return found
