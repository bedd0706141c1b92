"""`derive`: the gradient found by the engine, as equations in the order in which a person would derive them.

The traced function and its gradients become one graph, which some of the compiler's passes simplify. Then each named
quantity gets an equation, and everything without a name is written out where it is used.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import count
from typing import Any

import numpy as np

from minigrad.check.derivation.expression import Expression, length, negative, number, symbol, within
from minigrad.check.derivation.page import page
from minigrad.check.derivation.reading import read
from minigrad.check.derivation.writers import LaTeX, MathML, Writer
from minigrad.check.problem import title_of
from minigrad.compiler.passes import PASSES, numbers_inside
from minigrad.compiler.rewrite import Builder, rebuilt
from minigrad.context import tracing
from minigrad.gradient import grad
from minigrad.graph import Graph, flat, trace
from minigrad.mutation import serials
from minigrad.ops.index import Slice
from minigrad.symbol import Symbol
from minigrad.tensor import Tensor

TIDYING = ("common subexpressions", "identities", "slices", "joined slices")
"""The compiler passes that a derivation goes through; the others only make programs faster."""

LONG = 3
"""An expression of more names and numbers than this is not written out a second time."""

Function = Callable[..., Any]
Equation = tuple[Expression, Expression]


@dataclass(frozen=True)
class Derivation:
    """The equations of the forward and backward pass, and the `graph`, whose outputs are the named quantities."""

    title: str
    forward: tuple[Equation, ...]
    backward: tuple[Equation, ...]
    graph: Graph

    @property
    def text(self) -> str:
        """Plain text with one line for each equation."""
        parts = [self.title, "", *lines(self.forward, Writer()), "", *lines(self.backward, Writer())]
        return "\n".join(parts).rstrip()

    @property
    def latex(self) -> str:
        """Two `aligned` environments, forward and backward."""
        return "\n\n".join(aligned(equations) for equations in (self.forward, self.backward) if equations)

    @property
    def html(self) -> str:
        """A self-contained page with MathML."""
        writer = MathML()
        forward, backward = (
            [(writer.write(a), relation(a, b), writer.write(b)) for a, b in equations]
            for equations in (self.forward, self.backward)
        )
        return page(self.title, forward, backward)

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


def lines(equations: Sequence[Equation], writer: Writer) -> Iterator[str]:
    """`name = expression`, with the equals signs aligned."""
    pairs = [(writer.write(a), writer.write(b)) for a, b in equations]
    width = max((len(a) for a, _ in pairs), default=0)
    return (f"{a:>{width}} {relation(*e)} {b}" for (a, b), e in zip(pairs, equations, strict=True))


def relation(name: Expression, value: Expression) -> str:
    """`←` if a quantity is updated (its name occurs in its value), else `=`."""
    return "←" if within(name, value) else "="


def aligned(equations: Sequence[Equation]) -> str:
    """The equations in a LaTeX `aligned` environment."""
    writer = LaTeX()
    signs = {"=": "=", "←": r"\leftarrow"}
    rows = (f"{writer.write(a)} &{signs[relation(a, b)]} {writer.write(b)}" for a, b in equations)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def derive(
    f: Function,
    *examples: Any,
    title: str | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    parameters: Mapping[str, Tensor] | None = None,
    names: Function | None = None,
    sizes: Mapping[int, str] | None = None,
) -> Derivation:
    """The equations of f, and of its gradients by all floating-point inputs, parameters and named quantities.

    Of the examples (arrays or Tensors) only shapes and dtypes matter. `inputs` and `outputs` are names, by default
    those of f's arguments, and y; `parameters` names Tensors that f uses without being given them. `names(*arguments)`
    returns a dict of named quantities computed as inside f; where f computes the same, it gets that name. `sizes` maps
    numbers that something is divided by to names. A scalar result is a loss L; for any other result, dy is the gradient
    that comes from outside.
    """
    labels = [*(inputs or argument_names(f, len(examples)))]
    born = next(serials)
    graph, inside = traced(f, examples, names)
    ours = len(graph.outputs) - len(inside)
    weights = dict(parameters or {})
    sources = dict(zip(labels, graph.inputs, strict=True)) | weights
    results = dict(zip(outputs or default_names(graph.outputs[:ours]), graph.outputs[:ours], strict=True))
    quantities = {**dict(zip(inside, graph.outputs[ours:], strict=True)), **results}
    upstream, gradients = backward(results, {**sources, **quantities})
    program = Graph((*graph.inputs, *weights.values(), *upstream.values()), [*quantities.values(), *gradients.values()])
    program = tidied(program, born)
    given = dict(zip((symbol(n) for n in sources), program.inputs, strict=False))
    given |= dict(zip((symbol(n, True) for n in upstream), program.inputs[len(sources) :], strict=True))
    found = dict(zip([*map(symbol, quantities), *(symbol(n, True) for n in gradients)], program.outputs, strict=True))
    ahead, back = equations(program, given, found, sizes or {})
    return Derivation(title or title_of(f).replace("_", " "), ahead, back, program)


def argument_names(f: Function, count: int) -> list[str]:
    """The names of f's arguments, or x0, x1, …"""
    found = [name for name, p in signature(f).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    return found[:count] if len(found) >= count else [f"x{i}" for i in range(count)]


def default_names(outputs: Sequence[Tensor]) -> list[str]:
    """L for a scalar, y for an array; y_1, y_2, … if there are several outputs."""
    if len(outputs) == 1:
        return ["L" if outputs[0].shape == () else "y"]
    return [f"y_{i + 1}" for i in range(len(outputs))]


def traced(f: Function, examples: Sequence[Any], names: Function | None) -> tuple[Graph, list[str]]:
    """The graph of f's results and the named quantities, with equal nodes merged; and the names."""
    inside: list[str] = []

    def both(*arguments: Any) -> Any:
        found = names(*arguments) if names else {}
        inside.extend(found)
        return [*flat(f(*arguments)), *found.values()]

    return rebuilt(trace(both, *examples), Builder()), inside


def backward(
    results: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The gradients that come from outside, and those by all wanted quantities that have a path."""
    floating = {name: y for name, y in results.items() if y.requires_grad}
    with tracing():
        upstream = {name: Tensor(Symbol(y.shape, y.dtype)) for name, y in floating.items() if y.shape}
        given = [upstream[name] if name in upstream else Tensor(np.ones((), y.dtype)) for name, y in floating.items()]
        asked = {name: x for name, x in wanted.items() if x.requires_grad}
        found = grad(list(floating.values()), list(asked.values()), given, create_graph=True, allow_unused=True)
    gradients = {n: g for n, g in zip(asked, found, strict=True) if g is not None and g.op is not None}
    return upstream, gradients


def tidied(program: Graph, born: int) -> Graph:
    """The same program, simplified for reading."""
    program = numbers_inside(program, born)
    for rewriting in PASSES:
        if rewriting.name in TIDYING:
            program = rewriting(program)
    return program


def equations(
    program: Graph, given: Mapping[Expression, Tensor], found: Mapping[Expression, Tensor], sizes: Mapping[int, str]
) -> tuple[tuple[Equation, ...], tuple[Equation, ...]]:
    """An equation for each quantity in `found`, in the order of computation: those of the forward pass, then gradients.

    A long expression that is used more than once gets a name too: u_1, u_2, … forward, δ_1, δ_2, … backward.
    """
    known: dict[int, Expression] = {id(node): name for name, node in given.items()}
    sought: dict[int, list[Expression]] = {}
    for name, node in found.items():
        sought.setdefault(id(node), []).append(name)
    uses = Counter(id(x) for node in program.nodes for x in node.inputs)
    fresh = {False: count(1), True: count(1)}
    written: list[tuple[Equation, Tensor]] = []
    for node in program.nodes:
        if id(node) not in known:
            known[id(node)] = with_sizes(meaning(node, [known[id(x)] for x in node.inputs]), sizes)
            if id(node) not in sought and uses[id(node)] > 1 and length(known[id(node)]) >= LONG:
                sought[id(node)] = [fresh_name(next(fresh[node.scope.backward]), node.scope.backward)]
        for name in sought.get(id(node), ()):
            if name != known[id(node)]:
                written.append(((name, known[id(node)]), node))
                known[id(node)] = name
    forward = tuple(parts_together([e for e in written if len(e[0][0].parts) == 1]))
    return forward, tuple(e for e, _ in written if len(e[0].parts) == 2)


def fresh_name(number: int, is_backward: bool) -> Expression:
    """A new name. An empty second part marks it as belonging to the backward pass."""
    return Expression("symbol", (f"δ_{number}", "")) if is_backward else symbol(f"u_{number}")


def with_sizes(x: Expression, sizes: Mapping[int, str]) -> Expression:
    """A fraction whose denominator is a named size, with that name."""
    if x.kind == "negative":
        return negative(with_sizes(x.inner[0], sizes))
    if x.kind == "fraction" and x.inner[1].kind == "number":
        size = sizes.get(int(float(str(x.inner[1].parts[0]))))
        return Expression("fraction", (x.inner[0], symbol(size))) if size else x
    return x


def parts_together(written: Sequence[tuple[Equation, Tensor]]) -> Iterator[Equation]:
    """Slices that together make up one quantity become one equation, [a_i a_f …] = a."""
    slices: dict[int, list[tuple[Equation, Tensor]]] = {}
    for equation, node in written:
        if isinstance(node.op, Slice):
            slices.setdefault(id(node.inputs[0]), []).append((equation, node))
    whole = {k: group for k, group in slices.items() if sum(n.size for _, n in group) == group[0][1].inputs[0].size}
    for equation, node in written:
        group = whole.get(id(node.inputs[0]), []) if isinstance(node.op, Slice) else []
        if not group:
            yield equation
        elif equation == group[0][0]:
            yield Expression("block", tuple(name for (name, _), _ in group)), equation[1].inner[0]


def meaning(node: Tensor, xs: list[Expression]) -> Expression:
    """The expression of a node without a name."""
    if node.op is not None:
        return read(node, xs)
    if node.value is not None and node.size and (node.value == node.value.flat[0]).all():
        return number(float(node.value.flat[0]))
    return symbol(node.name or "constant")
