"""Drawing only, no mathematics: graphs, curves, image grids, reports."""

from viz.comparing import compare, diff
from viz.drawing import Drawing, draw

__all__ = ["Drawing", "compare", "diff", "draw"]
