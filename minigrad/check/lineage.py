"""Which parameters get no gradient, and where the path from them to the output is cut. Imports the engine."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from minigrad.autodiff import ancestors
from minigrad.context import observing
from minigrad.explain import described
from minigrad.graph import flat
from minigrad.module import Module
from minigrad.mutation import owner_of, user_line
from minigrad.op import Op
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Cut:
    """A parameter without a gradient, and the reason."""

    parameter: str
    reason: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.reason}"


@dataclass(frozen=True)
class Made:
    """One use of a tensor: the result y, and the Op; no Op if the same memory came back as another tensor."""

    y: Tensor
    op: Op | None
    line: str


class Lineage:
    """An observer that notes every use of every tensor inside the block, recorded for a backward pass or not."""

    def __init__(self) -> None:
        self.uses: dict[int, list[Made]] = defaultdict(list)
        self._owners: dict[int, Tensor] = {}  # the tensors are held too, so that ids stay theirs

    def made(self, y: Tensor, op: Op, operands: tuple[Tensor, ...]) -> None:
        """Notes y as a use of each operand."""
        for x in operands:
            self._known(x)
            self.uses[id(x)].append(Made(y, op, user_line()))
        self._owners.setdefault(id(owner_of(y.numpy())), y)

    def pulling(self, node: Any, g: Any) -> None:
        """Nothing: backward passes do not matter here."""

    def _known(self, x: Tensor) -> None:
        """Links a leaf to the tensor whose memory it shares."""
        source = self._owners.setdefault(id(owner_of(x.numpy())), x)
        if x.op is None and source is not x and not any(use.y is x for use in self.uses[id(source)]):
            self.uses[id(source)].append(Made(x, None, user_line()))

    def from_(self, x: Tensor) -> Iterator[tuple[Tensor, Made]]:
        """All uses downstream of x, as pairs (operand, use)."""
        waiting, seen = [x], {id(x)}
        while waiting:
            operand = waiting.pop()
            for use in self.uses[id(operand)]:
                yield operand, use
                if id(use.y) not in seen:
                    seen.add(id(use.y))
                    waiting.append(use.y)


def missing_gradients(f: Callable[..., Any], inputs: Sequence[Any], parameters: Iterable[Tensor] = ()) -> list[Cut]:
    """The parameters that f(*inputs).backward() would leave without a gradient, each with the reason.

    Looks at `parameters`; without them at those of the Module that f is or belongs to; else at the inputs.
    """
    lineage = Lineage()
    with observing(lineage):
        outputs = list(flat(f(*inputs)))
    module = f if isinstance(f, Module) else getattr(f, "__self__", None)
    wanted = list(parameters) or (module.parameters() if isinstance(module, Module) else list(inputs))
    reached = {id(node) for node in ancestors([y for y in outputs if y.requires_grad], differentiable_only=True)}
    missing = [x for x in wanted if isinstance(x, Tensor) and id(x) not in reached]
    return [Cut(x.name or described(x), reason(lineage, x, outputs)) for x in missing]


def reason(lineage: Lineage, x: Tensor, outputs: Sequence[Tensor]) -> str:
    """Why no gradient reaches x."""
    if not x.requires_grad:
        return "does not require a gradient: requires_grad is off"
    uses = list(lineage.from_(x))
    if not uses:
        return "is never used"
    leading = leading_to(outputs, uses)
    cuts = [(a, use) for a, use in uses if a.requires_grad and not use.y.requires_grad and id(use.y) in leading]
    if not cuts:
        last = max((use for _, use in uses), key=lambda use: use.y.serial)
        return f"its value does not reach the output: the last use is {last.op!r}{last.y.scope.place} at {last.line}"
    return "; ".join(dict.fromkeys(cut_by(use) for _, use in cuts))


def leading_to(outputs: Sequence[Tensor], uses: Sequence[tuple[Tensor, Made]]) -> set[int]:
    """The ids of the tensors among `uses` on which the outputs depend."""
    leading = {id(y) for y in outputs}
    for operand, use in sorted(uses, key=lambda pair: -pair[1].y.serial):
        if id(use.y) in leading:
            leading.add(id(operand))
    return leading


def cut_by(use: Made) -> str:
    """How this use cuts the path, in words."""
    if use.op is None:
        return f"the path is cut by detach() or numpy(), used again at {use.line}"
    if not use.op.differentiable:
        return f"the path is cut by {use.op!r}{use.y.scope.place}, which has no gradient, at {use.line}"
    if use.y.dtype.kind not in "fc":
        return f"the path is cut by {use.op!r}{use.y.scope.place}, which gives {use.y.dtype}, at {use.line}"
    return f"the path is cut by no_grad() around {use.op!r}{use.y.scope.place} at {use.line}"
