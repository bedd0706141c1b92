"""Every kind of picture on one page. Run: python examples/gallery.py [FOLDER]

Writes FOLDER/index.html (docs/gallery/ unless given) and each picture beside it, as SVG and as a page of its own.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
import viz
from minigrad.op import Array, Gradient, Op, Shape, Value, apply
from models.captioner import Captioner
from models.cells import LSTMCell
from models.squeezenet import SqueezeNet
from viz.markup import element
from viz.page import Section, write_page, zoomable

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


class MLP(mg.Module):
    """Affine layers with a ReLU between."""

    def __init__(self, *sizes: int) -> None:
        rng = np.random.default_rng(0)
        self.layers = [Affine(inputs, outputs, rng) for inputs, outputs in pairwise(sizes)]

    def forward(self, x: Any) -> Any:
        """(N, sizes[0]) to (N, sizes[-1])."""
        for layer in self.layers[:-1]:
            x = mg.relu(layer(x))
        return self.layers[-1](x)


class Affine(mg.Module):
    """x W + b."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.W = mg.Parameter(rng.standard_normal((inputs, outputs)) / inputs**0.5)
        self.b = mg.Parameter(np.zeros(outputs))

    def forward(self, x: Any) -> Any:
        """(N, inputs) to (N, outputs)."""
        return x @ self.W + self.b


class Residual(mg.Module):
    """x + two affine layers of x."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.first, self.second = (Affine(size, size, rng) for _ in range(2))

    def forward(self, x: Any) -> Any:
        """(N, size) to (N, size)."""
        return mg.relu(x + self.second(mg.relu(self.first(x))))


class ResNet(mg.Module):
    """Residual blocks between two affine layers."""

    def __init__(self, count: int, size: int = 16) -> None:
        rng = np.random.default_rng(0)
        self.stem, self.head = Affine(8, size, rng), Affine(size, 10, rng)
        self.blocks = [Residual(size, rng) for _ in range(count)]

    def forward(self, x: Any) -> Any:
        """(N, 8) to (N, 10)."""
        x = mg.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class WrongSine(Op):
    """y = sin x, with a gradient that is twice too large."""

    reads = "x"

    def forward(self, x: Array) -> Array:
        """numpy.sin."""
        return np.sin(x)  # type: ignore[no-any-return]

    def shape(self, x: Shape) -> Shape:
        """Unchanged."""
        return x

    def vjp(self, g: Value, y: Value, x: Value) -> tuple[Gradient, ...]:
        """Twice g cos x: the mistake."""
        return (2 * g * mg.cos(x),)


def scalar() -> mg.Tensor:
    """y = x tanh x + e⁻ˣ."""
    x = mg.tensor(0.5, requires_grad=True, name="x")
    return mg.tanh(x) * x + mg.exp(-x)


def mlp() -> mg.Tensor:
    """The loss of an MLP on five rows."""
    x = mg.tensor(np.random.default_rng(1).standard_normal((5, 16)), name="x")
    return mg.softmax_cross_entropy(MLP(16, 32, 32, 10)(x), np.arange(5))


def residual(count: int = 8) -> mg.Tensor:
    """The loss of a network of residual blocks on five rows."""
    x = mg.tensor(np.random.default_rng(1).standard_normal((5, 8)), name="x")
    return mg.softmax_cross_entropy(ResNet(count)(x), np.arange(5))


def squeezenet() -> mg.Tensor:
    """SqueezeNet's loss on one small picture."""
    picture = mg.tensor(np.zeros((1, 3, 64, 64)), dtype=np.float32, name="picture")
    return mg.softmax_cross_entropy(SqueezeNet()(picture), np.array([3]))


def captioner(cell: str, steps: int) -> mg.Tensor:
    """A captioner's loss on two captions, in the sizes of the course's assignment but for the vocabulary."""
    rng = np.random.default_rng(0)
    features = mg.tensor(rng.standard_normal((2, 512)), dtype=np.float32, name="features")
    return Captioner(cell, vocab_size=100).loss(features, rng.integers(4, 100, (2, steps + 1)))


def last_word(cell: str, steps: int = 16) -> mg.Tensor:
    """The loss of the last word alone, whose gradient has to travel back through all steps; small recurrent weights."""
    rng = np.random.default_rng(0)
    model = Captioner(cell, 100, 64, 32, 32, forget_bias=3.0)
    model.cell.Wh.numpy()[...] *= 0.4
    captions = np.zeros((4, steps + 1), int)
    captions[:, 0], captions[:, -1] = 1, rng.integers(4, 100, 4)
    return model.loss(mg.tensor(rng.standard_normal((4, 64)), dtype=np.float32, name="features"), captions)


def one_wrong(count: int = 60, place: int = 33) -> mg.Tensor:
    """Sixty operations, one of which has a wrong rule."""
    rng = np.random.default_rng(0)
    values = [mg.tensor(rng.uniform(0.2, 0.8, 3), requires_grad=True, name=f"x{i}") for i in range(3)]
    unary = (mg.tanh, mg.sigmoid, mg.exp, mg.softplus)
    for i in range(count):
        a, b = (values[-1 - int(k)] for k in rng.integers(0, min(len(values), 8), 2))
        if i == place:
            values.append(apply(WrongSine(), a))
        else:
            values.append(unary[i % 4](a) if rng.random() < 0.6 else a * b + 0.1)
    return mg.stack(values[-4:]).mean()


