"""The captioner's step in PyTorch: with its fused recurrent layer, or as an unrolled loop."""

from collections.abc import Callable
from typing import Any

from minigrad.cli.bench.benchmark import Work
from minigrad.cli.bench.task import FEATURES, HIDDEN, VOCABULARY, WORD, Task


def step(task: Task) -> Work:
    """Loss, gradients, and the update if it is asked for."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(task.threads)
    parameters, scores = loop(task) if task.eager else layers(task)
    optimizer = torch.optim.Adam(parameters, 1e-4)
    features, captions = map(torch.tensor, task.data())

    def work() -> float:
        optimizer.zero_grad()
        flat = scores(features, captions[:, :-1]).reshape(-1, VOCABULARY)
        loss = cross_entropy(flat, captions[:, 1:].reshape(-1), reduction="sum") / task.batch
        loss.backward()
        if task.adam:
            optimizer.step()
        return float(loss.detach())

    return work


def layers(task: Task) -> tuple[list[Any], Callable[..., Any]]:
    """The parameters, and the scores (N, T, V) computed by nn.LSTM or nn.RNN."""
    import torch
    from torch import nn

    embed, project, output = nn.Embedding(VOCABULARY, WORD), nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, VOCABULARY)
    recurrent = (nn.LSTM if task.cell == "lstm" else nn.RNN)(WORD, HIDDEN, batch_first=True)

    def scores(features: Any, words: Any) -> Any:
        h = project(features)[None]
        states, _ = recurrent(embed(words), (h, torch.zeros_like(h)) if task.cell == "lstm" else h)
        return output(states)

    return [p for module in (embed, project, recurrent, output) for p in module.parameters()], scores


def loop(task: Task) -> tuple[list[Any], Callable[..., Any]]:
    """The parameters, and the scores computed by the textbook's loop."""
    import torch
    from torch.nn.functional import embedding

    p = {k: torch.tensor(v, requires_grad=True) for k, v in task.weights().items()}

    def cell(x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        a = x @ p["Wx"] + h @ p["Wh"] + p["b"]
        if task.cell == "rnn":
            return torch.tanh(a), c
        i, f, o = torch.sigmoid(a[:, : 3 * HIDDEN]).chunk(3, 1)
        c = f * c + i * torch.tanh(a[:, 3 * HIDDEN :])
        return o * torch.tanh(c), c

    def scores(features: Any, words: Any) -> Any:
        vectors, h, states = embedding(words, p["W_embed"]), features @ p["W_proj"] + p["b_proj"], []
        c = torch.zeros_like(h)
        for t in range(task.steps):
            h, c = cell(vectors[:, t], h, c)
            states.append(h)
        return torch.stack(states, 1) @ p["W_vocab"] + p["b_vocab"]

    return list(p.values()), scores
