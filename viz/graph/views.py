"""The ways of folding that a page offers, and into which other view the boxes of each unfold."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from minigrad.errors import UsageError
from viz.graph.folding import BUDGET, fold_modules, fold_steps, fold_to_budget
from viz.graph.gradients import fold_gradients
from viz.graph.model import Diagram
from viz.graph.repeats import repeats, with_repeats_once
from viz.graph.rolling import rolled
from viz.graph.steps import has_steps
from viz.graph.tidy import only, with_steps, without_scalars

Pass = Literal["forward", "backward", "both"]
Backward = Literal["gradients", "ops"]
Fold = Literal["auto", "steps", "rolled", "repeats"] | None
Engine = Literal["auto", "lanes", "layered", "graphviz"]
MOST_STEPS = 40
"""With more steps than this, a page does not offer to open each."""
LARGEST = 20_000
"""With more boxes than this, a page offers only the folded picture."""


@dataclass(frozen=True)
class Options:
    """How a diagram is shown; the arguments of `draw`."""

    view: Pass = "both"
    backward: Backward = "gradients"
    fold: Fold = "auto"
    depth: int | None = None
    expand: tuple[int, ...] = ()
    labels: bool = False
    engine: Engine = "auto"

    def __post_init__(self) -> None:
        for name, kind in (("view", Pass), ("backward", Backward), ("fold", Fold), ("engine", Engine)):
            value, known = getattr(self, name), [c for one in get_args(kind) for c in get_args(one) or (one,)]
            if value not in known and not (value is None and type(None) in known):
                choices = ", ".join(repr(choice) for choice in known if isinstance(choice, str))
                raise UsageError(f"{name}={value!r}: choose one of {choices}")
        for number in (self.depth or 0, *self.expand):
            if type(number) is not int or number < 0:
                raise UsageError(f"depth={self.depth}, expand={self.expand}: these are whole numbers, 0 or more")


def shown(diagram: Diagram, options: Options) -> Diagram:
    """What is left of a diagram after choosing passes and folding."""
    found = without_scalars(only(diagram, options.view))
    found = with_steps(fold_gradients(found) if options.backward == "gradients" else found)
    if options.depth is not None:
        found = fold_modules(found, options.depth)
    if options.fold == "steps":
        return fold_steps(found, options.expand)
    if options.fold == "rolled":
        return rolled(found)
    if options.fold == "repeats":
        return rolled(found) if has_steps(found) else with_repeats_once(found)
    return fold_to_budget(found) if options.fold == "auto" else found


def ways(diagram: Diagram, options: Options) -> list[tuple[str, str, Options]]:
    """Name, label and options of each view worth offering, the one that was asked for first."""
    offered = [("drawn", "as drawn", options)]
    if len(diagram.boxes) > LARGEST:
        return offered
    plain = replace(options, fold=None, depth=None, expand=())
    steps = sorted({box.step for box in diagram.boxes if box.step is not None})
    if len(steps) > 1:
        offered += [
            ("all", "every time step", plain),
            ("steps", "each time step as a box", replace(plain, fold="steps")),
            ("rolled", "one time step for all", replace(plain, fold="rolled")),
        ]
        few = steps if len(steps) <= MOST_STEPS else []
        offered += [(f"step-{t}", f"time step {t} open", replace(plain, fold="steps", expand=(t,))) for t in few]
    for depth in range(deepest(diagram)):
        offered.append((f"depth-{depth}", module_label(depth), replace(plain, depth=depth)))
    if len(steps) <= 1 and repeats(diagram):
        offered.append(("repeats", "what repeats once", replace(plain, fold="repeats")))
    if len(steps) <= 1 and len(offered) > 1:
        offered.append(("all", "everything", plain))
    return list(distinct(offered))


def distinct(offered: Iterable[tuple[str, str, Options]]) -> Iterable[tuple[str, str, Options]]:
    """The views without those that show the same as an earlier one."""
    known: set[Options] = set()
    for name, label, options in offered:
        key = replace(options, fold=None) if options.fold == "auto" else options
        if key not in known:
            yield name, label, options
        known.add(key)


def deepest(diagram: Diagram) -> int:
    """The number of levels of modules."""
    return max((box.path.count(".") + 1 for box in diagram.boxes if box.path), default=0)


def module_label(depth: int) -> str:
    """The label of a view of modules."""
    return "the model as a box" if depth == 0 else f"modules {depth} deep"


def is_drawable(diagram: Diagram) -> bool:
    """Whether a view is small enough to be offered."""
    return len(diagram.boxes) <= BUDGET


def unfolding(name: str, diagram: Diagram, offered: set[str]) -> dict[str, str]:
    """For each folded box of a view, the view in which it is open."""
    deeper = f"depth-{int(name.removeprefix('depth-')) + 1}" if name.startswith("depth-") else ""
    found = {}
    for box in diagram.boxes:
        if box.kind == "group" or box.count > 1:
            targets = [f"step-{box.step}" if box.path == "step" else "", deeper, "all", "drawn"]
            found[box.id] = next((t for t in targets if t in offered and t != name), "")
    return {key: target for key, target in found.items() if target}
