"""Features of a picture: the blocks of `features`, reduced to 512 numbers by principal components.

Imports only `features` and `picture`, so that nothing here knows what a picture shows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from minigrad.errors import DataError, DTypeError, MissingFileError, ShapeError
from models.data.scenes.features import WIDTHS, Array, Filters, blocks
from models.data.scenes.picture import SIDE, Image
from models.weights.npz import DAMAGE, read_npz

Progress = Callable[[int], None]
"""Called with the number of pictures done."""

COMPONENTS = 512
BATCH = 16
"""The number of pictures whose filter responses are computed at once: few enough to stay in the cache."""
THREADS = 2
"""The number of batches at once; the bits of a batch do not depend on the thread that computes it."""
WEIGHTS = (1.0, 1.7, 0.4)
"""The weights of the three blocks: colours, edges of chroma, brightness."""
LIFT = 0.1
"""A component of variance v is multiplied by v^−0.1, so that the small ones gain a little."""
SMALLEST_VARIANCE = 1e-6
"""Relative to the largest: components of smaller variance, found when pictures are few, are not lifted further."""


@dataclass(frozen=True)
class Extractor:
    """A fixed map from pixels to features: `(measure(images) − mean) @ projection`."""

    filters: Filters
    mean: Array  # (D,)
    projection: Array  # (D, 512)

    def embed(self, images: Image) -> Array:
        """Features (N, 512) of pictures (N, 64, 64, 3) of uint8."""
        return self.project(measure(images, self.filters))

    def project(self, measured: Array) -> Array:
        """Features (N, 512) of the blocks (N, D) that `measure` computes."""
        features: Array = np.matmul(measured - self.mean, self.projection, dtype=np.float32)
        return features

    def save(self, path: str | Path) -> None:
        """Writes the extractor as an .npz of plain arrays."""
        np.savez(path, mean=self.mean, projection=self.projection, **vars(self.filters))

    @classmethod
    def load(cls, path: str | Path) -> "Extractor":
        """Reads what `save` wrote; never unpickles."""
        try:
            with open(path, "rb") as file:
                arrays = read_npz(file)
            return cls(Filters(arrays["chroma"], arrays["brightness"]), arrays["mean"], arrays["projection"])
        except FileNotFoundError:
            raise MissingFileError(f"no feature extractor at {path}: build the scenes again") from None
        except (*DAMAGE, OSError) as error:
            raise DataError(f"{path} is not a feature extractor of scenes ({error}): build them again") from None


def measure(images: Image, filters: Filters, progress: Progress | None = None) -> Array:
    """The blocks of features of pictures (N, 64, 64, 3), side by side (N, D)."""
    _check(images)
    measured = np.empty((len(images), sum(WIDTHS)), np.float32)

    def fill(start: int) -> int:
        rows = slice(start, start + BATCH)
        np.concatenate(blocks(images[rows], filters), axis=1, out=measured[rows])
        return min(start + BATCH, len(images))

    with ThreadPoolExecutor(THREADS) as pool:
        for done in pool.map(fill, range(0, len(images), BATCH)):
            if progress:
                progress(done)
    return measured


def fit(measured: Array, filters: Filters) -> Extractor:
    """The extractor that keeps the principal components of training pictures (N, D), scaled to standard deviation 1."""
    mean = measured.mean(axis=0, dtype=np.float64)
    covariance = _covariance(measured - mean.astype(np.float32))
    scale = _block_scale(np.diag(covariance))
    variances, directions = np.linalg.eigh(scale[:, None] * covariance * scale)
    variances, directions = variances[::-1][:COMPONENTS], directions[:, ::-1][:, :COMPONENTS]
    lift = np.maximum(variances, SMALLEST_VARIANCE * variances[0]) ** -LIFT
    deviation = np.sqrt((variances * lift**2).clip(0).mean())
    projection = scale[:, None] * directions * lift / deviation
    return Extractor(filters, mean.astype(np.float32), projection.astype(np.float32))


def _covariance(centred: Array) -> npt.NDArray[np.float64]:
    """The covariance (D, D), in the precision that small eigenvalues need."""
    exact = centred.astype(np.float64)
    return exact.T @ exact / len(exact)


def _block_scale(variance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Factors (D,) that give each block a total variance of its weight squared."""
    parts = np.split(variance, np.cumsum(WIDTHS)[:-1])
    return np.concatenate(
        [np.full(len(part), weight / np.sqrt(part.sum())) for part, weight in zip(parts, WEIGHTS, strict=True)]
    )


def _check(images: Image) -> None:
    if images.dtype != np.uint8:
        raise DTypeError(f"pictures are {images.dtype}, and should be uint8 from 0 to 255")
    if images.ndim != 4 or images.shape[1:] != (SIDE, SIDE, 3):
        raise ShapeError(f"pictures are {images.shape}, and should be (N, {SIDE}, {SIDE}, 3): resize them first")
