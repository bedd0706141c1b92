"""What is to be proved: that the gradients the engine derives are the textbook's formulas, model by model.

The textbook is `closed_form` itself, run on symbols. Sizes are distinct primes, so that nothing fits by accident.
`minigrad prove` and the tests read the list. Imports the models and the engine's prover.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.check.proof import Proof, prove
from minigrad.op import Array
from models import closed_form as cf
from models.captioner import Captioner
from models.cells import CELLS, Cell

N, W, H, V, D = 2, 3, 5, 7, 11
"""The sizes of the batch, word vectors, hidden state, vocabulary and features."""
STEPS = (1, 2, 3, 8)

Function = Callable[..., Any]


@dataclass(frozen=True)
class Theorem:
    """Two programs over the same inputs, which are made when needed, and the names of their outputs."""

    name: str
    outputs: tuple[str, ...]
    programs: Callable[[], tuple[mg.Graph, mg.Graph]]

    def prove(self) -> Proof:
        """The proof, formula against formula; ids are tried below V."""
        return prove(*self.programs(), self.outputs, below=V)


def theorems() -> list[Theorem]:
    """All theorems."""
    return [
        *(step(cell) for cell in CELLS),
        *(sequence(cell, steps) for cell in CELLS for steps in STEPS),
        *(captioner(cell, steps) for cell in CELLS for steps in (1, 2)),
        *operations(),
        *normalisations(),
    ]


def programs(
    automatic: Function, textbook: Function, inputs: Mapping[str, Array], parameters: Mapping[str, mg.Parameter]
) -> tuple[mg.Graph, mg.Graph]:
    """Both programs, with the parameters as further inputs, which `textbook` takes after the others."""
    symbols = [mg.tensor(array, name=name) for name, array in inputs.items()]
    weights = [mg.tensor(weight, name=name) for name, weight in parameters.items()]
    traced = mg.trace(automatic, *symbols)
    return mg.Graph((*traced.inputs, *parameters.values()), traced.outputs), mg.trace(textbook, *symbols, *weights)


def gradients(outputs: Any, inputs: Sequence[Any], cotangents: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients derived by the engine, as nodes."""
    return mg.grad(list(outputs), list(inputs), list(cotangents), create_graph=True)


def make_cell(kind: str) -> tuple[Cell, dict[str, mg.Parameter]]:
    """A cell, and its weights by name."""
    cell = CELLS[kind](W, H, np.random.default_rng(0), np.float64)
    return cell, {"Wx": cell.Wx, "Wh": cell.Wh, "b": cell.b}


def step(kind: str) -> Theorem:
    """One step: the gradients of h' (and c') by x, h (and c) and the weights."""
    states = ("h", "c")[: 2 if kind == "lstm" else 1]
    forward, backward = getattr(cf, f"{kind}_step_forward"), getattr(cf, f"{kind}_step_backward")

    def made() -> tuple[mg.Graph, mg.Graph]:
        cell, weights = make_cell(kind)
        sizes = {**{f"d{s}'": (N, H) for s in states}, "x": (N, W), **dict.fromkeys(states, (N, H))}

        def automatic(*inputs: Any) -> Any:
            cotangents, (x, *state) = inputs[: len(states)], inputs[len(states) :]
            return gradients(cell(x, tuple(state)), [x, *state, *weights.values()], cotangents)

        def textbook(*inputs: Any) -> Any:
            return backward(*inputs[: len(states)], forward(*inputs[len(states) :])[-1])

        return programs(automatic, textbook, zeros(sizes), weights)

    return Theorem(f"{kind} step", ("dx", *(f"d{s}" for s in states), "dWx", "dWh", "db"), made)


def sequence(kind: str, steps: int) -> Theorem:
    """All steps, unrolled: the gradients of the states by x, h0 and the weights."""
    forward, backward = getattr(cf, f"{kind}_forward"), getattr(cf, f"{kind}_backward")

    def made() -> tuple[mg.Graph, mg.Graph]:
        cell, weights = make_cell(kind)

        def automatic(dh: Any, x: Any, h0: Any) -> Any:
            state, states = cell.start(h0), []
            for t in range(steps):
                state = cell(x[:, t], state)
                states.append(state[0])
            return gradients([mg.stack(states, 1)], [x, h0, *weights.values()], [dh])

        def textbook(dh: Any, *inputs: Any) -> Any:
            return backward(dh, forward(*inputs)[1])

        return programs(automatic, textbook, zeros({"dh": (N, steps, H), "x": (N, steps, W), "h0": (N, H)}), weights)

    return Theorem(f"{kind} sequence, T = {steps}", ("dx", "dh0", "dWx", "dWh", "db"), made)


NAMES = ("W_embed", "W_proj", "b_proj", "Wx", "Wh", "b", "W_vocab", "b_vocab")


