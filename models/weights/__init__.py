"""Trained weights: read from any common form of file without running it, written, fetched. Imports the engine."""

from models.weights.files import load_weights, read_weights, write_weights

__all__ = ["load_weights", "read_weights", "write_weights"]
