"""CaptioningSolver: the course's training loop over a CaptioningRNN and a dict of COCO data."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minigrad import optim
from minigrad.errors import UsageError
from minigrad.tensor import Tensor
from models.cs231n.captioning import CaptioningRNN
from models.cs231n.coco import sample_coco_minibatch

Rule = Callable[..., optim.Optimizer]


def adam(
    parameters: Iterable[Tensor], lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> optim.Optimizer:
    """Adam with the bias correction folded into the learning rate, as in this assignment."""
    return optim.Adam(parameters, lr, (beta1, beta2), epsilon, correction="rate")


def sgd_momentum(parameters: Iterable[Tensor], lr: float = 1e-2, momentum: float = 0.9) -> optim.Optimizer:
    """SGD with momentum."""
    return optim.SGD(parameters, lr, momentum)


def rmsprop(
    parameters: Iterable[Tensor], lr: float = 1e-2, decay_rate: float = 0.99, epsilon: float = 1e-8
) -> optim.Optimizer:
    """RMSProp."""
    return optim.RMSProp(parameters, lr, decay_rate, epsilon)


def sgd(parameters: Iterable[Tensor], lr: float = 1e-2) -> optim.Optimizer:
    """Plain SGD."""
    return optim.SGD(parameters, lr)


RULES: dict[str, Rule] = {rule.__name__: rule for rule in (sgd, sgd_momentum, rmsprop, adam)}


class CaptioningSolver:
    """Trains `model` on `data` (of `load_coco_data`); `loss_history` has the loss of every step.

    `update_rule` is "sgd", "sgd_momentum", "rmsprop" or "adam", with its settings in `optim_config` (`learning_rate`,
    `momentum`, `decay_rate`, `beta1`, `beta2`, `epsilon`). `lr_decay` multiplies the learning rate after each epoch.
    """

    def __init__(
        self,
        model: CaptioningRNN,
        data: Mapping[str, Any],
        *,
        update_rule: str = "sgd",
        optim_config: Mapping[str, float] | None = None,
        lr_decay: float = 1.0,
        batch_size: int = 100,
        num_epochs: int = 10,
        print_every: int = 10,
        verbose: bool = True,
    ) -> None:
        if update_rule not in RULES:
            raise UsageError(f"invalid update_rule {update_rule!r}: choose one of {', '.join(RULES)}")
        self.model, self.data = model, data
        self.lr_decay, self.batch_size, self.num_epochs = lr_decay, batch_size, num_epochs
        self.print_every, self.verbose = print_every, verbose
        self.epoch = 0
        self.loss_history: list[float] = []
        self._tensors = {name: Tensor(array, requires_grad=True, name=name) for name, array in model.params.items()}
        self._optimizer = optimizer(update_rule, self._tensors.values(), dict(optim_config or {}))

    def train(self) -> None:
        """Runs `num_epochs` epochs of ⌊captions / batch_size⌋ steps, at least one each."""
        per_epoch = max(len(self.data["train_captions"]) // self.batch_size, 1)
        steps = self.num_epochs * per_epoch
        for step in range(steps):
            self._step()
            if self.verbose and step % self.print_every == 0:
                print(f"(Iteration {step + 1} / {steps}) loss: {self.loss_history[-1]:f}")
            if (step + 1) % per_epoch == 0:
                self.epoch += 1
                self._optimizer.lr *= self.lr_decay

    def _step(self) -> None:
        captions, features, _ = sample_coco_minibatch(self.data, batch_size=self.batch_size, split="train")
        loss, grads = self.model.loss(features, captions)
        self.loss_history.append(loss)
        for name, tensor in self._tensors.items():
            tensor.data, tensor.grad = self.model.params[name], Tensor(grads[name])
        self._optimizer.step()


def optimizer(rule: str, parameters: Iterable[Tensor], config: dict[str, float]) -> optim.Optimizer:
    """The optimiser of an update rule. Raises UsageError for a setting it does not have."""
    if "learning_rate" in config:
        config["lr"] = config.pop("learning_rate")
    try:
        return RULES[rule](parameters, **config)
    except TypeError as error:
        raise UsageError(f"optim_config does not fit {rule}: {error}") from None
