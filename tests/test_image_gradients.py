"""What networks see and pictures made for them: against differences, loops and the eager engine; and on photographs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.layers import AdaptiveAvgPool2d, Conv2d, Flatten, Sequential, Tanh
from minigrad.op import Array
from models.data.imagenet import HIGHEST, LOWEST, deprocess, framed, preprocess
from models.data.images import read_image
from models.image_gradients import (
    Attribution,
    ImageGradient,
    integrated_gradients,
    probabilities,
    saliency,
    smooth_grad,
)
from models.image_network import ImageNetwork
from models.image_optimisation import Descent, Iteration, descend, total_variation
from models.image_synthesis import (
    Inversion,
    Visualization,
    blurred,
    class_visualization,
    feature_inversion,
    fooling_image,
)
from models.squeezenet import SqueezeNet
from models.style_transfer import COURSE, Style, content_loss, style_loss, style_transfer, texture, tv_loss
from models.weights import load_weights

RNG = np.random.default_rng(0)


class Tiny(ImageNetwork):
    """Four classes of pictures of any size, smooth everywhere."""

    parts = ("features", "classifier", "flatten")

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        first, second = Conv2d(3, 6, 3, padding=1, rng=rng), Conv2d(6, 5, 3, stride=2, rng=rng)
        self.features = Sequential(first, Tanh(), second, Tanh())
        self.classifier = Sequential(Conv2d(5, 4, 1, rng=rng), AdaptiveAvgPool2d(1))
        self.flatten = Flatten()


TINY = Tiny()
STYLE = Style("features.3", 0.4, ("features.0", "features.1"), (1.0, 2.0))
SHORT = Descent(8, 0.1, 0.02, 6, (LOWEST, HIGHEST), 9)


def picture(side: int = 8, count: int = 1) -> Array:
    """Random pixels as a network sees them."""
    return preprocess(np.random.default_rng(side).integers(0, 256, (count, side, side, 3), np.uint8))


def scores(x: Array) -> Array:
    with mg.no_grad():
        return TINY(mg.from_numpy(x)).numpy()


def test_saliency_is_the_largest_slope_of_the_score() -> None:
    x, classes, step = picture(6, 2), [3, 1], np.float32(1e-2)
    maps = saliency(ImageGradient(TINY), x, classes)
    assert maps.shape == (2, 6, 6) and maps.dtype == np.float32
    for n, i, j in ((0, 0, 0), (0, 3, 2), (1, 5, 5)):
        slopes = []
        for colour in range(3):
            moved = np.zeros_like(x)
            moved[n, colour, i, j] = step
            slopes.append((scores(x + moved) - scores(x - moved))[n, classes[n]] / (2 * step))
        assert maps[n, i, j] == pytest.approx(np.abs(slopes).max(), rel=2e-2)


def test_the_mean_over_noisy_copies() -> None:
    x, gradient = picture(), ImageGradient(TINY)
    _, plain = gradient(x, [2])
    np.testing.assert_allclose(smooth_grad(gradient, x, 2, samples=11, noise=0), plain, rtol=1e-5, atol=1e-8)
    rng = np.random.default_rng(5)
    copies = x + 0.1 * float(x.max() - x.min()) * rng.standard_normal((11, 3, 8, 8), np.float32)
    each = [gradient(copy[None], [2])[1] for copy in copies.astype(np.float32)]
    found = smooth_grad(gradient, x, 2, samples=11, noise=0.1, seed=5)
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4, atol=1e-7)


def test_integrated_gradients_add_up_to_the_difference() -> None:
    x, baseline = picture(), np.full((1, 3, 8, 8), LOWEST[0, 0, 0], np.float32)
    for base in (None, baseline):
        found = integrated_gradients(ImageGradient(TINY), x, 1, base, tolerance=1e-3)
        ends = scores(x)[0, 1] - scores(np.zeros_like(x) if base is None else base)[0, 1]
        assert found.gap <= 1e-3 and found.values.sum() == pytest.approx(ends, rel=2e-3)
    assert Attribution(np.full((1, 3, 2, 2), 0.5), 4.0).gap == 0.5


def test_integrated_gradients_are_the_mean_of_many() -> None:
    x, gradient = picture(), ImageGradient(TINY)
    middles = ((np.arange(1024, dtype=np.float32) + np.float32(0.5)) / 1024).reshape(-1, 1, 1, 1)
    expected = x * gradient(middles * x, [1] * 1024)[1].mean(axis=0)
    np.testing.assert_allclose(
        integrated_gradients(gradient, x, 1).values, expected, atol=2e-3 * np.abs(expected).max()
    )


def test_integrated_gradients_find_where_a_gradient_jumps() -> None:
    def bent(x: Array, classes: Any) -> tuple[Array, Array]:  # max(0, Σ x − 1) and what it is along each pixel
        open_at = (x.sum(axis=(1, 2, 3)) > 1).astype(np.float32)
        score = open_at * (x.sum(axis=(1, 2, 3)) - 1)
        return score[:, None], np.ones_like(x) * open_at.reshape(-1, 1, 1, 1)

    x = np.full((1, 3, 2, 2), 0.13, np.float32)
    found = integrated_gradients(bent, x, 0, tolerance=1e-6)
    np.testing.assert_allclose(found.values, np.full(x.shape, 0.56 / 12), rtol=1e-5)
    with np.errstate(all="raise"):
        assert integrated_gradients(bent, x * 0, 0, most=4).values.sum() == 0


def test_a_picture_that_fools_is_made_of_bytes_and_still_fools() -> None:
    x, gradient, seen = picture(16), ImageGradient(TINY), list[Iteration]()
    for target in range(4):
        found = fooling_image(gradient, x, target, progress=seen.append, within=255)
        assert found.succeeded and found.iterations <= 100
        np.testing.assert_array_equal(preprocess(deprocess(found.x)), found.x)
        assert scores(found.x).argmax() == target
    assert fooling_image(gradient, x, int(scores(x).argmax())).iterations == 0
    assert [it.number for it in seen].count(0) == 4 and {"loss", "probability"} <= set(seen[0].measured)


def test_no_colour_is_changed_by_more_than_it_may() -> None:
    x, gradient = picture(16), ImageGradient(TINY)
    found = [fooling_image(gradient, x, 1, within=within) for within in (2, 255)]
    narrow, wide = (np.abs(deprocess(f.x).astype(int) - deprocess(x)).max() for f in found)
    assert narrow == 2 and wide > 8 and found[1].succeeded


def test_a_picture_that_cannot_fool_says_so() -> None:
    found = fooling_image(ImageGradient(TINY), picture(16), (int(scores(picture(16)).argmax()) + 1) % 4, lr=0, most=3)
    assert not found.succeeded and found.iterations == 3


@pytest.mark.parametrize("how", [Visualization(30, 2.0), Visualization(30, 2.0, widths=())], ids=["wide", "course"])
def test_a_class_visualised_is_one_that_the_network_is_sure_of(how: Visualization) -> None:
    records: list[dict[str, float]] = []
    x = class_visualization(ImageGradient(TINY), 3, how, 16, progress=lambda it: records.append(it.record))
    assert x.shape == (1, 3, 16, 16) and (x >= LOWEST - 1e-6).all() and (x <= HIGHEST + 1e-6).all()
    assert [r["step"] for r in records] == list(range(31)) and records[-1]["loss"] < 0.95 * records[0]["loss"]
    again = class_visualization(ImageGradient(TINY), 3, how, 16)
    np.testing.assert_array_equal(x, again)


def blurred_slowly(x: Array, width: float) -> Array:
    """By the definition, one pixel after the other, in one direction and then in the other."""
    reach = int(4 * width + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    for axis in (2, 3):
        size, y = x.shape[axis], np.zeros_like(x)
        for i in range(size):
            for offset, weight in zip(range(-reach, reach + 1), weights / weights.sum(), strict=True):
                j = (i + offset) % (2 * size)
                source = np.take(x, j if j < size else 2 * size - 1 - j, axis)
                y[(slice(None),) * axis + (i,)] += weight * source
        x = y
    return x


def test_blur_is_a_gaussian_that_the_edges_mirror() -> None:
    x = RNG.standard_normal((2, 3, 7, 9))
    for width in (0.5, 1.0):
        np.testing.assert_allclose(blurred(x, width), blurred_slowly(x, width), rtol=1e-12)


def gram_slowly(x: Array) -> Array:
    n, c, h, w = x.shape
    gram = np.zeros((n, c, c))
    for i in range(c):
        for j in range(c):
            gram[:, i, j] = sum(x[:, i, y, z] * x[:, j, y, z] for y in range(h) for z in range(w)) / (c * h * w)
    return gram


def test_losses_against_loops() -> None:
    a, b = RNG.standard_normal((2, 1, 3, 4, 5))
    assert content_loss(0.5, a, b) == pytest.approx(
        0.5 * sum((u - v) ** 2 for u, v in zip(a.flat, b.flat, strict=True))
    )
    grams = [gram_slowly(b), gram_slowly(b[:, :2])]
    wanted = sum(w * ((gram_slowly(x) - g) ** 2).sum() for w, x, g in zip((2, 3), (a, a[:, :2]), grams, strict=True))
    assert style_loss([a, a[:, :2]], grams, (2, 3)) == pytest.approx(wanted)
    down = sum((a[0, c, i + 1, j] - a[0, c, i, j]) ** 2 for c in range(3) for i in range(3) for j in range(5))
    across = sum((a[0, c, i, j + 1] - a[0, c, i, j]) ** 2 for c in range(3) for i in range(4) for j in range(4))
    assert tv_loss(0.1, a) == pytest.approx(0.1 * (down + across))
    assert total_variation(a) == pytest.approx(down + across)


def test_descent_is_that_of_the_course() -> None:
    """Adam by hand: bounds before each step up to `free_at`, and a new Adam after the rate has decayed."""
    start, how = np.array([[[[2.0, -3.0]]]], np.float32), Descent(6, 0.5, 0.1, 3, (-1.5, 1.5), 5)
    x, m, v, t, lr = start.copy(), 0, 0, 0, how.lr
    seen = []
    for number in range(how.steps + 1):
        x = np.clip(x, *how.bounds) if number < how.free_at else x
        seen.append(x.copy())
        if number == how.decay_at:
            m, v, t, lr = 0, 0, 0, how.decayed_lr
        g, t = 2 * (x - 9), t + 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    reports: list[Array] = []
    terms: Callable[..., Any] = lambda x: {"distance": ((x - 9) * (x - 9)).sum()}  # noqa: E731
    found = descend(terms, start, descent=how, progress=lambda it: reports.append(it.x.copy()))
    np.testing.assert_allclose(reports, seen, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found, reports[-1])
    assert start[0, 0, 0, 0] == 2.0, "the start is left alone"


MADE: dict[str, Callable[..., Array]] = {
    "style": lambda **how: style_transfer(TINY, picture(8), picture(10), STYLE, SHORT, **how),
    "texture": lambda **how: texture(TINY, picture(10), (8, 9), STYLE, SHORT, **how),
    "inversion": lambda **how: feature_inversion(TINY, picture(8), Inversion("features.1", steps=8), **how),
}


@pytest.mark.parametrize("kind", MADE)
def test_what_is_sought_is_found_eagerly_too_and_its_loss_falls(kind: str) -> None:
    records: list[dict[str, float]] = []
    compiled = MADE[kind](progress=lambda it: records.append(it.record))
    np.testing.assert_allclose(MADE[kind](eager=True), compiled, rtol=1e-3, atol=1e-3)
    assert records[-1]["loss"] < records[0]["loss"]
    assert records[0]["loss"] == pytest.approx(sum(v for k, v in records[0].items() if k not in ("step", "loss")))


def test_relative_weights_do_not_depend_on_the_size_of_what_is_compared() -> None:
    records: list[dict[str, float]] = []
    for side in (8, 16):
        content = np.tile(picture(8), (1, 1, side // 8, side // 8))
        style_transfer(
            TINY, content, picture(10), STYLE, SHORT, np.zeros_like(content), lambda it: records.append(it.record)
        )
    first, larger = records[0], records[len(records) // 2]
    assert first["step"] == larger["step"] == 0 and first["content"] == pytest.approx(larger["content"], rel=0.5)
    assert not COURSE["starry_night"].relative


@pytest.fixture(scope="module")
def trained(real_data: Path) -> SqueezeNet:
    """SqueezeNet with its real weights."""
    network = SqueezeNet()
    assert load_weights(network, real_data / "squeezenet1_1" / "squeezenet1_1.pth") == []
    return network


@pytest.fixture(scope="module")
def photographs(real_data: Path) -> dict[str, Any]:
    """The description of each by name, with its pixels as the network sees them."""
    photos = json.loads((real_data / "photos" / "photos.json").read_text(encoding="utf-8"))
    return {p["file"]: {**p, "x": preprocess(framed(read_image(real_data / "photos" / p["file"])))} for p in photos}


def test_photographs_are_recognised_as_pytorch_does(trained: SqueezeNet, photographs: dict[str, Any]) -> None:
    x = np.concatenate([photo["x"] for photo in photographs.values()])
    with mg.no_grad():
        found = probabilities(trained(mg.from_numpy(x)).numpy())
    for photo, likely in zip(photographs.values(), found, strict=True):
        (number, probability, _), *_ = photo["squeezenet1_1_top3"]
        assert likely.argmax() == number and likely[number] == pytest.approx(probability, abs=0.01)


def test_photographs_fool_the_network(trained: SqueezeNet, photographs: dict[str, Any], tmp_path: Path) -> None:
    from PIL import Image

    gradient = ImageGradient(trained)
    for number, photo in enumerate(list(photographs.values())[::6]):
        target = 100 + 250 * number
        found = fooling_image(gradient, photo["x"], target)
        assert found.succeeded and found.iterations <= 100
        assert 0 < np.abs(deprocess(found.x).astype(int) - deprocess(photo["x"])).max() <= 8, "of 255"
        Image.fromarray(deprocess(found.x)[0]).save(tmp_path / "fooling.png")
        reloaded = preprocess(framed(read_image(tmp_path / "fooling.png")))
        assert gradient(reloaded, [0])[0].argmax() == target


def test_attributions_of_a_photograph_are_complete(trained: SqueezeNet, photographs: dict[str, Any]) -> None:
    photo = next(iter(photographs.values()))
    assert integrated_gradients(ImageGradient(trained), photo["x"], 963, tolerance=0.05).gap <= 0.05


def test_style_transfer_of_a_painting(trained: SqueezeNet, photographs: dict[str, Any], real_data: Path) -> None:
    content = photographs["000000290843.jpg"]["x"][:, :, ::2, ::2]
    painting = preprocess(framed(read_image(real_data / "styles" / "the_scream.jpg")))
    records: list[dict[str, float]] = []
    how = Descent(40, 1.0, 0.1, 30)
    style_transfer(trained, content, painting, descent=how, progress=lambda it: records.append(it.record))
    assert records[-1]["loss"] < 0.5 * records[0]["loss"]
