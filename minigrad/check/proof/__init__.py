"""Proofs that automatic gradients are the textbook's formulas, by exact algebra on every element, without numbers.

program ─> rules (each Op on arrays of polynomials) ─> lemmas (both programs, bottom up) ─> proof (verdicts)

`polynomial` and `algebra` hold sums of products of atoms; `functions` has every identity used, with its condition.
"""

from minigrad.check.proof.proof import NOT_DECIDED, PROVED, REFUTED, Proof, Verdict, prove

__all__ = ["NOT_DECIDED", "PROVED", "REFUTED", "Proof", "Verdict", "prove"]
