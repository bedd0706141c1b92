"""The textbook's derivations: forward and backward passes written by hand, with their equations. Imports NumPy alone.

Nothing is assigned into an array, so that the same functions also run on symbols: the automatic gradients are tested
and proved against them. Shapes: N batch, T time, D features or words, H hidden, V vocabulary. `dx` is ∂L/∂x for a loss
L. A forward pass returns its result and a cache for the backward pass. Source: Stanford CS231n, assignment 3; Elman
1990 (RNN), Hochreiter & Schmidhuber 1997 and Gers et al. 2000 (LSTM).
"""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # numpy.ndarray, or whatever answers to NumPy's functions
Cache: TypeAlias = tuple[Any, ...]


def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ) = ½ (1 + tanh ½x), the form that never overflows."""
    return (np.tanh(x / 2) + 1) / 2


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """dx = dout ∘ σ (1 − σ), with out = σ(x)."""
    return dout * out * (1 - out)


def one_hot(ids: Array, depth: int, dtype: Any) -> Array:
    """(…) integers to (…, depth): 1 where the last index is the id."""
    return (np.expand_dims(ids, -1) == np.arange(depth)).astype(dtype)


# vanilla RNN


def rnn_step_forward(x: Array, prev_h: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, Cache]:
    """h' = tanh(x Wx + h Wh + b): x (N, D), h (N, H), Wx (D, H), Wh (H, H), b (H,) give h' (N, H)."""
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h: Array, cache: Cache) -> tuple[Array, ...]:
    """da = dh' ∘ (1 − h'²); dx = da Wxᵀ, dh = da Whᵀ, dWx = xᵀ da, dWh = hᵀ da, db = Σₙ da."""
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h * next_h)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def rnn_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, list[Cache]]:
    """All steps: x (N, T, D), h0 (N, H) give h (N, T, H)."""
    h, states, caches = h0, [], []
    for t in range(x.shape[1]):
        h, cache = rnn_step_forward(x[:, t], h, Wx, Wh, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


def rnn_backward(dh: Array, caches: list[Cache]) -> tuple[Array, ...]:
    """dx, dh0, dWx, dWh, db from dh (N, T, H), the gradient that each state receives from outside.

    Backwards in time, each step receives dh[t] plus what the next step passes back; weights' gradients add up.
    """
    dprev_h: Array = 0
    steps = []
    for t in reversed(range(len(caches))):
        dx, dprev_h, *weights = rnn_step_backward(dh[:, t] + dprev_h, caches[t])
        steps.append((dx, weights))
    return through_time(steps, dprev_h)


def through_time(steps: list[tuple[Array, list[Array]]], dh0: Array) -> tuple[Array, ...]:
    """dx in order of time, dh0, and the gradients of weights summed over the steps, which are given last step first."""
    dx = np.stack([dx for dx, _ in reversed(steps)], axis=1)
    return dx, dh0, *(sum(parts) for parts in zip(*(weights for _, weights in steps), strict=True))


# LSTM


def lstm_step_forward(
    x: Array, prev_h: Array, prev_c: Array, Wx: Array, Wh: Array, b: Array
) -> tuple[Array, Array, Cache]:
    """a = x Wx + h Wh + b, in four parts of H columns: aᵢ, a_f, aₒ, a_g; i, f, o = σ(…), g = tanh(a_g);
    c' = f ∘ c + i ∘ g; h' = o ∘ tanh c'. Wx (D, 4H), Wh (H, 4H), b (4H,)."""
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b  # (N, 4H)
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    return o * tanh_c, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c)


def lstm_step_backward(dnext_h: Array, dnext_c: Array, cache: Cache) -> tuple[Array, ...]:
    """dc' += dh' ∘ o ∘ (1 − tanh² c'); daᵢ = dc' ∘ g ∘ i (1 − i), da_f = dc' ∘ c ∘ f (1 − f),
    daₒ = dh' ∘ tanh c' ∘ o (1 − o), da_g = dc' ∘ i ∘ (1 − g²); dc = dc' ∘ f; the rest as for the RNN."""
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    dc = dnext_c + dnext_h * o * (1 - tanh_c * tanh_c)
    da = np.concatenate(
        [
            sigmoid_backward(dc * g, i),
            sigmoid_backward(dc * prev_c, f),
            sigmoid_backward(dnext_h * tanh_c, o),
            dc * i * (1 - g * g),
        ],
        axis=1,
    )  # (N, 4H)
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)


def lstm_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> tuple[Array, list[Cache]]:
    """All steps, from c0 = 0: x (N, T, D), h0 (N, H) give h (N, T, H)."""
    h, c, states, caches = h0, h0 * 0, [], []
    for t in range(x.shape[1]):
        h, c, cache = lstm_step_forward(x[:, t], h, c, Wx, Wh, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


def lstm_backward(dh: Array, caches: list[Cache]) -> tuple[Array, ...]:
    """dx, dh0, dWx, dWh, db from dh (N, T, H), the gradient that each state receives from outside."""
    dprev_h: Array = 0
    dprev_c: Array = 0
    steps = []
    for t in reversed(range(len(caches))):
        dx, dprev_h, dprev_c, *weights = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, caches[t])
        steps.append((dx, weights))
    return through_time(steps, dprev_h)


