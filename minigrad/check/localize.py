"""localize: the wrong Op in a recorded graph of any size, by checking each node's own rule at its recorded values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from minigrad.autodiff import where
from minigrad.check.report import Report
from minigrad.check.rule import check_op
from minigrad.errors import CheckError
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Wrong:
    """A node whose rule does not agree with its own values."""

    node: Tensor
    report: Report

    @property
    def summary(self) -> str:
        """The Op, its place, and the kinds of its mistakes."""
        kinds = "; ".join(f"{f.name}: {f.kind}" for f in self.report.findings if not f.ok)
        return f"{self.node.op!r}{where(self.node.scope)}: {kinds}"

    def __str__(self) -> str:
        return str(replace(self.report, title=f"{self.node.op!r}{where(self.node.scope)}"))


class LocalErrors(dict[Tensor, float]):
    """Node to the relative error of its own rule: a mapping that a picture can be painted by.

    `wrong` holds the nodes whose rule is not right, in the order in which they were made.
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

    One wrong rule spoils every gradient before it; here it alone stands out. CheckError with `raises`.
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
    """The values a node was made of."""
    return tuple(x.numpy() for x in node.inputs)
