"""A captioner of photographs: network, projection and recurrence as one graph; and what each word depends on.

Imports `photo_features` and `image_gradients`; the command line imports this.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import functional as F
from minigrad.context import no_grad
from minigrad.module import Module
from minigrad.op import Array, Value
from models.decode import Captioner, beam_search
from models.image_gradients import strength
from models.image_optimisation import differentiated
from models.photo_features import ProjectedFeatures

_BATCH = 8
"""The number of copies of a photograph that go through the network at once."""


class PhotoCaptioner(Module):
    """From pictures (N, 3, H, W), normalised as for ImageNet, to words: features by a network, then a captioner."""

    def __init__(self, features: ProjectedFeatures, captioner: Any) -> None:
        self.features, self.captioner = features, captioner

    def forward(self, x: Value, captions: Any) -> Value:
        """The log-probability (N, T) of each word of captions (N, T + 1), given the previous ones.

        <START> comes first.
        """
        scores = self.captioner(self.features(x), captions[:, :-1])
        chosen: Value = F.take_along_axis(F.log_softmax(scores), captions[:, 1:, None], 2)
        return chosen.reshape(*chosen.shape[:2])


@dataclass(frozen=True, eq=False)
class Told:
    """A sentence: its ids, <END> included, and the log-probability of each given the previous ones."""

    ids: Array
    log_probabilities: Array

    @property
    def total(self) -> float:
        """The sentence's log-probability."""
        return float(self.log_probabilities.sum(dtype=np.float64))


def told(model: PhotoCaptioner, x: Array, beams: int = 3, max_length: int = 30) -> list[Told]:
    """The best sentences about one picture (1, 3, H, W), the most probable first."""
    captioner: Captioner = model.captioner
    with no_grad():
        features = model.features(x)
        found = beam_search(captioner, features.numpy(), beams, max_length)[0]
        return [Told(ids, word_log_probabilities(captioner, features, ids)) for ids, _ in found]


def word_log_probabilities(captioner: Any, features: Any, ids: Array) -> Array:
    """The log-probability (T,) of each word of a sentence, for one row of features (1, …)."""
    words = sentence(captioner, ids)
    scores = captioner(features, words[:, :-1])
    probabilities: Array = F.log_softmax(scores).numpy()[0, np.arange(len(ids)), ids]
    return probabilities


def sentence(captioner: Any, ids: Array) -> Array:
    """A caption (1, T + 1) as input for the network: <START>, then the words."""
    return np.concatenate([[captioner.start], ids]).astype(np.int64)[None]


class WordGradient:
    """The log-probabilities of a sentence's words given pictures, and for each picture the gradient of one of them.

    The gradient passes through the recurrence, the projection and the network. `gradient(x, places)` has the form that
    `image_gradients` needs, for SmoothGrad and integrated gradients of a word.
    """

    def __init__(self, model: PhotoCaptioner, ids: Array, eager: bool = False) -> None:
        def score(x: Any, captions: Any, places: Any) -> tuple[Value, Value]:
            probabilities = model(x, captions)
            return F.take_along_axis(probabilities, places, 1).sum(), probabilities

        self._caption = sentence(model.captioner, ids)
        self._program = differentiated(score, eager)

    def __call__(self, x: Array, places: Any) -> tuple[Array, Array]:
        """Log-probabilities (N, T) and gradients (N, 3, H, W) for pictures (N, 3, H, W) and places (N,) of words."""
        captions = np.repeat(self._caption, len(x), axis=0)
        probabilities, gradient = self._program(x, captions, np.asarray(places, np.int64).reshape(-1, 1))
        return probabilities.numpy(), gradient


def word_saliency(gradient: WordGradient, x: Array, words: int) -> Array:
    """How much each pixel of a picture (1, 3, H, W) matters for each of the first words: (words, H, W)."""
    maps = []
    for start in range(0, words, _BATCH):
        places = np.arange(start, min(start + _BATCH, words))
        maps.append(strength(gradient(np.repeat(x, len(places), axis=0), places)[1]))
    return np.concatenate(maps)
