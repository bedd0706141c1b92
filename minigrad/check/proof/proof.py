"""`prove`: whether two programs compute the same function of real numbers, decided by comparing formulas."""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from minigrad.check.counterexample import ORDINARY, Counterexample, corresponding, counterexamples, defined, trials
from minigrad.check.proof.algebra import TooMuchWork
from minigrad.check.proof.lemmas import Lemmas, keys_of
from minigrad.check.proof.polynomial import Polynomial
from minigrad.check.proof.rules import Form
from minigrad.graph import Graph
from minigrad.op import Shape

PROVED, REFUTED, NOT_DECIDED = "proved", "refuted", "not decided"
ASSUMED = {"b": "each 0 or 1", "i": "ids of rows that are there", "u": "ids of rows that are there"}
"""What is assumed of an input that is not a real number, by the kind of its dtype."""
LIMIT = 2_000_000
"""The number of terms after which a proof is given up."""


@dataclass(frozen=True)
class Verdict:
    """One output: "proved", "refuted" by a counterexample, or "not decided", with the smallest pair that differs.

    Without such a pair the proof took too long, or there was nothing to compare: no element, or none defined in any
    trial.
    """

    output: str
    status: str
    counterexample: Counterexample | None = None
    difference: tuple[Polynomial, Polynomial] | None = None


@dataclass(frozen=True)
class Proof:
    """The verdict on each output, and the effort: lemmas, terms handled, seconds.

    `assumptions` are about the inputs; `sizes` are their shapes, to which the theorem is limited.
    """

    verdicts: tuple[Verdict, ...]
    lemmas: int
    work: int
    assumptions: tuple[str, ...]
    sizes: dict[str, Shape]
    seconds: float = field(compare=False)

    @property
    def status(self) -> str:
        """ "proved" if all outputs are; "refuted" if any is; else "not decided"."""
        return min((verdict.status for verdict in self.verdicts), key=(REFUTED, NOT_DECIDED, PROVED).index)

    def __str__(self) -> str:
        return "\n".join(f"{v.output}: {v.status} {v.counterexample or ''}".rstrip() for v in self.verdicts)


def prove(
    automatic: Graph, textbook: Graph, names: Sequence[str] | None = None, below: int = 2, limit: int = LIMIT
) -> Proof:
    """Whether two programs over the same inputs have equal outputs for all real numbers; `names` are for the outputs.

    Printed, the result has one line for each output. Boolean inputs are 0 or 1; integer ones are ids, within the range
    they index, and tried with numbers `below`. Parameters that are no inputs have the values they hold. Sizes are those
    of the graphs: distinct primes leave no accidental fit. ShapeError when inputs or outputs do not correspond,
    DTypeError for complex numbers.

    Rounding, and integers beyond 64 bits, are not modelled. Nothing is claimed where a program divides by zero or takes
    a logarithm or root outside its domain. Nothing is called proved because numbers agree.
    """
    start = time.perf_counter()
    corresponding(automatic, textbook)
    tried = trials(automatic, textbook, below)
    examples = list(counterexamples(automatic, textbook, tried))
    keys = keys_of([[*t.automatic, *t.textbook] for t in tried], ORDINARY)
    compared = list(defined(automatic, textbook, tried))
    wanted = [i for i, example in enumerate(examples) if compared[i] and not example]
    proved, passes = normal_forms(automatic, textbook, (keys[: len(automatic)], keys[len(automatic) :]), wanted, limit)
    gap = min((p.smallest_gap for p in passes if p.smallest_gap), key=lambda pair: sum(map(len, pair)), default=None)
    outputs = names or [y.name or f"output {i}" for i, y in enumerate(automatic.outputs)]
    verdicts = []
    for i, (output, example) in enumerate(zip(outputs, examples, strict=True)):
        status = REFUTED if example else PROVED if i in proved else NOT_DECIDED
        verdicts.append(Verdict(output, status, example, gap if status == NOT_DECIDED and compared[i] else None))
    assumed = tuple(f"{x.name}: {ASSUMED[x.dtype.kind]}" for x in automatic.inputs if x.dtype.kind in ASSUMED)
    sizes = {str(x.name): x.shape for x in automatic.inputs}
    lemmas, work = sum(p.proved for p in passes), sum(p.algebra.work for p in passes)
    return Proof(tuple(verdicts), lemmas, work, assumed, sizes, time.perf_counter() - start)


def normal_forms(
    automatic: Graph, textbook: Graph, keys: Sequence[list[Form]], wanted: Iterable[int], limit: int
) -> tuple[set[int], list[Lemmas]]:
    """Which wanted outputs have one normal form in both programs: by a chain of lemmas, or else without any."""
    shared = [{key for form in k for key in form.flat} for k in keys]
    proved, passes = set[int](), list[Lemmas]()
    for chosen, most in ((shared[0] & shared[1], limit), (set[Any](), limit // 20)):
        if proved.issuperset(wanted):
            break
        passes.append(lemmas := Lemmas(automatic.inputs, chosen, most))
        with suppress(TooMuchWork, RecursionError):
            a, b = (lemmas.outputs(g, k) for g, k in zip((automatic, textbook), keys, strict=True))
            proved |= {i for i in wanted if all(map(lemmas.same, a[i].flat, b[i].flat))}
    return proved, passes