# words, scores, losses


def word_embedding_forward(x: Array, W: Array) -> tuple[Array, Cache]:
    """Word vectors: ids x (N, T) and W (V, D) give (N, T, D)."""
    return W[x], (x, W)


def word_embedding_backward(dout: Array, cache: Cache) -> Array:
    """dW = 1[x]ᵀ dout: each word's row is the sum of the gradients at the places where the word stands."""
    x, W = cache
    V, D = W.shape
    return one_hot(x.reshape(-1), V, W.dtype).T @ dout.reshape(-1, D)


def temporal_affine_forward(x: Array, w: Array, b: Array) -> tuple[Array, Cache]:
    """y = x w + b at each time: x (N, T, D), w (D, M), b (M,) give (N, T, M)."""
    N, T, D = x.shape
    return (x.reshape(N * T, D) @ w).reshape(N, T, w.shape[1]) + b, (x, w)


def temporal_affine_backward(dout: Array, cache: Cache) -> tuple[Array, ...]:
    """dx = dy wᵀ, dw = xᵀ dy, db = Σ dy, over all times and examples."""
    x, w = cache
    N, T, D = x.shape
    rows = dout.reshape(N * T, w.shape[1])
    return (rows @ w.T).reshape(N, T, D), x.reshape(N * T, D).T @ rows, rows.sum(axis=0)


def temporal_softmax_loss(x: Array, y: Array, mask: Array) -> tuple[Array, Array]:
    """L = −1/N Σₙₜ mask · log p[y], p = softmax(x): summed over time, mean over the batch. dx = mask (p − 1[y]) / N.

    x (N, T, V), ids y (N, T), mask (N, T) of booleans or weights give L () and dx (N, T, V).
    """
    N, _, V = x.shape
    shifted = x - np.max(x, axis=-1, keepdims=True)  # the same p, and e^x never overflows
    total = np.sum(np.exp(shifted), axis=-1, keepdims=True)
    weight, hot = np.expand_dims(mask.astype(x.dtype), -1), one_hot(y, V, x.dtype)
    loss = -np.sum(weight * hot * (shifted - np.log(total))) / N
    return loss, weight * (np.exp(shifted) / total - hot) / N


def bce_loss(x: Array, target: Array) -> tuple[Array, Array]:
    """Mean binary cross entropy of logits x against targets in [0, 1]: L = mean(max(x, 0) − x t + log(1 + e^−|x|)).

    dx = (σ(x) − t) / n.
    """
    loss = np.mean(np.maximum(x, 0) - x * target + np.log1p(np.exp(-np.abs(x))))
    return loss, (sigmoid(x) - target) / x.size


def mse_loss(x: Array, target: Array) -> tuple[Array, Array]:
    """L = mean (x − t)², dx = 2 (x − t) / n."""
    difference = x - target
    return np.mean(difference * difference), 2 * difference / x.size


# normalisation: y = γ ∘ x̂ + β


def normalized(x: Array, axes: Any, eps: float) -> tuple[Array, Array]:
    """x̂ = (x − μ) / σ with μ = mean x and σ = √(mean (x − μ)² + ε) over the axes; and σ with those axes of size 1."""
    centred = x - np.mean(x, axis=axes, keepdims=True)
    deviation = np.sqrt(np.mean(centred * centred, axis=axes, keepdims=True) + eps)
    return centred / deviation, deviation


def normalized_backward(dhat: Array, hat: Array, deviation: Array, axes: Any) -> Array:
    """dx = (dx̂ − mean dx̂ − x̂ ∘ mean (dx̂ ∘ x̂)) / σ: the parts that would change x̂'s mean or size are removed."""
    mean, size = np.mean(dhat, axis=axes, keepdims=True), np.mean(dhat * hat, axis=axes, keepdims=True)
    return (dhat - mean - hat * size) / deviation


def batchnorm_forward(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, Cache]:
    """y = γ ∘ x̂ + β with x̂ over the batch: for each column of x (N, C) or channel of x (N, C, H, W); γ and β (C,)."""
    hat, deviation = normalized(x, (0, 2, 3)[: x.ndim - 1], eps)
    return of_channels(gamma, x) * hat + of_channels(beta, x), (hat, deviation, gamma)


