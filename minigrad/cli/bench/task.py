"""The captioner's training step that every contestant performs: its sizes and data."""

from dataclasses import dataclass

import numpy as np

from minigrad.op import Array

FEATURES, WORD, HIDDEN, VOCABULARY = 512, 256, 512, 1004


@dataclass(frozen=True)
class Task:
    """The cell, N captions of T words, with or without Adam's update, eager or compiled, the number of threads."""

    cell: str
    batch: int
    steps: int
    adam: bool
    eager: bool
    threads: int

    def data(self) -> tuple[Array, Array]:
        """Features (N, D) and captions (N, T + 1)."""
        rng = np.random.default_rng(0)
        features = rng.normal(size=(self.batch, FEATURES)).astype(np.float32)
        return features, rng.integers(4, VOCABULARY, (self.batch, self.steps + 1))

    def weights(self) -> dict[str, Array]:
        """The captioner's weights by name: standard deviation 1/√fan-in, biases zero."""
        rng, gates = np.random.default_rng(1), 4 if self.cell == "lstm" else 1
        shapes = {
            "W_embed": (VOCABULARY, WORD),
            "W_proj": (FEATURES, HIDDEN),
            "b_proj": (HIDDEN,),
            "Wx": (WORD, gates * HIDDEN),
            "Wh": (HIDDEN, gates * HIDDEN),
            "b": (gates * HIDDEN,),
            "W_vocab": (HIDDEN, VOCABULARY),
            "b_vocab": (VOCABULARY,),
        }
        return {k: (rng.normal(size=s) / s[0] ** 0.5 * (len(s) > 1)).astype(np.float32) for k, s in shapes.items()}
