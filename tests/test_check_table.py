"""The command `minigrad gradcheck`: every Op, in a table or as JSON, and 1 when a gradient is wrong."""

import json
from dataclasses import replace

import pytest

from minigrad.check import table
from minigrad.check.records import RECORDS
from minigrad.cli import main
from minigrad.ops.activation import Tanh


def test_the_table_lists_every_op(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Op", "method", "samples", "order", "1", "order", "2"]
    assert [line.split()[0] for line in lines[1:-1]] == [op.__name__ for op in RECORDS]
    assert "Ops checked" in lines[-1] and "without a gradient" in lines[-1]


def test_json_holds_the_errors_of_both_orders(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "--json", "--seed", "7"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and found["worst"]["1"] < 1e-9 and found["worst"]["2"] < 1e-8
    assert {row["op"] for row in found["ops"]} == {op.__name__ for op in RECORDS}
    assert all(set(row["errors"]) in ({"1", "2"}, set()) for row in found["ops"])


def test_a_wrong_gradient_is_told_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Doubled(Tanh):
        def vjp(self, g, y, x):  # type: ignore[no-untyped-def]
            return (g * (1 - y * y) * 2,)

    wrong = replace(RECORDS[Tanh], op=Doubled, samples=lambda draw: [(Doubled(), draw.normal(3))])
    monkeypatch.setattr(table, "RECORDS", {Doubled: wrong})
    assert main(["gradcheck"]) == 1
    printed = capsys.readouterr().out
    assert "WRONG" in printed and "2.000 × too large" in printed
