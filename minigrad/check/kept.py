"""How many bytes a recorded graph holds until its backward pass, by Op and module. Imports the engine."""

from collections import defaultdict
from dataclasses import dataclass

from minigrad.autodiff import read_by
from minigrad.graph import Graph
from minigrad.mutation import owner_of
from minigrad.tensor import Tensor


@dataclass(frozen=True)
class Kept:
    """The arrays that one Op made in one module: how many, their bytes, and how many of these a backward pass reads."""

    op: str
    module: str
    arrays: int
    bytes: int
    read: int


def bytes_kept(*losses: Tensor) -> list[Kept]:
    """One row for each (Op, module), the largest first; a view counts where its memory was made.

    The bytes add up to what the graph holds beyond parameters and data (leaves that existed before its first
    operation); later leaves are listed as `constant`.
    """
    graph = Graph.of(*losses)
    first = min((node.serial for node in graph.nodes if node.op is not None), default=0)
    given = [x for x in graph.leaves if x.requires_grad or x.serial < first]
    counted = {id(owner_of(x.numpy())) for x in given}
    reading = owners_read(graph)
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for node in graph.nodes:
        owner = owner_of(node.numpy())
        if id(owner) not in counted:
            counted.add(id(owner))
            key = type(node.op).__name__ if node.op else "constant", node.scope.path
            found[key].append((owner.nbytes, owner.nbytes * (id(owner) in reading)))
    rows = [Kept(*key, len(sizes), sum(n for n, _ in sizes), sum(n for _, n in sizes)) for key, sizes in found.items()]
    return sorted(rows, key=lambda row: -row.bytes)


def owners_read(graph: Graph) -> set[int]:
    """The ids of the arrays that own the memory a backward pass will read."""
    read = (x for node in graph.nodes if node.op is not None for x in read_by(node, node.op))
    return {id(owner_of(x.numpy())) for x in read}


def table(rows: list[Kept]) -> str:
    """The rows as text, with their sum."""
    lines = [f"{row.bytes:>14,} {row.read:>14,} {row.arrays:>8}  {row.op:<20} {row.module}" for row in rows]
    total = (
        f"{sum(r.bytes for r in rows):>14,} {sum(r.read for r in rows):>14,} {sum(r.arrays for r in rows):>8}  in all"
    )
    return "\n".join([f"{'bytes':>14} {'of these read':>14} {'arrays':>8}  Op and module", *lines, total])
