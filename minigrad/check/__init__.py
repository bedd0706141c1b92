"""Gradient checks that say what is wrong. Imports the engine; never imported by `import minigrad` itself."""

from minigrad.check.compare import compare_backward
from minigrad.check.derivation import derive
from minigrad.check.finite import first_not_finite, stop_at_not_finite
from minigrad.check.gradcheck import error_curve, gradcheck, gradgradcheck, jvpcheck
from minigrad.check.kept import bytes_kept
from minigrad.check.lineage import missing_gradients
from minigrad.check.localize import localize
from minigrad.check.proof import prove
from minigrad.check.replay import replay

__all__ = [
    "bytes_kept",
    "compare_backward",
    "derive",
    "error_curve",
    "first_not_finite",
    "gradcheck",
    "gradgradcheck",
    "jvpcheck",
    "localize",
    "missing_gradients",
    "prove",
    "replay",
    "stop_at_not_finite",
]
