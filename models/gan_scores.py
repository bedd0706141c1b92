"""How good generated digits are, according to a classifier: Fréchet distance, confidence, classes. Imports NumPy."""

from typing import Any, NamedTuple

import numpy as np

from minigrad.errors import DataError, ShapeError
from minigrad.op import Array
from models.digit_classifier import Judged

CONFIDENT = 0.9
"""The probability above which the classifier counts as having recognised a digit."""


class Gaussian(NamedTuple):
    """A mean (D,) and a covariance (D, D) of features."""

    mean: Array
    covariance: Array

    @classmethod
    def of(cls, features: Array) -> "Gaussian":
        """Those of features (N, D), in float64. DataError for fewer than two rows or values that are not finite."""
        wide = np.asarray(features, np.float64)
        if wide.ndim != 2 or len(wide) < 2 or not np.isfinite(wide).all():
            raise DataError(f"features {wide.shape} have no covariance: at least two rows of finite numbers are needed")
        return cls(wide.mean(axis=0), np.atleast_2d(np.cov(wide, rowvar=False)))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """‖μₐ − μᵦ‖² + tr(Σₐ + Σᵦ − 2 (Σₐ Σᵦ)^½), squared as usual (Dowson & Landau 1982; Heusel et al. 2017).

    The trace of (Σₐ Σᵦ)^½ is that of (S Σᵦ S)^½ with S = Σₐ^½, a symmetric matrix, and is found from its eigenvalues.
    """
    if a.mean.shape != b.mean.shape:
        raise ShapeError(f"distributions of {a.mean.size} and {b.mean.size} features have no distance")
    root = square_root(a.covariance)
    eigenvalues = np.linalg.eigvalsh(root @ b.covariance @ root)
    trace = np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    return float(np.sum((a.mean - b.mean) ** 2) + trace)


def square_root(matrix: Array) -> Array:
    """The square root of a symmetric positive matrix; eigenvalues that rounding made negative count as 0."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root


def recognised(judged: Judged) -> dict[str, Any]:
    """The fraction of pictures with a class of probability above 0.9, and the number of those in each class."""
    most = judged.probabilities.max(axis=1)
    sure = judged.probabilities.argmax(axis=1)[most > CONFIDENT]
    counts = np.bincount(sure, minlength=judged.probabilities.shape[1])
    return {
        "confident": float(np.mean(most > CONFIDENT)),
        "of_each_class": counts.tolist(),
        "classes": int(np.count_nonzero(counts)),
    }
