"""Export to JAX: `table` and `windows` say what each Op is in JAX, `function` walks a graph.

Only files of this folder import jax; `minigrad.export` imports them when a function is asked for.
"""
