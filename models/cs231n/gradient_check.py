"""The course's numerical gradients: central differences, one element at a time. `minigrad.check` reports more."""

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.op import Array


def eval_numerical_gradient(f: Callable[[Array], Any], x: Array, verbose: bool = True, h: float = 1e-5) -> Array:
    """∂f/∂x of a function that returns a number. Changes x temporarily, element by element."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        gradient[place] = (moved(f, x, place, h) - moved(f, x, place, -h)) / (2 * h)
        if verbose:
            print(place, gradient[place])
    return gradient


def eval_numerical_gradient_array(f: Callable[[Array], Any], x: Array, df: Array, h: float = 1e-5) -> Array:
    """∂⟨f, df⟩/∂x of a function that returns an array of df's shape. Changes x temporarily, element by element."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        gradient[place] = np.sum((moved(f, x, place, h) - moved(f, x, place, -h)) * df) / (2 * h)
    return gradient


def moved(f: Callable[[Array], Any], x: Array, place: tuple[int, ...], h: float) -> Any:
    """f evaluated with one element of x moved by h."""
    old = x[place]
    x[place] = old + h
    value = np.copy(f(x))
    x[place] = old
    return value


def rel_error(x: Array, y: Array) -> float:
    """The largest |x − y| / max(1e-8, |x| + |y|) over all elements."""
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))))
