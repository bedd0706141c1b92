"""`minigrad bench parallel`: the model of many ranks, and what is said of few."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from minigrad.cli import main
from minigrad.cli.bench import parallel
from minigrad.cli.bench.scaling import RANKS, Network, Work, predicted, worthwhile

NETWORK = Network(latency=1e-5, bandwidth=1e9)
WORK = Work({1: 0.004, 8: 0.011, 64: 0.07}, whole=0.005, nbytes=10**7)


def test_the_quickest_allreduce_is_by_the_length_of_the_message_and_the_ranks() -> None:
    assert NETWORK.allreduce(1, 10**6)[0] == 0
    assert NETWORK.allreduce(16, 100) == (pytest.approx(4 * (1e-5 + 1e-7)), "recursive doubling")
    assert NETWORK.allreduce(16, 10**7) == (pytest.approx(8e-5 + 2 * 15 / 16 * 1e-2), "halving and doubling")
    assert Network(0, 1e9).allreduce(4, 10**6)[0] == pytest.approx(1.5e-3)


def test_gradients_of_rows_are_in_proportion_between_those_that_were_measured() -> None:
    assert WORK.seconds(8) == 0.011 and WORK.seconds(36) == pytest.approx(0.0405)
    assert WORK.seconds(128) == pytest.approx(0.14)


def test_a_batch_that_is_divided_gains_less_and_less_and_one_that_grows_as_long_as_it_may() -> None:
    same = predicted(WORK, NETWORK, captions=1000, batch=64, largest=64)
    assert [p.ranks for p in same] == list(RANKS) and {p.batch for p in same} == {64}
    assert same[0].step == pytest.approx(0.075) and same[0].epoch == pytest.approx(16 * 0.075)
    assert same[3].step == pytest.approx(0.011 + 0.005 + NETWORK.allreduce(8, 10**7)[0])
    assert same[-1].step > same[6].step  # ranks without rows
    growing = predicted(WORK, NETWORK, captions=10**6, batch=64, largest=256)
    assert [p.batch for p in growing[:4]] == [64, 128, 256, 256]
    assert growing[2].efficiency == pytest.approx(same[0].step / growing[2].step, rel=1e-3)
    assert worthwhile(same) == 2 and worthwhile(growing) == 16


def measured(arguments: Any, count: int) -> dict[str, Any]:
    phases = dict.fromkeys(("gradients", "waiting", "allreduce", "update"), 0.01)
    rows = {str(n): n / 1000 for n in parallel.ROWS} if count == 1 else {}
    pair = {"latency": 1e-6, "bandwidth": 4e9} if count == 2 else {}
    pair |= {"mpi": 0.004} if count > 1 else {}
    return {"step": 0.1 / count, **phases, "bytes": 10**7, "rows": rows, "others": 0.5 * (count == 4), **pair}


def test_what_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr(parallel, "measured", measured)
    monkeypatch.setattr(parallel, "which", lambda name: name)
    picture = tmp_path / "speed_ups.svg"
    assert main(["bench", "parallel", "--ranks", "2,4", "-o", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "       2     50.0" in said and "400,135 captions" in said and said.count("\n   1,024") == 2
    assert (
        "2.5 ms on 2 (measured 4.0)" in said and "others took a part of the cores" in said and "worth it up to" in said
    )
    assert "one a rank" in picture.read_text()
    assert main(["bench", "parallel", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["same"][0]["step"] == pytest.approx(0.01 + 0.01 + 0.006)
    assert found["measured"]["2"]["step"] == 0.05 and len(found["same"]) == len(RANKS) and found["worth"]["same"]


@pytest.mark.parametrize("words", [["--ranks", "two"], ["--ranks", "0"], ["--calls", "0"], ["--largest-batch", "4"]])
def test_what_makes_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "parallel", *words]) == 2
    assert words[0].removeprefix("--") in capsys.readouterr().err


@pytest.mark.skipif(
    not (find_spec("mpi4py") and shutil.which("mpiexec")), reason="needs MPI: python -m pip install 'minigrad[mpi]'"
)
def test_ranks_are_measured(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ROWS", (1,))
    assert main(["bench", "parallel", "--ranks", "2", "--batch", "3", "--steps", "1", "--calls", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["measured"]
    assert found["1"]["step"] > 0 and set(found["1"]["rows"]) == {"1"} and found["2"]["allreduce"] > 0
    assert found["2"]["latency"] > 0 and found["2"]["bandwidth"] > 1e6