def captioner(kind: str, steps: int) -> Theorem:
    """The whole captioner: its loss, and the gradient by every parameter."""

    def made() -> tuple[mg.Graph, mg.Graph]:
        model = Captioner(kind, V, D, W, H, dtype=np.float64)
        found = dict(model.named_parameters())
        weights = {name: found[name if name in found else f"cell.{name}"] for name in NAMES}

        def automatic(features: Any, captions: Any) -> Any:
            loss = model.loss(features, captions)
            return loss, gradients([loss], list(weights.values()), [np.ones(())])

        def textbook(features: Any, captions: Any, *arrays: Any) -> Any:
            loss, found = cf.captioning_loss(kind, features, captions, dict(zip(NAMES, arrays, strict=True)))
            return loss, [found[name] for name in NAMES]

        inputs = {"features": np.zeros((N, D)), "captions": np.zeros((N, steps + 1), int)}
        return programs(automatic, textbook, inputs, weights)

    return Theorem(f"{kind} captioner, T = {steps}", ("loss", *(f"d{name}" for name in NAMES)), made)


def operation(
    name: str, outputs: Sequence[str], sizes: Mapping[str, Any], automatic: Function, textbook: Function
) -> Theorem:
    """A theorem about functions without parameters; a size is a shape, or an array if its dtype matters."""
    return Theorem(name, tuple(outputs), lambda: programs(automatic, textbook, zeros(sizes), {}))


def zeros(sizes: Mapping[str, Any]) -> dict[str, Array]:
    """Arrays that only provide shapes and dtypes."""
    return {name: np.zeros(size) if isinstance(size, tuple) else size for name, size in sizes.items()}


def with_loss(f: Function) -> Function:
    """A function that returns a loss and its gradient by the first input."""

    def both(x: Any, *others: Any) -> Any:
        loss = f(x, *others)
        return loss, *gradients([loss], [x], [np.ones(())])

    return both


def with_backward(f: Function) -> Function:
    """A function that returns f and its gradients by all arguments, given the cotangent as first argument."""

    def both(dy: Any, *inputs: Any) -> Any:
        y = f(*inputs)
        return y, *gradients([y], inputs, [dy])

    return both


def with_closed_backward(forward: Function, backward: Function) -> Function:
    """The same function made of a closed form."""

    def both(dy: Any, *inputs: Any) -> Any:
        y, cache = forward(*inputs)
        return y, *backward(dy, cache)

    return both


IDS, MASK = np.zeros((N, 3), int), np.zeros((N, 3), bool)


def operations() -> list[Theorem]:
    """Theorems about functions without state."""
    return [
        operation(
            "sigmoid",
            ["y", "dx"],
            {"dy": (N, W), "x": (N, W)},
            lambda dy, x: (y := mg.sigmoid(x), *gradients([y], [x], [dy])),
            lambda dy, x: (y := cf.sigmoid(x), cf.sigmoid_backward(dy, y)),
        ),
        operation(
            "word embedding",
            ["dW"],
            {"dout": (N, 3, W), "ids": IDS, "W": (V, W)},
            lambda dout, ids, weight: gradients([mg.embedding(ids, weight)], [weight], [dout]),
            lambda dout, ids, weight: cf.word_embedding_backward(dout, cf.word_embedding_forward(ids, weight)[1]),
        ),
        operation(
            "temporal affine",
            ["dx", "dw", "db"],
            {"dy": (N, 3, V), "x": (N, 3, H), "w": (H, V), "b": (V,)},
            lambda dy, x, w, b: gradients([x @ w + b], [x, w, b], [dy]),
            lambda dy, *inputs: cf.temporal_affine_backward(dy, cf.temporal_affine_forward(*inputs)[1]),
        ),
        operation(
            "temporal softmax loss",
            ["loss", "dx"],
            {"x": (N, 3, V), "y": IDS, "mask": MASK},
            with_loss(mg.softmax_cross_entropy),
            cf.temporal_softmax_loss,
        ),
        operation(
            "bce",
            ["loss", "dx"],
            {"x": (N, W), "t": (N, W)},
            with_loss(lambda x, t: mg.bce_with_logits(x, t)),
            cf.bce_loss,
        ),
        operation("mse", ["loss", "dx"], {"x": (N, W), "t": (N, W)}, with_loss(lambda x, t: mg.mse(x, t)), cf.mse_loss),
    ]


def batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    """Batch norm in training, with the batch's own mean and variance."""
    return mg.batch_norm(x, None, None, gamma, beta, training=True)


def normalisations() -> list[Theorem]:
    """Theorems about normalisations: y, and the gradients by x, γ and β."""

    def norm(name: str, shape: tuple[int, ...], f: Function, closed: str) -> Theorem:
        forward, backward = getattr(cf, f"{closed}_forward"), getattr(cf, f"{closed}_backward")
        sizes = {"dy": shape, "x": shape, "gamma": shape[1:2], "beta": shape[1:2]}
        both = with_backward(f), with_closed_backward(forward, backward)
        return operation(name, ("y", "dx", "dgamma", "dbeta"), sizes, *both)

    return [
        norm("batch norm", (5, W), batch_norm, "batchnorm"),
        norm("batch norm of pictures", (N, W, 1, 3), batch_norm, "batchnorm"),
        norm("layer norm", (N, H), lambda x, *weights: mg.layer_norm(x, H, *weights), "layernorm"),
    ]
