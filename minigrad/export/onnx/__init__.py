"""Export to ONNX: `table` has a rule for each Op, `emit` adds nodes, `model` walks a graph, `runtime` runs a model.

Only files of this folder import onnx; `minigrad.export` imports them when an export is asked for.
"""
