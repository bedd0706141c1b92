"""Encodes captions as the course's rows of ids: start, words, end, padding; and makes a vocabulary by word counts.

Imports `tokens` and `vocabulary`; `models.data.preparation` imports this.
"""

import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from minigrad.errors import DataError
from models.data.tokens import tokenize
from models.data.vocabulary import END, NULL, START, UNK, Vocabulary

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def plain_words(caption: str) -> list[str]:
    """The caption's words in the course's form: lower case, all punctuation removed (`it's close-up`: its closeup)."""
    return caption.lower().translate(_NO_PUNCTUATION).split()


WORDS: dict[str, Callable[[str], list[str]]] = {"ptb": tokenize, "plain": plain_words}
"""The ways to split a caption into words, by name."""


def vocabulary_of(captions: Iterable[Sequence[str]], least: int, most: int | None = None) -> Vocabulary:
    """The words that occur at least `least` times, most frequent first; equally frequent ones in alphabetical order.

    `most` limits the number of words, including <NULL>, <START>, <END> and <UNK>. Raises DataError if none is left.
    """
    counts = Counter(word for words in captions for word in words)
    frequent = sorted((word for word, count in counts.items() if count >= least), key=lambda w: (-counts[w], w))
    special = (NULL, START, END, UNK)
    words = [word for word in frequent if word not in special]
    words = words if most is None else words[: max(0, most - len(special))]
    if not words:
        raise DataError(f"none of {len(counts):,} words comes {least} times: lower --min-count")
    return Vocabulary((*special, *words))


def encoded(words: Sequence[str], vocabulary: Vocabulary, length: int) -> list[int]:
    """A row of `length` ids: <START>, the words, <END>, then <NULL>. Words that do not fit are cut off."""
    ids = [vocabulary.word_to_idx.get(word, vocabulary.unk) for word in words[: length - 2]]
    return [vocabulary.start, *ids, vocabulary.end, *[vocabulary.null] * (length - 2 - len(ids))]
