"""Faults that the engine survives with one clear line: changes in place, and backward passes that cannot be done."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.errors import GradientError, ShapeError, UsageError


def leaf(*shape: int, name: str | None = None) -> mg.Tensor:
    return mg.tensor(np.full(shape, 2.0), requires_grad=True, name=name)


# 18: changes in place


@pytest.mark.fault(number=18)
def test_assignment_into_what_backward_needs_names_both_places() -> None:
    x, w = mg.tensor(np.ones(3), requires_grad=True, name="x"), leaf(3, name="w")
    with mg.scope("layer", step=4):
        y = x * w
    with mg.no_grad():
        w[0] = 5.0  # the line that changes it
    with pytest.raises(GradientError) as caught:
        y.sum().backward()
    for part in ("w was changed in place", "test_faults_engine.py:", "Multiply()", "in layer t=4", "after backward()"):
        assert part in str(caught.value)


@pytest.mark.fault(number=18)
def test_the_line_named_is_the_line_that_changed_it() -> None:
    w = leaf(3, name="w")
    y = mg.exp(w)
    with mg.no_grad():
        y[0] = 1.0
        line = here() - 1
    with pytest.raises(GradientError, match=rf"test_faults_engine\.py:{line} after Exp\(\)"):
        y.sum().backward()


def here() -> int:
    import sys

    return sys._getframe(1).f_lineno


@pytest.mark.fault(number=18)
def test_an_optimiser_step_between_forward_and_backward() -> None:
    w = leaf(3, name="w")
    loss = (w * w).sum()
    loss.backward()
    optim.SGD([w]).step()
    with pytest.raises(GradientError, match=r"w was changed in place at .*test_faults_engine\.py"):
        loss.backward()


@pytest.mark.fault(number=18)
def test_a_change_through_a_view_counts() -> None:
    w = leaf(4, name="w")
    y = w * w
    with mg.no_grad():
        mg.from_numpy(w.numpy()[1:3])[...] = 0.0
    with pytest.raises(GradientError, match="changed in place"):
        y.sum().backward()


@pytest.mark.fault(number=18)
def test_a_change_of_what_no_rule_reads_is_no_fault() -> None:
    w = leaf(3, name="w")
    y = (w + 1.0).sum()
    z = mg.exp(w).sum()  # reads its output alone
    with mg.no_grad():
        w[...] = 9.0
    y.backward()
    z.backward()
    assert w.grad.numpy()[0] == pytest.approx(1.0 + np.exp(2.0))


@pytest.mark.fault(number=18)
def test_a_change_after_backward_is_no_fault() -> None:
    w = leaf(3, name="w")
    sgd = optim.SGD([w], lr=0.1)
    for _ in range(3):
        sgd.zero_grad()
        (w * w).sum().backward()
        sgd.step()
    np.testing.assert_allclose(w.numpy(), 2.0 * 0.8**3)


@pytest.mark.fault(number=18)
def test_assignment_into_a_recorded_parameter_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"assignment into w that requires a gradient.*no_grad\(\).*mg\.where"):
        leaf(3, name="w")[0] = 1.0


@pytest.mark.parametrize("again", [lambda y, w: y.backward(), lambda y, w: mg.grad(y, w, create_graph=True)])
@pytest.mark.fault(number=18)
def test_a_second_order_walk_is_guarded_too(again: Callable[..., Any]) -> None:
    w = leaf(3, name="w")
    y = (w * w).sum()
    with mg.no_grad():
        w[...] = 1.0
    with pytest.raises(GradientError, match="w was changed"):
        again(y, w)


# 19: backward passes that cannot be done


@pytest.mark.fault(number=19)
def test_a_second_backward_over_a_freed_graph() -> None:
    y = (leaf(3) * 2).sum()
    y.backward(retain_graph=False)
    with pytest.raises(GradientError, match=r"freed by an earlier backward.*compute the loss again"):
        y.backward()


@pytest.mark.fault(number=19)
def test_a_graph_that_shares_a_freed_part() -> None:
    w = leaf(3)
    trunk = mg.tanh(w)
    trunk.sum().backward(retain_graph=False)
    for backward in (mg.Tensor.backward, lambda loss: mg.grad(loss, w)):
        with pytest.raises(GradientError, match="freed"):
            backward((trunk * w).sum())


@pytest.mark.fault(number=19)
def test_backward_of_more_than_a_number() -> None:
    with pytest.raises(GradientError, match=r"shape \(3,\) needs a gradient of that shape.*\.sum\(\)"):
        (leaf(3) * 2).backward()
    with pytest.raises(ShapeError, match=r"the gradient has shape \(2,\), the tensor \(3,\)"):
        (leaf(3) * 2).backward(np.ones(2))


@pytest.mark.fault(number=19)
def test_backward_of_what_has_no_parameter() -> None:
    with pytest.raises(GradientError, match=r"give a parameter requires_grad=True"):
        (mg.tensor(1.0) * 2).backward()
    with mg.no_grad():
        y = leaf(3).sum()
    with pytest.raises(GradientError, match=r"made under no_grad\(\)"):
        y.backward()
    with pytest.raises(GradientError, match=r"input 0 .w. does not require a gradient"):
        mg.grad(leaf(1).sum(), mg.tensor(1.0, name="w"))
