"""localize: finds the wrong Op in a recorded graph of any size by checking each node's rule at its recorded values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from minigrad.check.report import Report
from minigrad.check.rule import check_op
from minigrad.errors import CheckError
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Wrong:
    """A node whose rule does not agree with differences of its own values."""

    node: Tensor
    report: Report

    @property
    def summary(self) -> str:
        """The Op, its scope, and the kinds of mistakes found."""
        kinds = "; ".join(f"{f.name}: {f.kind}" for f in self.report.findings if not f.ok)
        return f"{self.node.op!r}{self.node.scope.place}: {kinds}"

    def __str__(self) -> str:
        return str(replace(self.report, title=f"{self.node.op!r}{self.node.scope.place}"))


class LocalErrors(dict[Tensor, float]):
    """A mapping from nodes to the relative errors of their own rules, which a picture can be coloured by.

    `wrong` holds the nodes with a wrong rule, in the order in which they were made.
    """

    def __init__(self, reports: Sequence[tuple[Tensor, Report]]) -> None:
        super().__init__({node: report.error for node, report in reports})
        self.wrong = [Wrong(node, report) for node, report in reports if not report.ok]

    def __str__(self) -> str:
        if not self.wrong:
            return (
                f"{len(self)} rules checked, all right; the worst relative error is {max(self.values(), default=0):.1e}"
            )
        return "\n".join([f"{len(self.wrong)} of {len(self)} rules wrong:", *map(str, self.wrong)])


def localize(
    *outputs: Tensor, tolerance: float = 1e-6, places: int = 4, seed: int = 0, raises: bool = False
) -> LocalErrors:
    """Checks the rule of every node behind `outputs` at its recorded values, in float64, each by itself.

    One wrong rule spoils all gradients computed after it; checked this way, it alone stands out. CheckError with
    `raises`.
    """
    errors = LocalErrors(
        [
            (node, check_op(node.op, operands(node), tolerance=tolerance, places=places, seed=seed))
            for node in Graph.of(*outputs).nodes
            if node.op is not None and node.requires_grad
        ]
    )
    if raises and errors.wrong:
        raise CheckError(str(errors))
    return errors


def operands(node: Tensor) -> tuple[Array, ...]:
    """The values that a node was computed from."""
    return tuple(x.numpy() for x in node.inputs)
