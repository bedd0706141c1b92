"""Derivations: gradients written as mathematics, in plain text, LaTeX and MathML.

graph ─> reading (what each Op means) ─> expression (how people write it) ─> writers, page
"""

from minigrad.check.derivation.derivation import Derivation, derive

__all__ = ["Derivation", "derive"]
