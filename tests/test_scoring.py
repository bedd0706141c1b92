"""Scores of a run beside its rivals': neighbours' captions, people's, and the same numbers every time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_folder import parts_of
from test_training import again, trainer

from minigrad.cli import main
from minigrad.errors import UsageError
from models.data.coco import CaptionData, open_data
from models.data.preparation import prepare
from models.data.told import captions_of, told
from models.data.writing import Recipe
from models.photo_features import PhotoFeatures
from models.scores import SCORES, CiderD, read_results, scored
from models.scores.neighbours import Neighbours
from models.scores.people import leave_one_out
from models.squeezenet import SqueezeNet
from models.training import Source
from models.training.scoring import Scoring

# What pycocoevalcap 1.2 gives for people's captions of the 50 held-out photographs, each against the other four, and
# for the same with the words outside the vocabulary of 1,004 taken out of what is scored.
PEOPLE = (0.6632745, 0.4736319, 0.3317328, 0.2263687, 0.4996539, 1.1273205)
PEOPLE_IN_KNOWN_WORDS = (0.6316937, 0.4437199, 0.3066144, 0.2057623, 0.4857420, 1.0229572)


def test_people_agree_as_published(real_data: Path) -> None:
    data = open_data(real_data / "coco_small")
    found = Scoring(data, told(data, real_data / "coco_raw/captions_val.json")).people()
    assert list(found["people"].values()) == pytest.approx(PEOPLE, abs=1e-5)
    assert list(found["people_in_known_words"].values()) == pytest.approx(PEOPLE_IN_KNOWN_WORDS, abs=1e-5)


def test_a_prepared_folder_is_scored_against_what_people_wrote(tmp_path: Path) -> None:
    kind = PhotoFeatures("squeezenet", SqueezeNet(seed=0))
    data = open_data(prepare(tmp_path / "data", parts_of(tmp_path), kind, Recipe(min_count=1)).folder)
    scoring = Scoring(data)
    assert scoring.said.raw and scoring.said.numbers == {0: 100, 1: 101, 2: 102}
    assert scoring.references[0] == [["a", "green", "disc", "on", "the", "wall"], ["there", "'s", "a", "green", "disc"]]
    assert scoring.people()["people"] == scoring.people()["people_in_known_words"]
    assert scoring.neighbours()["BLEU-1"] > 0.5
    annotated = told(data, tmp_path / "captions100.json")
    assert annotated.captions.keys() < scoring.said.captions.keys()  # one has no address in its annotations
    assert all(annotated.captions[row] == scoring.said.captions[row] for row in annotated.captions)
    with pytest.raises(UsageError, match="none of the 7 photographs"):
        told(data, tmp_path / "captions1.json")


def test_leaving_one_out_is_a_round_for_each_caption() -> None:
    captions = [[["a", "b"], ["a", "c"], ["d"]], [["e", "f"], ["e", "g"]], [["alone"]]]
    first = scored([["a", "b"], ["e", "f"]], [[["a", "c"], ["d"]], [["e", "g"]]])
    second = scored([["a", "c"], ["e", "g"]], [[["a", "b"], ["d"]], [["e", "f"]]])
    found = leave_one_out(captions)
    assert found == {name: (first[name] + second[name]) / 2 for name in SCORES}
    with pytest.raises(UsageError, match="no image has two captions"):
        leave_one_out(captions[2:])


def test_unknown_words_are_never_right() -> None:
    assert scored([["<UNK>", "x"], ["y"]], [[["<UNK> 0.0.0", "x"]], [["y"]]])["BLEU-1"] == pytest.approx(2 / 3)


def test_references_hold_unknown_words_apart(data: CaptionData) -> None:
    row, captions = int(data.val.image_idxs[0]), data.val.captions.copy()
    captions[0, 1] = data.vocabulary.unk
    scoring = Scoring(replace(data, val=replace(data.val, captions=captions)))
    written = [list(captions[0]) for captions in scoring.references]
    assert scoring.of(written)["BLEU-1"] == pytest.approx(1)
    written[scoring.rows.index(row)][0] = "<UNK>"
    assert scoring.of(written)["BLEU-1"] < 1


def consensus_by_the_formula(pool: list[list[str]], references: list[list[list[str]]]) -> list[str]:
    """The caption with the highest mean CIDEr to the others, from CIDEr-D where all captions are equally long."""
    rarity = CiderD(references).rarity

    def likeness(i: int) -> float:
        own, total = rarity.weighted(pool[i]), 0.0
        for other in map(rarity.weighted, pool[:i] + pool[i + 1 :]):
            for n in range(4):
                grams = [g for g in own.weights if len(g) == n + 1]
                product = sum(own.weights[g] * other.weights.get(g, 0) for g in grams)
                total += product / (own.norms[n] * other.norms[n]) if product else 0
        return total

    return pool[int(np.argmax([likeness(i) for i in range(len(pool))]))]


def test_neighbours_are_the_nearest_and_their_caption_the_most_like_all(data: CaptionData) -> None:
    captions = list(captions_of(data.train, data.vocabulary).values())
    features = data.train.features(np.arange(10))
    neighbours = Neighbours(features, captions)
    asked = np.random.default_rng(3).standard_normal((6, 7)).astype(np.float32)
    cosines = asked @ features.T / np.linalg.norm(features, axis=1)
    for k in (1, 4, 10):
        wanted = [
            consensus_by_the_formula([c for image in np.argsort(-row)[:k] for c in captions[image]], captions)
            for row in cosines
        ]
        assert neighbours.written(asked, k) == wanted
    with pytest.raises(UsageError, match="11 neighbours of 10 images"):
        neighbours.written(asked, 11)


def test_the_number_of_neighbours_is_the_best_for_known_images() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(4), 12)  # of each kind every third caption is the rule, the others are noise
    features = np.eye(4)[kinds] + 0.05 * rng.standard_normal((48, 4))
    rule = [list("abcde"), list("fghij"), list("klmno"), list("pqrst")]
    captions = [[rule[kind]] if i % 3 else [[f"x{i}", f"y{i}"]] for i, kind in enumerate(kinds)]
    neighbours = Neighbours(features, captions)
    assert neighbours.best_number() == 8  # one of 2 may be noise, 16 bring in another kind
    assert neighbours.written(np.eye(4), 8) == rule


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_run_is_scored_alike_twice_and_after_a_stop(
    source: Source,
    data: CaptionData,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, parts = (trainer(tmp_path / name, source, data) for name in ("whole", "parts"))
    list(whole.run())
    list(parts.run(until=9))
    list(again(tmp_path / "parts", data).run())
    found = [said(capsys, "evaluate", str(tmp_path / name), "--beams", "2") for name in ("whole", "whole", "parts")]
    assert found[0] == found[1]
    assert found[0].pop("results") != found[2].pop("results") and found[0].pop("run") != found[2].pop("run")
    assert found[0] == found[2]
    assert set(found[0]["scores"]) == {"run", "neighbours", "people_in_known_words"} and found[0]["images"] == 4
    captions = read_results(tmp_path / "whole/results.json")
    assert Scoring(data).of([captions[row].split() for row in range(4)]) == found[0]["scores"]["run"]
    assert main(["evaluate", str(tmp_path / "whole"), "--images", "3"]) == 0
    printed = capsys.readouterr().out
    assert "3 held-out images" in printed and "people" in printed and "this run, greedy" in printed


def test_what_is_never_written(source: Source, data: CaptionData, tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", source, data).captioner
    run.b_vocab.changing()[[0, 1, 3]] = 1e3
    assert not np.isin(run.sample(data.val.features(np.arange(4)))[:, 0], [0, 1, 3]).any()
