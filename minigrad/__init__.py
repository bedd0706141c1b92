"""A small computation-graph framework on NumPy."""
