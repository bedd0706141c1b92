"""Initialisers: arrays drawn from a numpy.random.Generator. Imports op.py alone."""

from math import prod, sqrt
from typing import Any

import numpy as np

from minigrad.op import Array, Shape


def normal(rng: "np.random.Generator", shape: Shape, std: float, dtype: Any = np.float64) -> Array:
    """Gaussian with mean 0; drawn in float64 and then cast, so that one seed gives one network in every dtype."""
    return (rng.standard_normal(shape) * std).astype(dtype)


def uniform(rng: "np.random.Generator", shape: Shape, limit: float, dtype: Any = np.float64) -> Array:
    """Uniform on [−limit, limit)."""
    return rng.uniform(-limit, limit, shape).astype(dtype)


def xavier_uniform(rng: "np.random.Generator", shape: Shape, dtype: Any = np.float64) -> Array:
    """Uniform with limit √(6 / (fan-in + fan-out)); shape (fan-in, fan-out) (Glorot & Bengio 2010)."""
    return uniform(rng, shape, sqrt(6 / (prod(shape[:-1]) + shape[-1])), dtype)


def he_normal(rng: "np.random.Generator", shape: Shape, dtype: Any = np.float64) -> Array:
    """Gaussian with deviation √(2 / fan-in); shape (fan-in, fan-out) (He et al. 2015)."""
    return normal(rng, shape, sqrt(2 / prod(shape[:-1])), dtype)


def fan_in_normal(rng: "np.random.Generator", shape: Shape, dtype: Any = np.float64) -> Array:
    """Gaussian with deviation 1 / √fan-in; shape (fan-in, fan-out)."""
    return normal(rng, shape, 1 / sqrt(prod(shape[:-1])), dtype)
