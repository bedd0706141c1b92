"""The parts of the models that are useful elsewhere: graphs with named inputs and outputs. Imports the models.

Sizes, batch and number of time steps included, are fixed when a graph is traced.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from minigrad import functional as F
from minigrad import grad, scope, trace
from minigrad.graph import Graph
from minigrad.op import Array
from minigrad.tensor import Tensor, from_numpy
from models.captioner import Captioner
from models.gan import PIXELS, Pair, noise
from models.image_network import ImageNetwork
from models.photo_captioner import PhotoCaptioner


@dataclass(frozen=True)
class Program:
    """A graph, the names of its outputs, and arguments to try it with."""

    graph: Graph
    outputs: tuple[str, ...]
    arguments: tuple[Array, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    """What else a user must know about it."""


Programs: TypeAlias = Mapping[str, Callable[[], Program]]
"""Functions that make each program, by name; the first is the one that most people want."""


def program(f: Callable[..., Any], outputs: tuple[str, ...], about: Mapping[str, str], **arguments: Array) -> Program:
    """f traced on these arguments, whose names become those of the graph's inputs."""
    named = [from_numpy(array, name=name) for name, array in arguments.items()]
    return Program(trace(f, *named), outputs, tuple(arguments.values()), about)


def captioner_programs(
    captioner: Captioner, batch: int = 1, length: int = 16, vocabulary: Sequence[str] = ()
) -> Programs:
    """`captions` writes whole sentences; `begin` and `step` serve searches of other kinds; `loss` and `gradients`.

    Example features and words are random; the vocabulary, the words by id, is stored with the model.
    """
    rng = np.random.default_rng(0)
    features = rng.standard_normal((batch, captioner.W_proj.shape[0]), dtype=np.float32)
    words = rng.integers(0, captioner.vocab_size, (batch, length + 1))
    hidden = captioner.W_proj.shape[1]
    names = ("h", "c")[: len(captioner.begin(features))]
    state = {name: np.tanh(rng.standard_normal((batch, hidden), dtype=np.float32)) for name in names}
    after = tuple(f"{name}_after" for name in names)
    parameters, about = captioner.parameters(), {"words": json.dumps(vocabulary)}
    gradients = tuple(f"{parameter.name}.grad" for parameter in parameters)

    def begin(features: Tensor) -> Any:
        with scope(captioner.scope_name):
            return captioner.begin(features)

    def step(words: Tensor, *state: Tensor) -> tuple[Any, ...]:
        with scope(captioner.scope_name):
            scores, state = captioner.step(words, state)
        return scores, *state

    def loss_and_gradients(features: Tensor, captions: Tensor) -> tuple[Any, ...]:
        loss = captioner.loss(features, captions)
        return loss, *grad(loss, parameters)

    given: dict[str, Any] = {"features": features, "captions": words}
    return {
        "captions": lambda: program(partial(sentences, captioner, length), ("captions",), about, features=features),
        "begin": lambda: program(begin, names, about, features=features),
        "step": lambda: program(step, ("scores", *after), about, words=words[:, 0], **state),
        "loss": lambda: program(captioner.loss, ("loss",), about, **given),
        "gradients": lambda: program(loss_and_gradients, ("loss", *gradients), about, **given),
    }


def photograph_programs(
    model: PhotoCaptioner, batch: int = 1, length: int = 16, size: int = 224, vocabulary: Sequence[str] = ()
) -> Programs:
    """`photographs`: from pixels, normalised as for ImageNet, to whole sentences."""
    pictures, about = drawn_pictures(batch, size), {"words": json.dumps(vocabulary)}

    def written(pictures: Tensor) -> Tensor:
        return sentences(model.captioner, length, model.features(pictures))

    return {"photographs": lambda: program(written, ("captions",), about, pictures=pictures)}


def sentences(captioner: Captioner, length: int, features: Tensor) -> Tensor:
    """The most probable word at each of `length` steps (N, length), as `decode.greedy`, by graph operations alone."""
    never = np.zeros(captioner.vocab_size, np.float32)
    never[[*captioner.unwritten]] = -np.inf
    words: Any = Tensor(np.full(features.shape[0], captioner.start))
    running, written = words == captioner.start, []
    with scope(captioner.scope_name):
        state = captioner.begin(features)
        for t in range(length):
            with scope(step=t):
                scores, state = captioner.step(words, state)
                words = F.where(running, (scores + never).argmax(axis=1), captioner.null)
                running = running & (words != captioner.end)
            written.append(words)
        captions: Tensor = F.stack(written, axis=1)
    return captions


def gan_programs(pair: Pair, noise_dim: int, batch: int = 1) -> Programs:
    """Both networks, with the batch-norm statistics collected in training."""
    rng = np.random.default_rng(0)
    z, pictures = noise(rng, batch, noise_dim), noise(rng, batch, PIXELS)
    return {
        "generator": lambda: program(pair.generator.eval(), ("pictures",), {}, noise=z),
        "discriminator": lambda: program(pair.discriminator.eval(), ("logits",), {}, pictures=pictures),
    }


def network_programs(network: ImageNetwork, batch: int = 1, size: int = 224) -> Programs:
    """`scores` of classes for pictures of one size, normalised as for ImageNet, and the `gradient` of the best ones."""
    pictures = drawn_pictures(batch, size)

    def gradient(pictures: Tensor) -> Any:
        return grad(network(pictures).max(axis=1).sum(), [pictures])

    network.eval()
    return {
        "scores": lambda: program(network, ("scores",), {}, pictures=pictures),
        "gradient": lambda: program(gradient, ("pictures.grad",), {}, pictures=pictures),
    }


def drawn_pictures(batch: int, size: int) -> Array:
    """Random noise (N, 3, size, size)."""
    return np.random.default_rng(0).standard_normal((batch, 3, size, size), dtype=np.float32)
