"""Captions as the course's rows of ids: words, a vocabulary by count, a start, an end and padding.

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
    """The course's words: in lower case, without any punctuation character: `it's close-up` gives its closeup."""
    return caption.lower().translate(_NO_PUNCTUATION).split()


WORDS: dict[str, Callable[[str], list[str]]] = {"ptb": tokenize, "plain": plain_words}
"""The ways to make words of a caption, by name."""


def vocabulary_of(captions: Iterable[Sequence[str]], least: int, most: int | None = None) -> Vocabulary:
    """The words that come `least` times or more, the most frequent first, and by letters where they are as frequent.

    `most` is how many words there may be, with <NULL>, <START>, <END> and <UNK>. DataError where none is left.
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
    """A row of `length` ids: <START>, the words, <END>, and <NULL> to the end; what does not fit is cut."""
    ids = [vocabulary.word_to_idx.get(word, vocabulary.unk) for word in words[: length - 2]]
    return [vocabulary.start, *ids, vocabulary.end, *[vocabulary.null] * (length - 2 - len(ids))]
