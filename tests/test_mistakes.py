"""The mistakes that people make most often: each message names the thing and the remedy, as docs/mistakes.md shows."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.check import gradcheck, missing_gradients

PAGE = Path(__file__).resolve().parents[1] / "docs" / "mistakes.md"


class Net(mg.Module):
    def __init__(self) -> None:
        self.w = mg.Parameter(np.ones((3, 2)))
        self.b = mg.Parameter(np.zeros(2))

    def forward(self, x: Any) -> mg.Tensor:
        return mg.tanh(x @ self.w + self.b)


def parameter(*shape: int) -> mg.Tensor:
    return mg.tensor(np.ones(shape), requires_grad=True, name="w")


def backward_twice() -> None:
    loss = (parameter(3) * 2).sum()
    loss.backward(retain_graph=False)
    loss.backward()


def step_before_backward() -> None:
    w = parameter(3)
    loss = (w * w).sum()
    loss.backward()
    optim.SGD([w]).step()
    loss.backward()


def numpy_behind_the_back() -> None:
    array = np.ones(3)
    w = mg.from_numpy(array, requires_grad=True, name="w")
    with mg.debug():
        loss = (w * w).sum()
        array *= 2
        loss.backward()


def assignment() -> None:
    parameter(3)[0] = 1.0


def step_by_hand() -> None:
    w = parameter(3)
    (w * w).sum().backward()
    w -= 0.1 * w.grad


def state_of_another_model() -> None:
    Net().load_state_dict({"w": np.ones((4, 2)), "bias": np.zeros(2)})


def detached() -> None:
    net = Net()
    raise mg.MinigradError(
        str(missing_gradients(lambda x: net(x).detach() * net.b, [np.ones((1, 3))], net.parameters())[0])
    )


MISTAKES: dict[str, Callable[[], Any]] = {
    "a matrix that should be transposed": lambda: Net()(mg.tensor(np.ones((5, 2)))),
    "a bias of the wrong length": lambda: mg.tensor(np.ones((5, 3))) + parameter(5),
    "`backward()` of more than one number": lambda: (parameter(3) * 2).backward(),
    "no parameter that requires a gradient": lambda: (mg.tensor([1.0]) * 2).backward(),
    "a gradient by something unused": lambda: mg.grad(parameter(1).sum(), parameter(2)),
    "a second `backward()` of a freed graph": backward_twice,
    "an optimiser's step between loss and `backward()`": step_before_backward,
    "assignment into a parameter": assignment,
    "`w -= 0.1 * w.grad` outside `no_grad`": step_by_hand,
    "an array changed through NumPy, under `mg.debug()`": numpy_behind_the_back,
    "a gradient of integers": lambda: mg.tensor(np.arange(3), requires_grad=True),
    "`np.asarray` of a tensor with a history": lambda: np.asarray(parameter(3)),
    "a NumPy function without an Op": lambda: np.sort(parameter(3)),
    "`if` on a traced value": lambda: mg.trace(lambda x: x if x.sum() > 0 else -x, np.ones(3)),
    "a mask as an index in a traced program": lambda: mg.trace(lambda x: x[x > 0], np.ones(3)),
    "a word that is not in the vocabulary": lambda: mg.embedding(np.array([[4, 10]]), parameter(10, 4)),
    "one-hot targets": lambda: mg.softmax_cross_entropy(parameter(2, 3), np.eye(3)[:2]),
    "an empty batch": lambda: mg.softmax_cross_entropy(parameter(0, 3), np.zeros(0, int)),
    "weights of another model": state_of_another_model,
    "a value taken out of the graph": detached,
    "random numbers inside a checked function": lambda: gradcheck(
        lambda x: x * np.random.default_rng().random(), [np.ones(3)]
    ),
}


def message(mistake: Callable[[], Any]) -> str:
    """What the user reads, lines of code left out."""
    with pytest.raises(mg.MinigradError) as caught:
        mistake()
    told = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    return re.sub(r"\S+/(\w+\.py):\d+", r"\1:123", told)


def table() -> str:
    """The page's table."""
    rows = [
        f"| {title} | {message(mistake).replace('|', chr(92) + '|').replace(chr(10), '<br>')} |"
        for title, mistake in MISTAKES.items()
    ]
    return "\n".join(["| mistake | message |", "|---|---|", *rows])


def test_the_page_shows_the_messages() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"write this into {PAGE.name}:\n{table()}"


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_message_is_short(mistake: Callable[[], Any]) -> None:
    assert len(message(mistake)) < 330


if __name__ == "__main__":
    print(table())
