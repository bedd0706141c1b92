"""`minigrad bench`: who is compared, what is made again, what is said."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import minigrad as mg
from minigrad.cli import main
from minigrad.cli.bench import images, rounds, style, table
from minigrad.cli.bench.benchmark import Benchmark, Contestant
from minigrad.cli.bench.captioner import flops, step
from minigrad.cli.bench.task import Task
from minigrad.cli.load import Load, a_busy_process
from minigrad.measure import product_flops
from models import Captioner

ARGUMENTS = {"rounds": 3, "threads": 2, "beside": True}


def contestant(name: str, package: str) -> Contestant:
    return Contestant(name, package, lambda: lambda: None)


BENCHMARK = Benchmark(
    "work", (contestant("minigrad", "minigrad"), contestant("json", "json"), contestant("gone", "no_such_package")),
    calls=2, flops=10**9,
)  # fmt: skip


def ran(ms: float, others: float | None = 0.0, beside: float | None = None) -> dict[str, Any]:
    """What a contestant's process says."""
    times = {"least": ms / 1e3, "median": 2 * ms / 1e3}
    return times | {"first": 0.5, "memory": 10**7, "others": others, "beside": beside, "kernels": "slow"}


FLOOR = {"together": 1e12, "each": 2e12, "others": 0.0}


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What the processes of each contestant say, one after another; nothing is started."""
    said: dict[str, list[Any]] = {"minigrad": [], "json": [], "floor": []}
    usual = {"minigrad": ran(2.0), "json": ran(3.0), "floor": FLOOR}
    monkeypatch.setattr(
        rounds.Rounds, "_run", lambda self, name: said[name].pop(0) if said[name] else usual[name], raising=True
    )
    monkeypatch.setattr(rounds, "wait_for_calm", lambda patience: None)
    monkeypatch.setattr(rounds, "seconds", lambda wait: wait() or wait.args[0])
    return said


def compared() -> rounds.Comparison:
    found = rounds.Rounds(BENCHMARK, ARGUMENTS, ["minigrad", "json", "no_such_package"])
    return found.compared(lambda done, name: None)


def test_ratios_are_of_minima_and_of_medians(processes: dict[str, list[Any]]) -> None:
    processes["json"] += [ran(6.0), ran(5.0)]
    found = compared()
    told = table.as_json(found)
    assert [told["contestants"]["json"][k] for k in ("min", "ratio")] == [3.0, 1.5]
    assert told["contestants"]["json"]["ratio_of_medians"] == pytest.approx(10.0 / 4.0)
    assert told["floor"] == {"gflop": 1.0, "ms": 0.5, "rates": {"together": 1e12, "each": 2e12}, "ratio": 4.0}
    text = "\n".join(table.in_words(found))
    assert "gone                left out: not installed: python -m pip install no_such_package" in text
    assert "2 threads, 3 rounds" in text and "minigrad takes × 4.00" in text


def test_what_others_disturb_is_made_again(processes: dict[str, list[Any]]) -> None:
    processes["minigrad"] += [ran(1.0, others=0.2)]
    found = compared()
    assert found.least("minigrad") == 0.002 and len(found.runs["minigrad"]) == 3
    assert "made again because others took more than 5% of a core: 1 of 10" in "\n".join(table.in_words(found))


def test_what_is_disturbed_each_time_is_kept_and_marked(processes: dict[str, list[Any]]) -> None:
    processes["json"] += [ran(1.0, others=0.2)] * 9
    text = "\n".join(table.in_words(compared()))
    assert "kept though others disturbed them each time: runs of json" in text


def test_others_are_waited_for_with_patience_that_ends(
    processes: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(rounds, "wait_for_calm", waited.append)
    processes["json"] += [ran(1.0, others=0.2)] * 9
    processes["minigrad"] += [ran(1.0, others=0.2)] * 9
    said: list[str] = []
    rounds.Rounds(BENCHMARK, ARGUMENTS, ["minigrad", "json"]).compared(lambda done, text: said.append(text))
    assert len(waited) == 12 and sum(waited) == rounds.IN_ALL and waited[-1] == 0
    assert "json again: others took 20% of a core" in said


def test_a_contestant_that_fails_is_left_out_with_its_reason(processes: dict[str, list[Any]]) -> None:
    processes["json"] += ["ValueError: no"]
    found = compared()
    assert found.left_out["json"] == "ValueError: no" and "json" not in found.runs


def test_a_busy_process_is_noticed() -> None:
    with a_busy_process(), Load() as load:
        time.sleep(0.5)
    assert load.others is None or load.others > 0.3


def test_the_floor_counts_the_products_of_the_graph() -> None:
    for cell in ("lstm", "rnn"):
        task = Task(cell, batch=2, steps=3, adam=False, eager=True, threads=1)
        captioner = Captioner(cell)

        def f(features: Any, captions: Any, captioner: Any = captioner) -> Any:
            loss = captioner.loss(features, captions)
            return loss, mg.grad(loss, captioner.parameters())

        assert product_flops(mg.trace(f, *task.data())) == flops(task)


@pytest.mark.parametrize("eager", [False, True])
def test_the_step_is_a_step(eager: bool) -> None:
    work = step(Task("rnn", batch=2, steps=3, adam=True, eager=eager, threads=1))
    assert work() > work()  # type: ignore[operator]


def test_a_function_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rounds, "ATTEMPTS", 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "measured.py").write_text(
        "import numpy as np\ndef add():\n    return lambda x: x.tanh() + 1, np.ones(3)\n"
    )
    assert main(["bench", "--rounds", "1", "function", "measured:add", "--threads", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["benchmarks"]
    assert set(found["contestants"]) == {"minigrad", "minigrad eager"} and found["floor"] is None
    assert found["contestants"]["minigrad"]["min"] > 0
    sys.modules.pop("measured")


def test_a_table_for_a_document_has_a_head_once(
    processes: dict[str, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    processes |= {"minigrad eager": [ran(4.0)] * 9, "minigrad": [ran(2.0)] * 99, "floor": [FLOOR] * 99}
    assert main(["bench", "--markdown", "--rounds", "1", "--peers", "", "captioner"]) == 0
    head, rule, row, floor, blank, _machine = capsys.readouterr().out.splitlines()
    assert head.startswith("| work | who |") and set(rule) == {"|", "-"} and not blank
    assert head.count("|") == rule.count("|") == row.count("|") == floor.count("|")
    assert "| minigrad | 2.00 (4.00) |" in row and floor.startswith("| | floor |")


def test_what_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, why in (
        (["--peers", "tensorflow"], "torch, jax, autograd"),
        (["captioner", "--rounds", "0"], "at least 1"),
        (["captioner", "--batch", "0"], "at least 1"),
        (["function", "json:dumps"], "without arguments"),
    ):
        assert main(["bench", *words]) == 2
        assert why in capsys.readouterr().err


def test_pictures_are_worked_on() -> None:
    scores, (gradient,) = images.gradient(1, 32, 1)()
    assert scores.shape == (1, 1000) and gradient.shape == (1, 3, 32, 32)
    style.iteration(64, 1)()
