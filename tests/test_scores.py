"""Scores of captions: the published implementations' numbers, and slow readings of the papers' formulas beside them."""

import json
import math
from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest

from minigrad.errors import DataError, MissingFileError, UsageError
from models.data.coco import open_data
from models.scores import SCORES, CiderD, bleu, cider_d, read_results, rouge_l, scored, write_results
from models.scores.rouge import common_subsequence

# What pycocoevalcap 1.2 gives, in the order of SCORES, for corpora of a seed and so many images. Where no four-gram is
# right it has 1e-5 for our 0: it adds a trifle to each count.
PUBLISHED = {
    (0, 2): (0.6236713, 0.2996020, 0.0000020, 0.0000000, 0.4772727, 0.2195728),
    (1, 40): (0.4906370, 0.2489204, 0.1231604, 0.0000104, 0.3456548, 0.3189382),
    (2, 300): (0.5282929, 0.2749473, 0.1268636, 0.0505076, 0.3669045, 0.2598985),
}
PUBLISHED_FOR_PEOPLE = (0.6812977, 0.4780550, 0.3221023, 0.2195436, 0.5338076, 1.3116483)


def corpus(seed: int, images: int) -> tuple[list[list[str]], list[list[list[str]]]]:
    """A caption and 1 to 5 references of each image, of 1 to 13 words out of 30, some much more frequent."""
    rng = Random(seed)

    def caption() -> list[str]:
        return [f"w{int(30 * rng.random() ** 3)}" for _ in range(1 + int(13 * rng.random()))]

    candidates = [caption() for _ in range(images)]
    return candidates, [[caption() for _ in range(1 + int(5 * rng.random()))] for _ in range(images)]


@pytest.mark.parametrize("made", PUBLISHED, ids=str)
def test_all_scores_are_the_published_ones(made: tuple[int, int]) -> None:
    found = scored(*corpus(*made))
    assert tuple(found) == SCORES
    assert list(found.values()) == pytest.approx(PUBLISHED[made], abs=2e-5)


def test_peoples_captions_get_the_published_scores(real_data: Path) -> None:
    data = open_data(real_data / "coco_small")
    of = [np.flatnonzero(data.val.image_idxs == image) for image in range(len(data.val.urls))]
    captions = [[data.vocabulary.decode(data.val.captions[i]).split() for i in rows] for rows in of]
    found = scored([first for first, *_ in captions], [others for _, *others in captions])
    assert list(found.values()) == pytest.approx(PUBLISHED_FOR_PEOPLE, abs=1e-6)


def test_bleu_is_sacrebleus_on_a_thousand_corpora() -> None:
    sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu absent: it comes with minigrad[test]")
    scorers = [
        sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=n, force=True) for n in (1, 2, 3, 4)
    ]
    for seed in range(1000):
        candidates, references = corpus(seed, images=1 + seed % 7)
        most = max(map(len, references))
        streams = [[" ".join(r[i]) if i < len(r) else None for r in references] for i in range(most)]
        written = [" ".join(words) for words in candidates]
        theirs = [scorer.corpus_score(written, streams).score / 100 for scorer in scorers]
        assert bleu(candidates, references) == pytest.approx(theirs, abs=1e-9), f"seed {seed}"