def compiled() -> viz.Difference:
    """What the compiler makes of three steps of a recurrence, and what it left out."""
    rng = np.random.default_rng(0)
    wx, wh = (mg.tensor(rng.standard_normal((8, 8)), requires_grad=True, name=name) for name in ("Wx", "Wh"))

    def loss(x: Any) -> Any:
        h = mg.from_numpy(np.zeros((4, 8)))
        for t in range(3):
            with mg.scope("cell", step=t):
                h = mg.tanh(x[:, t] @ wx + h @ wh)
        return h.sum()

    step = mg.compile(mg.value_and_grad(loss))
    step(rng.standard_normal((4, 3, 8)))
    return viz.diff(step.traced, step, title="three steps of a recurrence, before and after the compiler")


def cell() -> mg.Tensor:
    """The hidden state after one step of an LSTM cell."""
    rng = np.random.default_rng(0)
    x, h, c = (mg.tensor(rng.standard_normal((2, 8)), name=name) for name in ("x", "h", "c"))
    return LSTMCell(8, 8, rng, np.float64).forward(x, (h, c))[0]


@dataclass(frozen=True)
class Picture:
    """One entry of the gallery: the name of its files, what it shows, and how it is drawn: a drawing or an SVG.

    With `page` it has a page of its own too, to search, fold and unfold.
    """

    name: str
    title: str
    lead: str
    draw: Callable[[], Any]
    page: bool = False


PICTURES = (
    Picture("scalar", "One formula", "Values in the boxes; the gradient of each under it.",
            lambda: viz.draw(scalar(), view="both", title="x tanh x + e⁻ˣ")),
    Picture("lstm", "An LSTM captioner through time", "Sixteen words forward, and the gradient's way back.",
            lambda: viz.draw(captioner("lstm", 16), view="both", title="LSTM captioner, T = 16"), page=True),
    Picture("rnn", "Four steps of a vanilla RNN", "Few steps are drawn larger.",
            lambda: viz.draw(captioner("rnn", 4), view="both", title="RNN captioner, T = 4")),
    Picture("rolled", "The same LSTM, rolled", "One step for all sixteen; its states return by delay edges.",
            lambda: viz.draw(captioner("lstm", 16), fold="rolled", title="LSTM captioner, rolled")),
    Picture("step", "One step open, the others closed", "fold=\"steps\", expand=[7].",
            lambda: viz.draw(captioner("lstm", 16), fold="steps", expand=[7], title="LSTM captioner, step 7")),
    Picture("vanishing", "Where gradients vanish", "The loss of the last word alone; one scale for both networks.",
            lambda: viz.compare({"RNN": last_word("rnn"), "LSTM": last_word("lstm")}, color="grad_norm", title="")),
    Picture("mlp", "An MLP and its reflection", "Modules in outlines, every gradient exactly under its node.",
            lambda: viz.draw(mlp(), view="both", title="MLP"), page=True),
    Picture("residual", "Eight residual blocks, line by line", "Long networks are broken into lines, as a text is.",
            lambda: viz.draw(residual(), title="eight residual blocks")),
    Picture("repeats", "What repeats, drawn once", "fold=\"repeats\" finds equal structure and says how often.",
            lambda: viz.draw(residual(), fold="repeats", view="both", title="residual blocks, folded"), page=True),
    Picture("squeezenet", "SqueezeNet", "A pool and two fire modules, twice; a pool and four. Shapes: first…last.",
            lambda: viz.draw(squeezenet(), fold="repeats", title="SqueezeNet 1.1"), page=True),
    Picture("folded", "Modules as boxes", "The same with depth=2, painted by floating-point operations.",
            lambda: viz.draw(squeezenet(), depth=2, color="flops", title="SqueezeNet 1.1, depth=2")),
    Picture("wrong", "The wrong Op among sixty", "Each checked by itself; the one with a wrong rule is red.",
            lambda: viz.draw(one_wrong(), color="check", title="sixty operations"), page=True),
    Picture("compiled", "What the compiler changed", "Before and after, side by side.", compiled),
    Picture("played", "An LSTM cell, played", "Forward, then backward; without a script, for slides.",
            lambda: viz.animate(cell(), title="one step of an LSTM cell")),
)  # fmt: skip


def write_gallery(folder: Path) -> Path:
    """Draws all pictures into a folder; returns the page that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = []
    for picture in PICTURES:
        drawing = picture.draw()
        svg = drawing if isinstance(drawing, str) else drawing.svg
        (folder / f"{picture.name}.svg").write_text(svg, encoding="utf-8", newline="\n")
        blocks = [zoomable(svg, picture.name, picture.title)]
        if picture.page:
            page = drawing.save(folder / f"{picture.name}.html")
            blocks.append(element("p", element("a", "a page to search, fold and unfold", href=page.name)))
        sections.append(Section(picture.title, picture.lead, blocks))
    return write_page(folder / "index.html", "Pictures of graphs", kind="Gallery", sections=sections)


if __name__ == "__main__":
    print(write_gallery(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
