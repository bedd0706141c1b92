"""The command line, `minigrad COMMAND`: the only package that knows engine, models and viz together.

Each command is a file here with `add_parser(subparsers)` and `run(arguments) -> int`. Only the one asked for is
imported, so that help is instant and a package missing for one command does not disturb the others.
"""

import argparse
import difflib
import importlib
import json
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any, NoReturn

from minigrad import __version__
from minigrad.cli import console, ranks
from minigrad.errors import MinigradError, UsageError
from models.launch import Launch, launch

COMMANDS = {
    "train": "train a captioner and write a run folder with checkpoints, curves and a report",
    "caption": "write captions of pictures, or of rows of prepared features",
    "evaluate": "scores of a run's captions, and for scenes the share that is strictly true",
    "view": "a page to look through a run's captions of held-out images",
    "gan": "train a generator of digits against a discriminator",
    "data": "make data to train on of photographs and captions; check data; fetch COCO, MNIST",
    "draw": "draw a run's graph, or that of a function of yours",
    "export": "write a trained network, or a graph of yours, as an ONNX model",
    "gradcheck": "check every operation's gradient against differences",
    "prove": "prove that the automatic gradients are the textbook's formulas",
    "derive": "derive a gradient as a formula",
    "weights": "inspect, convert and fetch trained weights",
    "saliency": "where a trained network looks in pictures",
    "fool": "change pictures so little that nobody sees it, until a network takes them for something else",
    "visualize-class": "pictures of what a trained network takes for a class",
    "style": "photographs in the style of a painting, and textures",
    "invert": "pictures sought from what a layer of a network made of them",
    "bench": "compare our speed with PyTorch, JAX and autograd on the same work",
    "doctor": "versions, BLAS kernels and what they reach, workers, layout engines, data found, extras missing",
}
"""The commands with what `minigrad --help` says of each; a command's own parser has the details."""

_EXAMPLES = """
examples:
  minigrad train                                  scenes, an LSTM, two minutes on two cores
  minigrad train --data coco --cell rnn           a folder of your own in CS231n's four-file schema
  minigrad caption runs/scenes-lstm-1 picture.png --beams 3
  minigrad evaluate runs/scenes-lstm-1 --json
  minigrad gan dc --data mnist                    digits by a deep convolutional pair
  minigrad draw runs/scenes-lstm-1 -o graph.svg
  minigrad weights fetch squeezenet1_1 labels     once, for those below
  minigrad style photograph.jpg painting.jpg

`minigrad COMMAND --help` tells what a command takes. Exit codes: 0 done, 1 something was found wrong,
2 cannot be done as asked, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports mistakes as errors of ours, so that they are printed like all others."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("type", int, whole)

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with the message and where to read more."""
        raise UsageError(f"{message}; {self.prog} --help tells what it takes")


def whole(text: str) -> int:
    """A whole number given as an option; not so large that NumPy cannot represent it."""
    number = int(text)
    if abs(number) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is too large: the largest is {2**31 - 1:,}")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    console.prepare()
    try:
        place = launch()
        if place.ranks > 1:
            return ranks.watched(place, lambda begin: joined(place, words, begin))
        with terminable():
            return dispatched(words, parsed(words))
    except (Exception, KeyboardInterrupt) as error:
        return failed(error, words)
    finally:
        console.close()


def joined(place: Launch, words: list[str], begin: Callable[[], None]) -> int:
    """Runs the command in one of several ranks; `begin` is called once MPI has begun. Errors end all ranks."""
    from models.parallel import end_all, is_of_all, world

    begun = False
    try:
        with terminable():
            team = world()
            begun = True
            begin()
            told = team.each(words)
            if any(others != words for others in told):
                raise UsageError("all ranks must be started with the same words after minigrad") from team.cause
            code = dispatched(words, team.once(lambda: parsed(words, ranks.SHARING)))
            team.meet()
            ranks.end_undisturbed()
            return code
    except BaseException as error:
        if is_of_all(error):
            return 2 * (not isinstance(error, SystemExit)) if place.rank else failed_alone(error, words, "")
        time.sleep(0 if begun or not place.rank else ranks.PATIENCE)
        code = failed_alone(error, words, f"rank {place.rank}: ")
        end_all(code)
        return code