def batchnorm_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dx from dx̂ = dy ∘ γ; dγ = Σ dy ∘ x̂ and dβ = Σ dy over the batch (and over pictures)."""
    (hat, deviation, gamma), axes = cache, (0, 2, 3)[: dy.ndim - 1]
    dx = normalized_backward(dy * of_channels(gamma, dy), hat, deviation, axes)
    return dx, np.sum(dy * hat, axis=axes), np.sum(dy, axis=axes)


def of_channels(v: Array, x: Array) -> Array:
    """v (C,) in a shape that broadcasts with x (N, C) or (N, C, H, W)."""
    return v.reshape((1, -1, 1, 1)[: x.ndim])


def layernorm_forward(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, Cache]:
    """y = γ ∘ x̂ + β with x̂ over the features, for each row of x (N, D); γ and β (D,)."""
    hat, deviation = normalized(x, 1, eps)
    return gamma * hat + beta, (hat, deviation, gamma)


def layernorm_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dx from dx̂ = dy ∘ γ; dγ = Σₙ dy ∘ x̂, dβ = Σₙ dy."""
    hat, deviation, gamma = cache
    return normalized_backward(dy * gamma, hat, deviation, 1), np.sum(dy * hat, axis=0), np.sum(dy, axis=0)


# adversaries: losses of the discriminator's logits for real and fake pictures, each of any shape


def gan_discriminator_loss(real: Array, fake: Array) -> tuple[Array, Array, Array]:
    """L = −mean log σ(real) − mean log(1 − σ(fake)), dreal = (σ(real) − 1) / n, dfake = σ(fake) / n."""
    (of_real, dreal), (of_fake, dfake) = bce_loss(real, np.ones_like(real)), bce_loss(fake, np.zeros_like(fake))
    return of_real + of_fake, dreal, dfake


def gan_generator_loss(fake: Array) -> tuple[Array, Array]:
    """L = −mean log σ(fake), dfake = (σ(fake) − 1) / n."""
    return bce_loss(fake, np.ones_like(fake))


def least_squares_discriminator_loss(real: Array, fake: Array) -> tuple[Array, Array, Array]:
    """L = ½ mean (real − 1)² + ½ mean fake², dreal = (real − 1) / n, dfake = fake / n."""
    loss = (np.mean((real - 1) * (real - 1)) + np.mean(fake * fake)) / 2
    return loss, (real - 1) / real.size, fake / fake.size


def least_squares_generator_loss(fake: Array) -> tuple[Array, Array]:
    """L = ½ mean (fake − 1)², dfake = (fake − 1) / n."""
    return np.mean((fake - 1) * (fake - 1)) / 2, (fake - 1) / fake.size


def wasserstein_discriminator_loss(real: Array, fake: Array) -> tuple[Array, Array, Array]:
    """L = mean fake − mean real, dreal = −1 / n, dfake = 1 / n."""
    return np.mean(fake) - np.mean(real), -np.ones_like(real) / real.size, np.ones_like(fake) / fake.size


def gradient_penalty(x: Array, W: Array, b: Array, v: Array, slope: float = 0.01) -> tuple[Array, Array, Array]:
    """P = mean (‖gₙ‖ − 1)² for the critic D(x) = leaky(x W + b) v, whose gradient by xₙ is gₙ = (sₙ ∘ v) Wᵀ.

    x (N, D), W (D, H), b (H,), v (H,). sₙ holds the slope of each unit, 1 or `slope`, which is constant in W. With pₙ =
    2 (‖gₙ‖ − 1) gₙ / (N ‖gₙ‖): dW = Σₙ pₙ (sₙ ∘ v)ᵀ, dv = Σₙ sₙ ∘ (pₙ W).
    """
    s = np.where(x @ W + b > 0, 1.0, slope)
    g = (s * v) @ W.T  # (N, D)
    norms = np.sqrt(np.sum(g * g, axis=1, keepdims=True))
    p = 2 * (norms - 1) * g / (x.shape[0] * norms)
    return np.mean((norms - 1) * (norms - 1)), p.T @ (s * v), np.sum(s * (p @ W), axis=0)


# the whole captioner


def captioning_loss(
    cell: str, features: Array, captions: Array, parameters: dict[str, Array], null: int = 0
) -> tuple[Array, dict[str, Array]]:
    """The loss of a captioner with cell "rnn" or "lstm", and its gradient by every parameter, forward and back.

    features (N, D), captions (N, T + 1) padded with `null`; parameters W_embed, W_proj, b_proj, Wx, Wh, b, W_vocab,
    b_vocab.
    """
    forward, backward = {"rnn": (rnn_forward, rnn_backward), "lstm": (lstm_forward, lstm_backward)}[cell]
    p, before, after = parameters, captions[:, :-1], captions[:, 1:]
    h0 = features @ p["W_proj"] + p["b_proj"]
    x, embedding = word_embedding_forward(before, p["W_embed"])
    h, states = forward(x, h0, p["Wx"], p["Wh"], p["b"])
    scores, affine = temporal_affine_forward(h, p["W_vocab"], p["b_vocab"])
    loss, dscores = temporal_softmax_loss(scores, after, after != null)
    dh, dW_vocab, db_vocab = temporal_affine_backward(dscores, affine)
    dx, dh0, dWx, dWh, db = backward(dh, states)
    dW_embed = word_embedding_backward(dx, embedding)
    gradients = {"W_embed": dW_embed, "W_proj": features.T @ dh0, "b_proj": dh0.sum(axis=0), "Wx": dWx, "Wh": dWh}
    return loss, gradients | {"b": db, "W_vocab": dW_vocab, "b_vocab": db_vocab}
