"""Adversaries: networks, losses against closed forms, the penalty's gradient through batch norm."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.check import gradcheck
from minigrad.layers import BatchNorm1d, LeakyReLU, Linear, Sequential
from minigrad.op import Array
from models import closed_form as cf
from models.gan import LOSSES, NETWORKS, gradient_penalty, noise

rng = np.random.default_rng(0)
CLOSED = {
    "vanilla": (cf.gan_discriminator_loss, cf.gan_generator_loss),
    "least squares": (cf.least_squares_discriminator_loss, cf.least_squares_generator_loss),
}


def close(a: Any, b: Any, tolerance: float = 1e-12) -> bool:
    """Whether max |a − b| / max(|a|, |b|) is at most the tolerance."""
    a, b = np.asarray(a), np.asarray(b)
    return bool(np.abs(a - b).max() <= tolerance * max(np.abs(a).max(), np.abs(b).max(), 1e-300))


def test_the_networks_have_the_courses_numbers_of_parameters() -> None:
    counts = [sum(p.size for p in network.parameters()) for make in NETWORKS.values() for network in make(4)]
    assert counts == [267_009, 1_858_320, 1_102_721, 6_580_801]


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_pair_makes_pictures_and_judges_them_from_a_seed_alone(make: Callable[..., Any]) -> None:
    discriminator, generator = make(noise_dim=5, seed=3)
    pictures = generator(mg.tensor(noise(np.random.default_rng(0), 4, 5)))
    assert pictures.shape == (4, 784) and pictures.dtype == np.float32 and np.abs(pictures.numpy()).max() <= 1
    assert discriminator(pictures).shape == (4, 1)
    assert {p.name.split(".")[0] for p in generator.parameters()} == {"generator"}  # in pictures and errors
    again, other = make(noise_dim=5, seed=3), make(noise_dim=5, seed=4)
    for name, array in generator.state_dict().items():
        if name.endswith("weight") and array.ndim > 1:
            outside, inside = array.shape[:2]
            limit = np.sqrt(6 / ((outside + inside) * np.prod(array.shape[2:])))
            assert 0.9 * limit < np.abs(array).max() <= limit
            assert np.array_equal(array, again.generator.state_dict()[name])
            assert not np.array_equal(array, other.generator.state_dict()[name])


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("kind", CLOSED)
def test_losses_and_their_gradients_are_the_closed_forms(kind: str, scale: float) -> None:
    real, fake = (mg.tensor(scale * rng.uniform(-1, 1, (7, 1)), requires_grad=True) for _ in range(2))
    for loss, closed, xs in zip(LOSSES[kind], CLOSED[kind], [(real, fake), (fake,)], strict=True):
        value, *gradients = closed(*(x.numpy() for x in xs))
        found = loss(*xs)
        assert close(found.item(), value)
        assert all(close(a.numpy(), b) for a, b in zip(mg.grad(found, xs), gradients, strict=True))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_vanilla_loss_is_finite_and_right_at_logits_of_a_thousand(sign: float) -> None:
    logits = mg.tensor(np.full((3, 1), 1000 * sign), requires_grad=True)
    expected = {1.0: (1000.0, 0.0), -1.0: (1000.0, 1000.0)}[sign]
    losses = LOSSES["vanilla"].discriminator(logits, logits), LOSSES["vanilla"].generator(logits)
    assert tuple(loss.item() for loss in losses) == expected
    assert all(np.isfinite(mg.grad(loss, logits)[0].numpy()).all() for loss in losses)


def test_the_wasserstein_loss_is_the_closed_form() -> None:
    real, fake = (mg.tensor(rng.normal(size=(6, 1)), requires_grad=True) for _ in range(2))
    value, dreal, dfake = cf.wasserstein_discriminator_loss(real.numpy(), fake.numpy())
    loss = LOSSES["wasserstein"].discriminator(real, fake)
    gradients = mg.grad(loss, [real, fake])
    assert close(loss.item(), value) and close(gradients[0].numpy(), dreal) and close(gradients[1].numpy(), dfake)
    assert LOSSES["wasserstein"].generator(fake).item() == pytest.approx(-fake.numpy().mean(), rel=1e-12)


def pictures(count: int, features: int) -> tuple[Array, Array, Array]:
    """Real and fake rows, and shares for the penalty."""
    return rng.normal(size=(count, features)), rng.normal(size=(count, features)), rng.random((count, 1))


def test_the_penalty_of_a_critic_of_two_layers_is_the_closed_form() -> None:
    W, b, v = (mg.tensor(rng.normal(size=shape), requires_grad=True) for shape in ((5, 8), (8,), (8,)))
    real, fake, shares = pictures(6, 5)
    found = gradient_penalty(lambda x: mg.leaky_relu(x @ W + b, 0.01) @ v, real, fake, shares)
    expected = cf.gradient_penalty(shares * real + (1 - shares) * fake, W.numpy(), b.numpy(), v.numpy())
    assert close(found.item(), expected[0])
    assert all(close(a.numpy(), e) for a, e in zip(mg.grad(found, [W, v]), expected[1:], strict=True))


def critic() -> Sequential:
    """A critic with batch norm: every logit depends on every row."""
    make: dict[str, Any] = {"rng": np.random.default_rng(1), "dtype": np.float64}
    norm = BatchNorm1d(9, dtype=np.float64)
    norm.weight.changing()[...] = rng.normal(size=9)
    return Sequential(Linear(6, 9, **make), norm, LeakyReLU(0.2), Linear(9, 1, **make))


def test_the_gradient_of_the_penalty_through_batch_norm_is_that_of_central_differences() -> None:
    network, (real, fake, shares) = critic(), pictures(8, 6)
    weights = [p for name, p in network.named_parameters() if name != "3.bias"]  # nothing depends on the last bias

    def penalty() -> float:
        return gradient_penalty(network, real, fake, shares).item()

    found = mg.grad(gradient_penalty(network, real, fake, shares), weights, allow_unused=True)
    for weight, gradient in zip(weights, found, strict=True):
        array, expected, step = weight.changing(), np.zeros(weight.shape), 1e-5
        for place in np.ndindex(*weight.shape):
            kept = array[place]
            array[place] = kept + step
            above = penalty()
            array[place] = kept - step
            expected[place] = (above - penalty()) / (2 * step)
            array[place] = kept
        values = np.zeros(weight.shape) if gradient is None else gradient.numpy()
        assert close(values, expected, 1e-6) or max(np.abs(values).max(), np.abs(expected).max()) < 1e-9, weight.name


def test_the_compiled_penalty_is_the_eager_one_and_its_gradient_checks() -> None:
    network, (real, fake, shares) = critic(), pictures(8, 6)
    weights = network.parameters()[:1]

    def differentiated(*arrays: Any) -> Any:
        penalty = gradient_penalty(network, *arrays)
        return penalty, *mg.grad(penalty, weights)

    for a, b in zip(mg.compile(differentiated, workers=2)(real, fake, shares), differentiated(real, fake, shares),
                    strict=True):  # fmt: skip
        assert close(a.numpy(), b.numpy())
    x = mg.tensor(real, requires_grad=True)
    assert gradcheck(lambda x: gradient_penalty(network, x, fake, shares), [x])


def test_what_is_made_for_the_discriminator_does_not_reach_the_generator() -> None:
    discriminator, generator = NETWORKS["dense"](4)
    fake = generator(mg.tensor(noise(rng, 3, 4))).detach()
    loss = LOSSES["vanilla"].discriminator(discriminator(fake), discriminator(fake))
    assert mg.grad(loss, generator.parameters(), allow_unused=True) == (None,) * 6
