"""The named tree of parameters: paths, sharing, state, scopes."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CheckpointError, IndexRangeError, ShapeError, UsageError


class Linear(mg.Module):
    def __init__(self, inputs: int, outputs: int, dtype: Any = np.float64) -> None:
        self.w = mg.Parameter(np.ones((inputs, outputs), dtype))
        self.b = mg.Parameter(np.zeros(outputs, dtype))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x @ self.w + self.b


class Net(mg.Module):
    def __init__(self, dtype: Any = np.float64) -> None:
        self.embed = Linear(2, 3, dtype)
        self.layers = [Linear(3, 3, dtype), Linear(3, 1, dtype)]
        self.heads = {"left": Linear(1, 1, dtype)}
        self.scale = mg.Parameter(np.ones((), dtype))
        self.size = 3

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        h = mg.tanh(self.embed(x))
        for layer in self.layers:
            h = layer(h)
        return self.heads["left"](h) * self.scale


PATHS = [
    "embed.w", "embed.b", "layers.0.w", "layers.0.b", "layers.1.w", "layers.1.b",
    "heads.left.w", "heads.left.b", "scale",
]  # fmt: skip


def test_parameters_are_found_in_the_order_of_definition() -> None:
    net = Net()
    assert [path for path, _ in net.named_parameters()] == PATHS
    assert [p.name for p in net.parameters()] == [f"net.{path}" for path in PATHS]
    assert list(net.state_dict()) == PATHS


def test_a_module_shows_its_parameters() -> None:
    lines = repr(Net(np.float32)).splitlines()
    assert lines[:2] == ["Net", "  embed.w (2, 3) float32"]
    assert len(lines) == 1 + len(PATHS)
    assert repr(mg.Module()) == "Module"


def test_a_shared_parameter_comes_once() -> None:
    net = Net()
    net.layers[1] = net.layers[0]
    assert len(net.parameters()) == len(PATHS) - 2


def test_a_module_inside_another_is_named_by_its_place() -> None:
    class Outer(mg.Module):
        def __init__(self) -> None:
            self.inner = Net()

    outer = Outer()
    assert outer.inner.embed.w.name == "outer.inner.embed.w"
    outer.inner.embed.w = mg.Parameter(np.zeros((2, 3)))
    outer.extra = mg.Parameter(np.zeros(1))
    assert next(p.name for p in outer.parameters()) == "outer.inner.embed.w"


def test_every_node_knows_its_module_and_step() -> None:
    net = Net()
    with mg.scope(step=4):
        y = net(mg.tensor(np.ones((2, 2))))
    scopes = {repr(node.op): str(node.scope) for node in mg.Graph.of(y).nodes if node.op is not None}
    assert scopes["Tanh()"] == "net t=4"
    assert scopes["Multiply()"] == "net t=4"
    paths = {node.scope.path for node in mg.Graph.of(y).nodes if node.op is not None}
    assert paths == {"net", "net.embed", "net.layers.0", "net.layers.1", "net.heads.left"}
    (gw,) = mg.grad(y, net.embed.w, mg.tensor(np.ones((2, 1))), create_graph=True)
    assert str(gw.scope) == "net.embed t=4 backward"


class Unrolled(mg.Module):
    """Reads column t at step t, one more than there are."""

    def __init__(self) -> None:
        self.cell = Linear(3, 1)

    def forward(self, x: mg.Tensor) -> None:
        for t in range(x.shape[1] + 1):
            with mg.scope(step=t):
                self.cell(x[:, t])


def test_an_error_that_does_not_say_where_gets_a_note_of_module_and_step() -> None:
    with pytest.raises(IndexRangeError, match="index 2 is outside") as caught:
        Unrolled()(mg.tensor(np.ones((5, 2, 3))))
    assert caught.value.__notes__ == ["in unrolled t=2"]
    with pytest.raises(ShapeError, match=r"in unrolled\.cell t=0") as told:
        Unrolled()(mg.tensor(np.ones((5, 2, 4))))
    assert not hasattr(told.value, "__notes__")


def test_state_goes_from_one_module_to_another() -> None:
    a, b = Net(), Net()
    for parameter in a.parameters():
        parameter.numpy()[...] = np.random.default_rng(0).standard_normal(parameter.shape)
    assert b.load_state_dict(a.state_dict()) == []
    x = mg.tensor(np.ones((2, 2)))
    np.testing.assert_array_equal(a(x).numpy(), b(x).numpy())
    a.embed.w.numpy()[...] = 9
    assert not (b.embed.w.numpy() == 9).any()


@pytest.mark.fault(number=14)
def test_the_state_of_another_architecture_is_a_table_of_differences() -> None:
    net = Net()
    state = net.state_dict()
    del state["scale"]
    state |= {"embed.w": np.zeros((5, 3)), "extra": np.zeros(2), "embed.b": np.full(3, 7.0)}
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    for line in (
        "missing     scale ()",
        "unexpected  extra (2,)",
        "mis-shaped  embed.w: (2, 3) here, (5, 3) there",
    ):
        assert line in str(caught.value)
    assert caught.value.__notes__ == ["strict=False loads the rest"], "in a traceback; a command has words of its own"
    assert (net.embed.b.numpy() == 0).all()
    assert len(net.load_state_dict(state, strict=False)) == 3
    assert (net.embed.b.numpy() == 7).all() and (net.embed.w.numpy() == 1).all()


def test_complex_numbers_are_refused_where_half_of_them_would_be_lost() -> None:
    net, turned = Net(), np.full((2, 3), 1j)
    with pytest.raises(CheckpointError, match=r"mis-typed   embed\.w: float64 here, complex128 there"):
        net.load_state_dict({**net.state_dict(), "embed.w": turned})
    assert (
        len(net.load_state_dict({**net.state_dict(), "embed.w": turned}, strict=False)) == 1
        and net.embed.w.numpy().any()
    )


def test_loading_keeps_the_dtype_and_counts_as_a_change_in_place() -> None:
    net = Net(np.float32)
    loss = net(mg.tensor(np.ones((2, 2), np.float32))).sum()
    net.load_state_dict(Net(np.float64).state_dict())
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    with pytest.raises(mg.errors.GradientError, match=r"net\.\S+ was changed in place"):
        loss.backward()


def test_a_parameter_shows_its_name_and_copies_its_data() -> None:
    data = np.zeros(2)
    p = mg.Parameter(data)
    data[:] = 1
    assert (p.numpy() == 0).all() and p.requires_grad
    assert "'net.scale'" in repr(Net().scale)


def test_training_flag_and_gradients_reach_the_whole_tree() -> None:
    net = Net()
    assert all(not m.training for m in net.eval().modules()) and len(list(net.modules())) == 5
    assert all(m.training for m in net.train().modules())
    net(mg.tensor(np.ones((2, 2)))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"Empty\.forward"):
        type("Empty", (mg.Module,), {})()()


def test_what_a_list_gets_later_has_its_name_and_scope() -> None:
    net = Net()
    net.layers.append(Linear(1, 1))
    names = [parameter.name for parameter in net.parameters()]
    assert "net.layers.2.w" in names and None not in names
    assert net.layers[2].scope_name == "layers.2"


def test_a_parameter_is_not_lost_by_assignment() -> None:
    layer = Linear(2, 1)
    layer.w.grad = mg.tensor(np.ones((2, 1)))
    with pytest.raises(UsageError, match=r"linear\.w is a parameter"):
        layer.w = layer.w - layer.w.grad  # type: ignore[assignment]
    with mg.no_grad():
        layer.w -= layer.w.grad  # type: ignore[assignment]
    assert isinstance(layer.w, mg.Parameter) and layer.w.tolist() == [[0], [0]]


def test_a_parameter_put_in_later_is_named_in_errors() -> None:
    net = Net()
    net.layers[1].w = mg.Parameter(np.ones((2, 1)))
    with pytest.raises(ShapeError, match=r"'layers\.1\.w' \(2, 1\)"):
        net(np.ones((1, 2)))
    assert net.parameters()[4].name == "net.layers.1.w"