def failed_alone(error: BaseException, words: list[str], who: str) -> int:
    """Reports an error that only this rank found, faults of ours included, as the others wait.

    Returns the exit code.
    """
    try:
        return failed(error, words, who)
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else 0
    except BaseException:
        console.complain(f"minigrad: {who}{traceback.format_exc()}")
        return 1


def parsed(words: list[str], commands: Iterable[str] = COMMANDS) -> argparse.Namespace:
    """The parsed arguments; UsageError unless the command is one of `commands`."""
    parser = root_parser()
    if not words or words[0].startswith("-"):
        return parser.parse_args(words)
    module = command_module(words[0])
    if words[0] not in commands:
        raise UsageError(
            f"ranks share the work of minigrad {' and '.join(commands)}, not of {words[0]}: start it without mpiexec"
        )
    module.add_parser(parser.add_subparsers(prog="minigrad", parser_class=Parser))
    parser.prog = f"minigrad {words[0]}"
    arguments = parser.parse_args(words)
    arguments.command_line = shlex.join(["minigrad", *words])
    return arguments


def dispatched(words: list[str], arguments: argparse.Namespace) -> int:
    """Runs the command, or lists the commands; returns the exit code."""
    if not words or words[0].startswith("-"):
        console.say(root_parser().format_help().rstrip())
        return 0
    return int(command_module(words[0]).run(arguments))


def root_parser() -> Parser:
    """The parser of `minigrad` itself, whose help lists the commands without importing them."""
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="minigrad",
        usage="minigrad COMMAND [options]",
        description=f"See, prove and run fast what you compute.\n\ncommands:\n{listing}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minigrad {__version__}")
    return parser


def command_module(name: str) -> ModuleType:
    """The module of a command; UsageError with the most similar name if there is none."""
    if name in COMMANDS:
        return importlib.import_module(f"minigrad.cli.{name.replace('-', '_')}")
    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    raise UsageError(f"there is no command {name!r}: {hint}")


def missing(error: ModuleNotFoundError) -> MinigradError:
    """An error that says how to install a missing package; re-raises if the missing module is one of ours."""
    package = (error.name or "").split(".")[0]
    if package in ("minigrad", "models", "viz", ""):
        raise error
    return UsageError(f"this command needs the package {package}: python -m pip install 'minigrad[all]'")


def failed(error: BaseException, words: Sequence[str], who: str = "") -> int:
    """Reports an error in one line on stderr, or with --json as an object on stdout; returns the exit code.

    Re-raises errors that are faults of ours.
    """
    if isinstance(error, KeyboardInterrupt):
        console.complain(f"{who}stopped")
        return 128 + signal.SIGINT
    told = known(error)
    if "--json" in words:
        described: dict[str, Any] = {"type": type(told).__name__, "message": f"{who}{told}"}
        console.say(json.dumps({"error": described}, ensure_ascii=False))
    else:
        console.complain(f"minigrad: {who}{told}")
    return 2


def known(error: BaseException) -> MinigradError:
    """The error as one of ours; re-raises what the user can do nothing about, since it is a fault of ours."""
    if isinstance(error, MinigradError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return missing(error)
    if isinstance(error, OSError):
        return UsageError(f"{error.strerror or error}: {error.filename or 'a file'}")
    if isinstance(error, MemoryError):
        return UsageError(f"there is not enough memory: {error or 'choose smaller sizes'}")
    raise error


@contextmanager
def terminable() -> Iterator[None]:
    """Makes SIGTERM raise SystemExit, so that nothing temporary is left behind; only possible in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is _terminated:
            signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
