"""The captioner's step in libraries with NumPy's interface: JAX, compiled as a loop or a scan, and HIPS autograd."""

from collections.abc import Callable
from typing import Any

from minigrad.cli.bench.benchmark import Work
from minigrad.cli.bench.task import HIDDEN, Task

Cell = Callable[[Any, Any, Any], tuple[Any, Any]]
Unroll = Callable[[Cell, Any, Any], Any]
"""`unroll(cell, vectors (N, T, W), h0)` gives the states (N, T, H)."""


def jax_loop(task: Task) -> Work:
    """JAX with the loop unrolled, compiled as a whole."""
    import jax.numpy as jnp

    return jax_step(task, lambda cell, x, h: looped(jnp, task, cell, x, h))


def jax_scan(task: Task) -> Work:
    """JAX with one time step compiled once and run T times."""
    import jax.numpy as jnp
    from jax import lax

    def scanned(cell: Cell, x: Any, h: Any) -> Any:
        def one(state: tuple[Any, Any], x: Any) -> Any:
            state = cell(x, *state)
            return state, state[0]

        return lax.scan(one, (h, jnp.zeros_like(h)), x.swapaxes(0, 1))[1].swapaxes(0, 1)

    return jax_step(task, scanned)


def jax_step(task: Task, unroll: Unroll) -> Work:
    """Loss, gradients and update in one compiled function that may reuse the memory of the old parameters."""
    import jax
    import jax.numpy as jnp

    value_and_grad = jax.value_and_grad(lambda p, *data: loss(jnp, task, unroll, p, *data))

    def update(state: Any, features: Any, captions: Any) -> Any:
        found, g = value_and_grad(state["p"], features, captions)
        return found, adam(jnp, state, g)

    data = [jnp.asarray(a) for a in task.data()]
    p = {k: jnp.asarray(v) for k, v in task.weights().items()}
    if not task.adam:
        gradients = jax.jit(value_and_grad)
        return lambda: float(jax.block_until_ready(gradients(p, *data))[0])
    compiled, state = jax.jit(update, donate_argnums=0), started(jnp, p)

    def work() -> float:
        nonlocal state
        found, state = jax.block_until_ready(compiled(state, *data))
        return float(found)

    return work


def autograd_loop(task: Task) -> Work:
    """HIPS autograd, which computes each operation at once."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    both = value_and_grad(lambda p, *data: loss(anp, task, lambda *a: looped(anp, task, *a), p, *data))
    data, state = task.data(), started(anp, task.weights())

    def work() -> float:
        nonlocal state
        found, g = both(state["p"], *data)
        if task.adam:
            state = adam(anp, state, g)
        return float(found)

    return work


def loss(np: Any, task: Task, unroll: Unroll, p: dict[str, Any], features: Any, captions: Any) -> Any:
    """Softmax cross-entropy, summed over time and averaged over the batch; `np` is the library's own NumPy."""

    def cell(x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
        if task.cell == "rnn":
            return np.tanh(a), c
        gates = 0.5 * np.tanh(0.5 * a[:, : 3 * HIDDEN]) + 0.5  # the logistic function
        i, f, o = (gates[:, k * HIDDEN : (k + 1) * HIDDEN] for k in range(3))
        c = f * c + i * np.tanh(a[:, 3 * HIDDEN :])
        return o * np.tanh(c), c

    states = unroll(cell, p["W_embed"][captions[:, :-1]], features @ p["W_proj"] + p["b_proj"])
    scores = (states @ p["W_vocab"] + p["b_vocab"]).reshape(task.batch * task.steps, -1)
    scores = scores - np.max(scores, axis=1, keepdims=True)
    right = scores[np.arange(task.batch * task.steps), captions[:, 1:].reshape(-1)]
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - right) / task.batch


def looped(np: Any, task: Task, cell: Cell, x: Any, h: Any) -> Any:
    """The hidden states (N, T, H), computed step by step."""
    c, states = np.zeros_like(h), []
    for t in range(task.steps):
        h, c = cell(x[:, t], h, c)
        states.append(h)
    return np.stack(states, axis=1)


def started(np: Any, p: dict[str, Any]) -> dict[str, Any]:
    """Adam's state before the first step."""
    m, v = ({k: np.zeros_like(w) for k, w in p.items()} for _ in range(2))
    return {"p": p, "m": m, "v": v, "t": 0}


def adam(np: Any, state: dict[str, Any], g: dict[str, Any]) -> dict[str, Any]:
    """Kingma & Ba 2015, Algorithm 1."""
    t = state["t"] + 1
    m = {k: 0.9 * state["m"][k] + 0.1 * g[k] for k in g}
    v = {k: 0.999 * state["v"][k] + 0.001 * g[k] ** 2 for k in g}
    p = {k: w - 1e-4 * (m[k] / (1 - 0.9**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8) for k, w in state["p"].items()}
    return {"p": p, "m": m, "v": v, "t": t}
