"""Drawing alone, no mathematics: graphs, curves, image grids, reports."""

from viz.animation import animate
from viz.comparing import Difference, Sheet, compare, diff
from viz.drawing import Drawing, draw
from viz.story import story

__all__ = ["Difference", "Drawing", "Sheet", "animate", "compare", "diff", "draw", "story"]
