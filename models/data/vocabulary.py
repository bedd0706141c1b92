"""Words and their ids, read from the course's JSON file. `models.data.coco` imports it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from minigrad.errors import DataError, IndexRangeError
from models.data.spelling import choices, some

NULL, START, END, UNK = "<NULL>", "<START>", "<END>", "<UNK>"


@dataclass(frozen=True)
class Vocabulary:
    """Every word by its id.

    Raises DataError when a word comes twice or one of <NULL>, <START>, <END>, <UNK> is missing.
    """

    idx_to_word: tuple[str, ...]

    def __post_init__(self) -> None:
        missing = [word for word in (NULL, START, END, UNK) if word not in self.idx_to_word]
        twice = [word for word, count in Counter(self.idx_to_word).items() if count > 1]
        if missing:
            raise DataError(f"the vocabulary lacks {some(missing)}, which captions are encoded with")
        if twice:
            raise DataError(f"the vocabulary has {some(twice)} more than once: each word needs one id")

    def __len__(self) -> int:
        return len(self.idx_to_word)

    @cached_property
    def word_to_idx(self) -> dict[str, int]:
        """The id of each word."""
        return {word: index for index, word in enumerate(self.idx_to_word)}

    @property
    def null(self) -> int:
        """The id that fills captions up to their common length."""
        return self.word_to_idx[NULL]

    @property
    def start(self) -> int:
        """The id that every caption begins with."""
        return self.word_to_idx[START]

    @property
    def end(self) -> int:
        """The id that follows the last word."""
        return self.word_to_idx[END]

    @property
    def unk(self) -> int:
        """The id of words that are not in the vocabulary."""
        return self.word_to_idx[UNK]

    def words(self, ids: Iterable[int]) -> list[str]:
        """The words of the ids up to and including <END>, without <NULL>, as the course decodes.

        Raises IndexRangeError for an id that is no word's.
        """
        words: list[str] = []
        for index in ids:
            word = self._word(int(index))
            if word != NULL:
                words.append(word)
            if word == END:
                break
        return words

    def decode(self, ids: Iterable[int]) -> str:
        """The sentence: the words between <START> and <END>."""
        return " ".join(word for word in self.words(ids) if word not in (START, END))

    def _word(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexRangeError(f"there is no word {index}: ids are 0 to {len(self) - 1}")
        return self.idx_to_word[index]


def read_vocabulary(path: Path) -> Vocabulary:
    """Reads `{"idx_to_word": [...], "word_to_idx": {...}}`.

    Raises DataError for anything else, or if the two disagree.
    """
    content = _parsed(path)
    idx_to_word, word_to_idx = (_part(path, content, key) for key in ("idx_to_word", "word_to_idx"))
    if not isinstance(idx_to_word, list) or not all(isinstance(word, str) for word in idx_to_word):
        raise DataError(f"{path}: 'idx_to_word' should be a list of words in the order of their ids")
    if not isinstance(word_to_idx, dict) or not all(type(index) is int for index in word_to_idx.values()):
        raise DataError(f"{path}: 'word_to_idx' should give each word its id")
    try:
        vocabulary = Vocabulary(tuple(idx_to_word))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    _compare(path, vocabulary.word_to_idx, word_to_idx)
    return vocabulary


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        size = path.stat().st_size
        raise DataError(
            f"{path} is not a complete JSON file ({size:,} bytes; {error}): fetch or make it again"
        ) from None
    if not isinstance(content, dict):
        raise DataError(f"{path} should hold an object with 'idx_to_word' and 'word_to_idx'")
    return content


def _part(path: Path, content: dict[str, Any], key: str) -> Any:
    if key not in content:
        raise DataError(f"{path} has no {key!r}: {choices(key, content)}")
    return content[key]


def _compare(path: Path, listed: dict[str, int], mapped: dict[str, int]) -> None:
    """Raises DataError naming the words to which the list and the map give different ids."""
    words = [word for word in {**listed, **mapped} if listed.get(word) != mapped.get(word)]
    if words:
        shown = ", ".join(f"{w!r} is {listed.get(w)} and {mapped.get(w)}" for w in words[:4])
        raise DataError(
            f"{path}: 'idx_to_word' and 'word_to_idx' disagree about {len(words)} of {len(mapped)} words: {shown}"
        )
