"""Pictures of graphs, as a pipeline of data.

Graph → Diagram (boxes and edges, reading.py) → folded Diagram → Layout (rectangles and paths, lanes.py and layered.py)
→ SVG and the other forms. `viz.draw` runs it.
"""
