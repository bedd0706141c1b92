"""`minigrad gan` in no time: few digits, tiny networks, and no judge of what they draw."""

import pytest
from test_gan_training import DIGITS, tiny_pair

from minigrad.cli import gan, gan_results
from models.gan import NETWORKS


def make_gan_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the test ends."""
    scores = {"confident": 1.0, "confident_of_real": 1.0, "of_each_class": [1] * 10, "classes": 10}
    scores |= {"frechet_distances": [1.0] * 3, "frechet_floor": 1.0}
    monkeypatch.setitem(NETWORKS, "dense", tiny_pair)
    monkeypatch.setattr(gan, "digits_of", lambda data, part: DIGITS)
    monkeypatch.setattr(gan_results, "classifier", lambda *_: (None, 1.0))
    monkeypatch.setattr(gan_results, "scored", lambda *_: scores)
