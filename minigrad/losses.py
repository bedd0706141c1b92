"""The loss functions a user calls; like all functions they work on Tensors and on plain arrays. Imports the Ops."""

import numpy as np

from minigrad.errors import ShapeError, UsageError
from minigrad.op import Value, apply, as_value
from minigrad.ops import loss
from minigrad.ops.elementwise import Square
from minigrad.ops.shape import BroadcastTo

__all__ = ["bce_with_logits", "mse", "softmax_cross_entropy"]


def softmax_cross_entropy(scores: Value, targets: Value, mask: Value | None = None, reduction: str = "batch") -> Value:
    """−log softmax(scores)[target], summed over all targets whose mask is not 0, and divided as `reduction` says.

    scores (N, ..., V), targets and mask (N, ...). `reduction`: "batch" divides by N (sum over time, mean over the
    batch, as in CS231n), "words" by the sum of the mask, "sum" by nothing; "none" returns the single losses (N, ...).
    """
    nll: Value = apply(loss.CrossEntropy(), scores, as_value(targets))
    if mask is not None:
        mask = matched("mask", mask, nll)
        nll = nll * mask
    if reduction == "none":
        return nll
    words = nll.size if mask is None else mask.sum()
    divisors = {"batch": nll.shape[0] if nll.ndim else 1, "words": words, "sum": 1}
    if reduction not in divisors:
        raise UsageError(f"reduction {reduction!r} is none of 'batch', 'words', 'sum', 'none'")
    divisor = divisors[reduction]
    known = getattr(divisor, "value", divisor)  # None inside a trace
    if known is not None and known == 0:
        raise ShapeError(f"the mean loss of no elements: scores {scores.shape}, none kept; leave such batches out")
    return nll.sum() / divisor


def bce_with_logits(logits: Value, targets: Value) -> Value:
    """Mean binary cross entropy of logits against targets in [0, 1] of the same shape, stable at ±1000."""
    return apply(loss.BinaryCrossEntropy(), logits, matched("targets", targets, logits)).mean()


def mse(x: Value, target: Value) -> Value:
    """Mean squared difference of two values of the same shape."""
    return apply(Square(), x - matched("target", target, x)).mean()


def matched(name: str, given: Value, x: Value) -> Value:
    """A target or mask for x in x's precision and shape; ShapeError where broadcasting would hide a mistake."""
    given = as_value(given)
    if given.shape not in ((), x.shape):
        raise ShapeError(f"the {name} should have the shape {x.shape}, and has {given.shape}")
    if given.dtype != x.dtype and np.can_cast(given.dtype, x.dtype, "same_kind"):
        given = given.astype(x.dtype)
    return given if given.shape == x.shape else apply(BroadcastTo(x.shape), given)
