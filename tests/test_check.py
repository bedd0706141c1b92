"""gradcheck as its user meets it: what it accepts, what it calls a mistake and of which kind, what it refuses."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mutants import Mutant

import minigrad as mg
from minigrad.check import gradcheck, gradgradcheck, jvpcheck
from minigrad.check.gradcheck import error_curve
from minigrad.errors import CheckError, UsageError
from minigrad.op import Array, apply
from minigrad.ops import activation, elementwise, linalg, shape

RNG = np.random.default_rng(0)
X, W = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 4))


def net(x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
    return mg.softmax(mg.tanh(x @ w) * x, axis=1)


@pytest.mark.parametrize(("method", "bound"), [("central", 1e-8), ("richardson", 1e-9), ("complex", 1e-14)])
@pytest.mark.parametrize("order", [1, 2])
def test_right_gradients_and_how_closely_each_method_sees_them(method: str, bound: float, order: int) -> None:
    report = gradcheck(net, [X, W], method=method, order=order)
    assert report.ok and report.error < bound
    assert [f.name for f in report.findings][:2] == ["x", "w"]


def test_one_input_needs_no_list() -> None:
    assert gradcheck(mg.tanh, X).ok and gradcheck(mg.tanh, mg.tensor(X)).ok


def test_the_engine_does_not_load_the_checks() -> None:
    script = "import sys, minigrad; print([name for name in sys.modules if name.startswith('minigrad.check')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_forward_mode_and_second_order_by_their_own_names() -> None:
    assert jvpcheck(net, [X, W]).error < 1e-8
    assert gradgradcheck(net, [X, W], method="complex").error < 1e-13


def test_large_inputs_are_checked_along_a_direction_and_one_wrong_element_is_found() -> None:
    x = RNG.standard_normal((60, 50))
    weights = np.ones((60, 50))
    weights[17, 31] = 2.0

    def f(x: mg.Tensor) -> mg.Tensor:
        y = mg.tanh(x)
        return (y + (y * (weights - 1)).detach()).sum() * 1.0

    assert gradcheck(mg.tanh, [x]).ok
    report = gradcheck(f, [x], raises=False)
    assert [p.index for p in report.findings[0].worst()] == [(17, 31)]
    assert "differs only at (17, 31)" in report.findings[0].kind


# kinds of mistakes

WRONG: dict[str, tuple[Callable[..., mg.Tensor], list[Array], str]] = {
    "factor": (lambda x: x * x.detach(), [X], "2.000 × too small"),
    "sign": (lambda x: x.detach() * 2 - x, [X], "sign"),
    "zero": (lambda x: x.detach() * 3 + x * 0, [X], "all zero"),
    "cut": (lambda x, w: x * w.detach(), [X, X], "no gradient arrives, as if the path were cut"),
    "one side": (lambda x: mg.where(x < 0, x.detach(), x), [X], "differs only where x < 0: zero there"),
    "transposed": (lambda w: w.detach() + w.T - w.T.detach(), [W], "transposed"),
    "step left out": (
        lambda x: mg.concat([x[:1].detach(), x[1:]]) * 2,
        [RNG.standard_normal((4, 5))],
        "differs only at index 0 of axis 0: zero there",
    ),
    "exchanged": (lambda a, b: faked(a, X[0], X[1]) + faked(b, X[1], X[0]), [X, X], "the gradient of b"),
}


def faked(x: mg.Tensor, slope: Array, gradient: Array) -> mg.Tensor:
    """slope · x, as if its derivative were another."""
    return x.detach() * slope + (x - x.detach()) * gradient


@pytest.mark.parametrize("kind", WRONG)
def test_a_mistake_is_named(kind: str) -> None:
    f, inputs, words = WRONG[kind]
    with pytest.raises(CheckError) as caught:
        gradcheck(f, inputs)
    assert words in str(caught.value), str(caught.value)


def test_a_failure_reads_as_a_diagnosis() -> None:
    with pytest.raises(CheckError) as caught:
        gradcheck(lambda x, w: net(x, w) + (x * x.detach()), [X, W])
    lines = str(caught.value).splitlines()
    assert lines[0].endswith(": 1 of 2 gradients wrong")
    assert lines[1].startswith("  x (3, 4): relative error ")
    assert "of the 12 places checked are wrong; the worst:" in lines[2]
    assert lines[3].split() == ["index", "analytic", "numeric"]
    assert len(lines) == 4 + 10 + 1 and lines[4].split(")")[0].strip().startswith("(")


def test_a_rule_that_forgets_to_sum_over_copies() -> None:
    class Unsummed(elementwise.Add):
        broadcasts = False

    with pytest.raises(CheckError, match=r"of shape \(3, 4\) instead of \(4,\): sum over the broadcast axis missing"):
        gradcheck(lambda x, b: apply(Unsummed(), x, b), [X, np.ones(4)])
    wrong = Mutant(linalg.MatMul(), "no sum over the broadcast axis", operand=1)
    from minigrad.check.rule import check_op

    report = check_op(wrong, (RNG.standard_normal((5, 2, 3)), RNG.standard_normal((1, 3, 2))))
    assert report.findings[1].kind == "sum over the broadcast axis missing"


def test_a_gradient_of_another_dtype_or_shape() -> None:
    class Narrow(activation.Tanh):
        def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
            return (g.astype(np.float32),)

    class Turned(shape.Copy):
        def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
            return (g.T,)

    with pytest.raises(CheckError, match=r"of shape \(4, 3\) instead of \(3, 4\): transposed"):
        gradcheck(lambda x: apply(Turned(), x), [X])
    assert not gradcheck(lambda x: apply(Narrow(), x), [X], raises=False).ok


# kinks

KINKED = np.array([-1.0, 0.0, 1.0, 1e-7, -1e-9])


@pytest.mark.parametrize(
    "f",
    [
        mg.relu,
        mg.abs,
        lambda x: mg.leaky_relu(x, 0.3),
        lambda x: mg.clip(x, -1, 1),
        lambda x: mg.maximum(x, 0.0),
        lambda x: x.max(),
        lambda x: mg.sqrt(mg.relu(x)),
        lambda x: mg.norm(x * 0.0 + mg.relu(-x)),
        lambda x: mg.relu(x) - mg.relu(-x),  # x, but its gradient at 0 is 0
        lambda x: mg.abs(mg.sin(x) * 2) * mg.relu(x),
        lambda x: mg.where(x > 0, x, x * 2),
    ],
)
def test_kinks_are_no_mistakes(f: Callable[[mg.Tensor], mg.Tensor]) -> None:
    assert gradcheck(f, [KINKED]).ok


@pytest.mark.parametrize("size", [1e-10, 1e-8, 1e-4, 1e6])
def test_tiny_and_large_variables_are_measured_in_their_own_scale(size: float) -> None:
    x, y = X * size, (np.abs(X) + 1) * size
    assert gradcheck(lambda x, y: x / y, [x, y]).ok and gradcheck(mg.log, [y]).ok
    wrong = gradcheck(lambda x, y: x / (y * 2 - y.detach()), [x, y], raises=False)
    assert [(f.name, f.kind) for f in wrong.findings if not f.ok] == [("y", "2.000 × too large")]


def test_values_that_are_no_numbers_are_told(recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(CheckError, match=r"gives nan at \(1,\) of its result"):
        gradcheck(mg.log, [np.array([1.0, -1.0])])
    assert not recwarn.list


def test_kinks_are_counted_and_both_slopes_told() -> None:
    finding = gradcheck(lambda x: mg.relu(x).sum(), [KINKED[:4]]).findings[0]
    assert [p.index for p in finding.kinks] == [(1,)]
    assert "slope 0 on the left, 1 on the right" in str(finding.kinks[0].kink)
    assert "kinks at (1,)" in str(gradcheck(mg.relu, [KINKED[:4]]))


def test_rules_that_change_their_inputs_or_give_nan() -> None:
    class Spoiling(activation.Tanh):
        def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
            x *= 2
            return super().vjp(g, y, x)

    class Lost(activation.Tanh):
        def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
            return (g * np.nan,)

    with pytest.raises(CheckError, match="the backward pass of the function changes x in place"):
        gradcheck(lambda x: apply(Spoiling(), x), [X])
    with pytest.raises(CheckError, match="not finite at 12 of 12 places"):
        gradcheck(lambda x: apply(Lost(), x), [X])


def test_a_failure_names_the_op_or_says_that_no_op_is_wrong() -> None:
    def two(x: mg.Tensor) -> mg.Tensor:
        with mg.scope("head", step=2):
            return apply(Mutant(activation.Tanh(), "twice"), mg.exp(x)) * x

    with pytest.raises(
        CheckError, match=r"(?s)the wrong rules:\n.*Tanh\(\), kind='twice'.*in head t=2: x0: 2\.000 × too"
    ):
        gradcheck(two, [X])
    with pytest.raises(CheckError, match=r"all 1 Ops' own rules are right: look for detach\(\), no_grad\(\)"):
        gradcheck(lambda x: x * x.detach(), [X])


def test_a_convention_outside_the_two_slopes_is_a_mistake() -> None:
    class Overshot(activation.Relu):
        reads = "x"

        def vjp(self, g: Any, y: Any, x: Any) -> tuple[Any, ...]:
            return (g * (x > 0) + g * (x == 0) * 5.0,)

    with pytest.raises(CheckError, match=r"outside the two slopes of a kink: at \(1,\), slope 0 on the left, 1 on the"):
        gradcheck(lambda x: apply(Overshot(), x).sum(), [KINKED])


# models


class Net(mg.Module):
    def __init__(self, wrong: bool = False) -> None:
        self.w = mg.Parameter(np.ones((3, 2), np.float32))
        self.b = mg.Parameter(np.zeros(2, np.float32))
        self.wrong = wrong

    def forward(self, x: Any) -> mg.Tensor:
        return mg.tanh(x @ self.w + (self.b * 2 - self.b.detach() if self.wrong else self.b))

    def loss(self, x: Any, targets: Any) -> mg.Tensor:
        return mg.softmax_cross_entropy(self(x), targets)


BATCH = (RNG.standard_normal((5, 3)).astype(np.float32), np.array([0, 1, 1, 0, 1]))


def test_a_model_is_checked_by_the_names_of_its_parameters_on_a_copy() -> None:
    model = Net()
    report = gradcheck(model.loss, BATCH)
    assert [f.name for f in report.findings] == ["net.w", "net.b"] and report.error < 1e-7
    assert model.w.dtype == np.float32 and model.w.grad is None and (model.w.numpy() == 1).all()
    assert gradcheck(model, BATCH[:1], method="complex").error < 1e-13
    assert gradcheck(model.loss, BATCH, order=2, method="complex").ok


def test_the_wrong_parameter_is_named() -> None:
    with pytest.raises(CheckError, match=r"(?s)Net\.loss: 1 of 2 gradients wrong\n  net\.b \(2,\).*2\.000 × too large"):
        gradcheck(Net(wrong=True).loss, BATCH)


# what cannot be checked says why


def test_functions_that_spoil_a_check() -> None:
    def impure(x: mg.Tensor) -> mg.Tensor:
        x.numpy()[0] += 1
        return x * 2

    with pytest.raises(CheckError, match="changes its input 0 in place"):
        gradcheck(impure, [X])
    with pytest.raises(CheckError, match="different values for the same inputs; draw its random numbers outside"):
        gradcheck(lambda x: x * RNG.standard_normal(4), [X])
    with pytest.raises(CheckError, match="gives float32 for float64 inputs"):
        gradcheck(lambda x: x.astype(np.float32), [X])
    with pytest.raises(CheckError, match="gives no floating output"):
        gradcheck(lambda x: x > 0, [X])
    with pytest.raises(CheckError, match="has no floating input"):
        gradcheck(lambda i: i, [np.arange(3)])
    with pytest.raises(CheckError, match="takes real inputs"):
        gradcheck(lambda x: x, [X + 1j])
    with pytest.raises(UsageError, match="method 'exact' is none of 'central'"):
        gradcheck(mg.tanh, [X], method="exact")


def test_the_error_curve_is_a_v_for_a_right_gradient_and_a_plateau_for_a_wrong_one() -> None:
    right, wrong = (
        error_curve(f, [X], index=(1, 2)) for f in (mg.tanh, lambda x: mg.tanh(x) * 2 - mg.tanh(x).detach())
    )
    steps, central, richardson = np.array(right).T
    assert steps[0] == 0.1 and central.min() < 1e-9 and central[0] > 1e-4 and central[-1] > 1e-7
    assert richardson.min() <= central.min()
    assert np.array(wrong)[:, 1].min() > 0.01
