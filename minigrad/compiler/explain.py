"""`compiled.explain()`: runs the passes again and shows and measures the program after each of them.

The wording is in `minigrad.measure`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from minigrad import measure
from minigrad.compiler.parallel import Workers
from minigrad.compiler.passes import Pass
from minigrad.compiler.plan import Plan, planned
from minigrad.compiler.program import Program
from minigrad.compiler.rewrite import is_op
from minigrad.compiler.schedule import Work
from minigrad.graph import Graph
from minigrad.ops.shape import Concat

Rates = tuple[float, float]
"""Operations per second of a large product, and bytes per second that a copy reads and writes."""
REPEATS = 3
"""How often each program and each call is timed; the fastest counts."""


def explained(traced: Graph, passes: Sequence[Pass], program: Program) -> measure.Explanation:
    """The explanation of a program, measured on the arguments of its last run."""
    rates = measure.product_rate(1024), measure.copy_rate(1 << 18)
    changes, last = [], versioned(traced, program, rates)
    for rewriting in passes:
        graph = rewriting(last.graph)
        is_new = bool(measure.differences(last.graph, graph))
        new = versioned(graph, program, rates) if is_new else replace(last, graph=graph)
        changes.append(measure.Change(rewriting.name, rewriting.why, last, new))
        last = new
    program(*program.arguments())
    costs = sorted(costs_of(program, rates), key=lambda cost: -cost.measured)
    memory, meetings = memory_of(program.plan), len(program.stages)
    return measure.Explanation(tuple(changes), memory, tuple(costs), len(program.workers), meetings, *rates)


def versioned(graph: Graph, like: Program, rates: Rates) -> measure.Version:
    """The graph as a program of its own, with as many workers as `like`, run on the same arguments."""
    program = Program(planned(graph), Workers(len(like.workers)))
    given = like.arguments()
    with np.errstate(all="ignore"):
        program(*given)
        measured = min(measure.seconds(lambda: program(*given)) for _ in range(REPEATS))
    memory = memory_of(program.plan)
    predicted = sum(expected(w, parts, rates) for w, parts in worked(program))
    return measure.Version(graph, memory["arena"] + memory["results"], memory["buffers"], predicted, measured)


def memory_of(plan: Plan) -> dict[str, int]:
    """Bytes: of all values that are computed, of the arena that they share, of results, of copies; and counts."""
    copies = (part for node in plan.order if is_op(node, Concat) for _, part in plan.copied_parts(node))
    return {
        "values": sum(measure.nbytes(node) for node in plan.order),
        "arena": plan.arena,
        "buffers": sum(root.kind != "given" for root in plan.roots.values()),
        "results": sum(root.nbytes for root in plan.roots.values() if root.kind == "result"),
        "copied": sum(measure.nbytes(part) for part in copies),
        "inside": len(plan.inside),
        "views": len(plan.views),
    }


def costs_of(program: Program, rates: Rates) -> Iterator[measure.Cost]:
    """The calls of one worker by kind."""
    kinds: dict[str, list[tuple[Work, int, float]]] = {}
    for (work, parts), measured in zip(worked(program), program.timed(REPEATS), strict=True):
        what = measure.kind(work.node) if work.op is work.node.op else type(work.op).__name__
        kinds.setdefault(what, []).append((work, parts, measured))
    for what, found in kinds.items():
        products = sum(measure.flops(w.node) // parts for w, parts, _ in found if isinstance(w.op, measure.PRODUCTS))
        predicted = sum(expected(w, parts, rates) for w, parts, _ in found)
        yield measure.Cost(what, len(found), predicted, sum(s for *_, s in found), products)


def worked(program: Program) -> Iterator[tuple[Work, int]]:
    """Each piece of work, and the number of parts into which it is divided."""
    for work, division in zip(program.works, program.divisions, strict=True):
        yield work, 1 if division.axis is None else len(program.workers)


def expected(work: Work, parts: int, rates: Rates) -> float:
    """The predicted seconds of one part: ½ µs, and a product at the rate of a large one, other work by its bytes."""
    if isinstance(work.op, measure.PRODUCTS):
        return 5e-7 + measure.flops(work.node) / parts / rates[0]
    return 5e-7 + sum(map(measure.nbytes, (work.node, *work.inputs))) / parts / rates[1]
