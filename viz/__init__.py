"""Drawing only, no mathematics: graphs, curves, image grids, reports."""

from viz.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
