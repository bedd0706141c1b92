"""Several captioners that write one sentence together. Imports the protocol that decoding uses."""

from collections.abc import Sequence
from math import log
from typing import Any

from minigrad import functional as F
from minigrad.errors import UsageError
from minigrad.tensor import Tensor
from models.decode import Captioner, State


class Ensemble:
    """A captioner whose probability of a word is the mean of its members' probabilities.

    The members have the same words with the same ids and get the same features. UsageError without members.
    """

    def __init__(self, members: Sequence[Captioner]) -> None:
        if not members:
            raise UsageError("no captioner to write with: an ensemble has one member at least")
        first = members[0]
        self._members = members
        self.null, self.start, self.end, self.unwritten = first.null, first.start, first.end, first.unwritten

    def begin(self, features: Any) -> State:
        """The states of all members."""
        return tuple(member.begin(features) for member in self._members)

    def step(self, words: Any, state: State) -> tuple[Tensor, State]:
        """From words (N,) and the previous state, the logarithms (N, V) of the mean probabilities and the new state."""
        found = [member.step(words, own) for member, own in zip(self._members, state, strict=True)]
        logs = F.stack([F.log_softmax(scores) for scores, _ in found])
        return F.logsumexp(logs, axis=0) - log(len(found)), tuple(after for _, after in found)
