"""Captioners that write together: the mean of their probabilities, and the commands that are given several runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_decode import FEATURES, small
from test_training import trainer, write_captions

from minigrad.cli import main
from minigrad.errors import UsageError
from minigrad.functional import softmax
from models.data.vocabulary import Vocabulary
from models.decode import beam_search, greedy
from models.ensemble import Ensemble
from models.training import Run, Source


def test_an_ensemble_has_the_mean_of_its_members_probabilities() -> None:
    members = [small("lstm", 1), small("rnn", 2), small("lstm", 3)]
    state, states = Ensemble(members).begin(FEATURES), [member.begin(FEATURES) for member in members]
    for ids in ([1, 1, 1, 1], [4, 5, 6, 7]):
        found, state = Ensemble(members).step(np.array(ids), state)  # which holds all that there is to know
        steps = [member.step(np.array(ids), own) for member, own in zip(members, states, strict=True)]
        states = [after for _, after in steps]
        wanted = np.mean([softmax(scores).numpy() for scores, _ in steps], axis=0)
        np.testing.assert_allclose(np.exp(found.numpy()), wanted, rtol=1e-12)


def test_one_member_writes_what_it_writes_alone() -> None:
    member = small(seed=5)
    assert np.array_equal(greedy(Ensemble([member]), FEATURES), greedy(member, FEATURES))
    for own, other in zip(beam_search(Ensemble([member] * 3), FEATURES), beam_search(member, FEATURES), strict=True):
        assert [ids.tolist() for ids, _ in own] == [ids.tolist() for ids, _ in other]
        assert [p for _, p in own] == pytest.approx([p for _, p in other])
    with pytest.raises(UsageError, match="one member at least"):
        Ensemble([])


def test_runs_write_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Source(str(write_captions(tmp_path / "captions")), "plain")
    for seed in range(2):
        list(trainer(tmp_path / str(seed), source, source.open(), seed=seed).run())
    first, second = str(tmp_path / "0"), str(tmp_path / "1")
    assert main(["evaluate", first, "--with", second]) == 0
    printed = capsys.readouterr().out
    assert "2 runs, greedy" in printed and "perplexity" not in printed
    assert main(["view", first, "--with", second, "--json"]) == 0
    other = Source(str(write_captions(tmp_path / "others", seed=1)), "plain", max_train=5)
    data = other.open()
    narrow = trainer(tmp_path / "2", other, data)
    narrow.save()
    run = Run.open(tmp_path / "2")
    words = tuple("other" if word == "a" else word for word in run.vocabulary.idx_to_word)
    replace(run, folder=tmp_path / "3", vocabulary=Vocabulary(words)).make()
    (tmp_path / "2/checkpoints").rename(tmp_path / "3/checkpoints")
    capsys.readouterr()
    assert main(["evaluate", first, "--with", str(tmp_path / "3")]) == 2
    assert "other words or features" in capsys.readouterr().err
