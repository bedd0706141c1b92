"""Trained weights: downloaded, read from any common file format without running code in it, and written.

Imports the engine.
"""

from models.weights.files import load_weights, read_weights, write_weights

__all__ = ["load_weights", "read_weights", "write_weights"]
