"""JAX: `table` and the rules of windows say what each Op is there, `function` walks a graph.

Only files of this folder import the package jax; `minigrad.export` imports them when a function is asked for.
"""
