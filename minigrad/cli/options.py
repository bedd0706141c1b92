"""Options of `minigrad train` that are settings of a run: in the parser, as Settings, and back as a command line."""

import argparse
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any

from minigrad.compiler.parallel import default_workers
from minigrad.errors import UsageError
from models.data.scenes import RECIPE
from models.launch import launch
from models.training import Settings, Source

MOST_THREADS = 2
"""The default number of threads is at most this: more of them would mostly wait for Python's lock."""

EPOCHS = 20
"""The default number of epochs, except for scenes, whose recipe gives a number of steps."""


@dataclass(frozen=True)
class Option:
    """An option, and the field of a run's settings that it sets."""

    flag: str
    field: str
    kind: type
    help: str


OPTIONS = (
    Option("--word", "word_dim", int, "size of word vectors"),
    Option("--hidden", "hidden_dim", int, "size of the hidden state"),
    Option("--batch-size", "batch_size", int, "captions in a step"),
    Option("--lr", "learning_rate", float, "Adam's highest learning rate"),
    Option("--decay", "decay", float, "factor on the rate after each epoch, in place of warm-up and cosine"),
    Option("--warm-up", "warm_up", int, "steps in which the rate rises"),
    Option("--clip", "clip_norm", float, "largest norm of all gradients together"),
    Option("--feature-noise", "feature_noise", float, "deviation of the noise added to the features"),
    Option("--word-deviation", "embedding_deviation", float, "of initial word vectors, over the root of their size"),
    Option("--forget-bias", "forget_bias", float, "initial bias of an LSTM's forget gates"),
    Option("--seed", "seed", int, "of weights, order and noise"),
    Option("--threads", "threads", int, "parts of the work done at once; the last bits depend on it"),
    Option("--save-every", "save_every", int, "steps between checkpoints"),
)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Adds the options; those not given stay None."""
    group = parser.add_argument_group("settings", "What is not given is as measured best for the data.")
    group.add_argument("--cell", choices=("lstm", "rnn"), help="the recurrence (lstm)")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="updates of the parameters")
    length.add_argument("--epochs", type=float, metavar="N", help="passes over the data, in place of --steps")
    group.add_argument(
        "--eager", action="store_const", const=True, help="compute each operation when it is written, to compare"
    )
    add_options(group, OPTIONS)


def add_options(parser: argparse._ActionsContainer, options: Iterable[Option]) -> None:
    """Adds options to a parser or a group."""
    for option in options:
        metavar = "N" if option.kind is int else "X"
        parser.add_argument(option.flag, dest=option.field, type=option.kind, metavar=metavar, help=option.help)


def given(arguments: argparse.Namespace, settings: type[Any] = Settings) -> dict[str, Any]:
    """The settings given on the command line."""
    values = {field.name: getattr(arguments, field.name, None) for field in fields(settings)}
    return {name: value for name, value in values.items() if value is not None}


def settings_of(arguments: argparse.Namespace, source: Source, captions: int) -> Settings:
    """The defaults for the data, changed by the arguments; `captions` is the number of captions in an epoch."""
    settings = replace(defaults(source), **given(arguments))
    epochs = EPOCHS if arguments.epochs is None and not source.scenes else arguments.epochs
    if arguments.steps is not None or epochs is None:
        return settings
    if not 0 < epochs < float("inf"):
        raise UsageError(f"--epochs is {epochs}; it must be a number above 0")
    return replace(settings, steps=ceil(epochs * ceil(captions / settings.batch_size)))


def defaults(source: Source) -> Settings:
    """The default settings: for scenes those of their recipe, for other data those of Settings."""
    settings = Settings(threads=default_threads())
    return replace(settings, **recipe()) if source.scenes else settings


def default_threads() -> int:
    """As many as there are workers, up to MOST_THREADS; ranks on the same machine share them."""
    return min(MOST_THREADS, max(1, default_workers() // launch().here))


def recipe() -> dict[str, Any]:
    """The scenes' recipe as settings, which have the same names."""
    names = {field.name for field in fields(Settings)}
    return {name: value for name, value in vars(RECIPE).items() if name in names}


def command(settings: Settings, source: Source) -> str:
    """The command line that makes a run with these settings."""
    usual = defaults(source)
    words = ["minigrad", "train", *(["--data", source.folder] if not source.scenes else [])]
    words += ["--features", source.features] if source.features and not source.scenes else []
    words += ["--max-train", str(source.max_train)] if source.max_train is not None else []
    words += ["--replace-nonfinite"] if source.replace_nonfinite else []
    words += ["--eager"] if settings.eager else []
    flags = [("--cell", "cell"), ("--steps", "steps"), *((option.flag, option.field) for option in OPTIONS)]
    return shlex.join([*words, *changed(settings, usual, flags)])


def changed(settings: Any, usual: Any, flags: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Flags and values of the fields that differ from the usual ones."""
    for flag, field in flags:
        value = getattr(settings, field)
        if value != getattr(usual, field):
            yield from (flag, str(value))
