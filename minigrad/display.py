"""Finds the function that draws graphs, which an installed package registers; without one there are no pictures.

The engine never imports a drawing package: when a notebook asks a Tensor or Graph for its SVG, it looks here.
"""

from functools import cache
from typing import Any


@cache
def drawer() -> Any:
    """The function registered as `svg` in the entry points `minigrad.drawers`, or None."""
    from importlib.metadata import entry_points  # costs a third of `import minigrad`

    found = entry_points(group="minigrad.drawers", name="svg")
    return next(iter(found)).load() if found else None


def svg(graph_or_tensor: Any, **options: Any) -> str | None:
    """The picture as SVG text, or None if nobody draws; options are passed to the function that does."""
    draw = drawer()
    return None if draw is None else str(draw(graph_or_tensor, **options))
