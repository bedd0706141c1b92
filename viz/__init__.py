"""Drawing only, no mathematics: graphs, curves, image grids, reports."""