def runs(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def cider_d_by_the_formula(candidates: list[list[str]], references: list[list[list[str]]]) -> float:
    """Equations 2 to 4 of Vedantam et al. as they stand, on dense vectors."""
    total = 0.0
    for n in (1, 2, 3, 4):
        terms = sorted({g for caps in [candidates, *references] for words in caps for g in runs(words, n)})
        images = [sum(any(g in runs(words, n) for words in caps) for caps in references) for g in terms]
        idf = np.array([math.log(len(references) / max(1, count)) for count in images])

        def vector(words: list[str], terms=terms, idf=idf, n=n) -> np.ndarray:
            counts = Counter(runs(words, n))
            return np.array([counts[g] for g in terms]) * idf

        for candidate, caps in zip(candidates, references, strict=True):
            for words in caps:
                a, b = vector(candidate), vector(words)
                norm = np.linalg.norm(a) * np.linalg.norm(b)
                likeness = np.minimum(a, b) @ b / norm if norm else 0.0
                shorter = math.exp(-((len(candidate) - len(words)) ** 2) / (2 * 6**2))
                total += 10 * likeness * shorter / len(caps) / 4 / len(candidates)
    return total


def rouge_l_by_trying_all(candidates: list[list[str]], references: list[list[list[str]]]) -> float:
    """The longest subsequence by trying them all, and the F measure."""
    fs = []
    for candidate, caps in zip(candidates, references, strict=True):
        longest = [longest_common(candidate, words) for words in caps]
        p = max(length / len(candidate) for length in longest)
        r = max(length / len(words) for length, words in zip(longest, caps, strict=True))
        fs.append((1 + 1.2**2) * p * r / (r + 1.2**2 * p) if p else 0.0)
    return float(np.mean(fs))


def longest_common(a: list[str], b: list[str]) -> int:
    subsequences = [set(combinations(b, n)) for n in range(len(b) + 1)]
    return max(n for n in range(min(len(a), len(b)) + 1) if subsequences[n] & set(combinations(a, n)))


@pytest.mark.parametrize("seed", range(5))
def test_fast_scores_are_the_slow_ones(seed: int) -> None:
    candidates, references = corpus(seed, images=5)
    assert cider_d(candidates, references) == pytest.approx(cider_d_by_the_formula(candidates, references), abs=1e-12)
    short = [words[:7] for words in candidates], [[words[:7] for words in caps] for caps in references]
    assert rouge_l(*short) == pytest.approx(rouge_l_by_trying_all(*short), abs=1e-12)


def test_captions_that_are_the_references_are_perfect_and_strangers_are_nothing() -> None:
    captions = [["a", "dog", "on", "grass", "today"], ["two", "cats", "in", "the", "sun"]]
    perfect = scored(captions, [[words] for words in captions])
    assert list(perfect.values()) == pytest.approx([1, 1, 1, 1, 1, 10])
    assert set(scored([["x"], []], [[words] for words in captions]).values()) == {0.0}
    assert common_subsequence("abcbdab", "bdcaba") == 4


def test_words_may_be_ids_and_one_image_may_be_asked_for() -> None:
    candidates, references = corpus(7, 6)
    numbers = {f"w{i}": i for i in range(30)}
    encoded = [[numbers[w] for w in words] for words in candidates]
    targets = [[[numbers[w] for w in words] for words in caps] for caps in references]
    assert scored(encoded, targets) == scored(candidates, references)
    cider = CiderD(references)
    assert cider.each(candidates)[3] == cider.of(3, candidates[3])


def test_what_cannot_be_scored_is_refused() -> None:
    one = [["a", "dog"]]
    with pytest.raises(UsageError, match="of 1 image there is nothing to tell"):
        cider_d(one, [one])
    for score in (bleu, rouge_l, cider_d):
        with pytest.raises(UsageError, match="2 captions and references of 1 images"):
            score(one * 2, [one])
        with pytest.raises(UsageError, match="image 1 of 2 has no reference"):
            score(one * 2, [one, []])
        with pytest.raises(UsageError, match="0 captions"):
            score([], [])


def test_results_are_written_and_read(tmp_path: Path) -> None:
    captions = {42: 'a "dog"', 7: "ein Mädchen", 9: ""}
    path = write_results(tmp_path / "results.json", captions)
    assert read_results(path) == captions and list(read_results(path)) == [42, 7, 9]
    assert json.loads(path.read_text(encoding="utf-8"))[1] == {"image_id": 7, "caption": "ein Mädchen"}
    assert read_results(write_results(path, {})) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[{", "not a complete JSON file"),
        ("[" * 100_000, "not a complete JSON file"),
        ("{}", "should hold a list"),
        ('[{"image_id": 1, "caption": "a"}, {"image_id": "2", "caption": "b"}]', "entry 1 should be"),
        ('[{"image_id": true, "caption": "a"}]', "entry 0 should be"),
        ('[{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]', "image 1 has two captions"),
    ],
)
def test_files_that_are_no_results_are_told(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint):
        read_results(path)
    with pytest.raises(MissingFileError, match="there is no"):
        read_results(tmp_path / "other.json")
