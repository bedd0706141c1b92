"""The checks checked: bugs planted in gradients by seed must be found and named, and right gradients left in peace."""

import numpy as np
import pytest
from mutants import KINDS, PART, Mutant, Planted, all_planted, at_each_operand
from random_programs import random_program

import minigrad as mg
from minigrad.check import gradcheck, localize
from minigrad.check.report import Report
from minigrad.check.rule import check_op

Verdicts = list[tuple[Planted, Report]]


@pytest.fixture(scope="module")
def verdicts() -> Verdicts:
    """Every kind of mistake in every Op where it makes a difference, and what the check says of it."""
    return [(planted, check_op(planted.mutant, planted.arrays)) for planted in all_planted()]


def named(planted: Planted, report: Report) -> bool:
    kind = next((f.kind for f in report.findings if f.name == f"x{planted.mutant.operand}"), "")
    return any(words in kind for words in planted.words)


@pytest.mark.parametrize("seed", range(10))
def test_of_40_bugs_39_are_caught_and_30_named(verdicts: Verdicts, seed: int) -> None:
    chosen = np.random.default_rng(seed).choice(len(verdicts), 40, replace=False)
    sample = [verdicts[i] for i in chosen]
    assert len({type(planted.mutant.inner) for planted, _ in sample}) >= 20
    assert sum(not report.ok for _, report in sample) >= 39
    assert sum(named(*verdict) for verdict in sample) >= 30


def test_of_all_of_them(verdicts: Verdicts) -> None:
    assert len(verdicts) > 650 and len({type(planted.mutant.inner) for planted, _ in verdicts}) > 50
    assert sum(not report.ok for _, report in verdicts) >= 0.99 * len(verdicts)
    assert sum(named(*verdict) for verdict in verdicts) >= 0.95 * len(verdicts)


def test_the_right_operand_is_blamed(verdicts: Verdicts) -> None:
    for planted, report in verdicts:
        assert [f.name for f in report.findings if not f.ok] in ([f"x{planted.mutant.operand}"], []), planted


@pytest.mark.parametrize("seed", range(60))
def test_one_bug_in_a_graph_of_sixty_ops_is_found(seed: int) -> None:
    program = random_program(seed, 60, kinks=seed % 3 == 2)
    node, planted = plant(program.output, np.random.default_rng(seed))
    errors = localize(program.output)
    assert [wrong.node for wrong in errors.wrong] == [node]
    assert errors[node] == max(errors.values())
    assert repr(planted.mutant) in str(errors)


def plant(output: mg.Tensor, rng: np.random.Generator) -> tuple[mg.Tensor, Planted]:
    """Puts a bug into one node of a recorded graph: where and of which kind is drawn."""
    nodes = [node for node in mg.Graph.of(output).nodes if node.op is not None and node.requires_grad]
    while True:
        node, kind = nodes[rng.integers(len(nodes))], rng.choice([*KINDS, PART])
        assert node.op is not None
        for planted in at_each_operand(node.op, kind, tuple(x.numpy() for x in node.inputs)):
            if node.inputs[planted.mutant.operand].requires_grad:
                node.op = planted.mutant
                return node, planted


@pytest.mark.parametrize("group", range(10))
def test_no_false_alarm_on_right_graphs(group: int) -> None:
    for seed in range(50 * group, 50 * (group + 1)):
        program = random_program(seed, 20, kinks=seed % 2 == 1)
        errors = localize(program.output)
        assert errors.wrong == [] and len(errors) > 10, str(errors)
        report = gradcheck(program, program.arrays, places=4, raises=False)
        assert report.ok, f"{seed}: {report}"


def test_a_bug_is_found_in_the_graph_of_a_gradient_too() -> None:
    program = random_program(3, 20)
    (gx,) = mg.grad(program.output, program.inputs[0], create_graph=True)
    node = next(n for n in mg.Graph.of(gx).nodes if n.op is not None and n.scope.backward and n.requires_grad)
    assert node.op is not None
    node.op = Mutant(node.op, "twice")
    assert [wrong.node for wrong in localize(gx).wrong] == [node]
