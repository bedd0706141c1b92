"""Pictures of graphs, as a pipeline of data.

Graph → Diagram (boxes and edges; reading.py) → folded Diagram → Layout (rectangles and paths; lanes.py, flow.py) → SVG
and other formats. `viz.draw` runs it.
"""
