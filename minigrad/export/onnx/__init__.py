"""ONNX: `emit` adds nodes, the rules say which, `table` has a rule for each Op, `model` walks a graph, `runtime` runs.

Only files of this folder import the package onnx; `minigrad.export` imports them when an export is asked for.
"""
