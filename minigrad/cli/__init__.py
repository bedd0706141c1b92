"""The command line, `minigrad COMMAND`: the composition root, which alone knows engine, models and viz.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType, ModuleType
from typing import Any, NoReturn

from minigrad.cli import console
from minigrad.errors import MinigradError, UsageError

COMMANDS = {
    "train": "train a captioner and write a run folder with checkpoints, curves and a report",
    "caption": "write captions of pictures, or of rows of prepared features",
    "evaluate": "held-out loss of a run, and for scenes the share of captions that are strictly true",
    "gan": "train a generator of digits against a discriminator",
    "data": "fetch MNIST",
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
"""What `minigrad --help` lists; a command's own parser says the rest."""

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
    """An argument parser whose complaints are the project's errors, so that they are printed as all others are."""

    def error(self, message: str) -> NoReturn:
        """UsageError with the complaint and where to read on."""
        raise UsageError(f"{message}; {self.prog} --help tells what it takes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    console.prepare()
    try:
        with terminable():
            return dispatched(words)
    except MinigradError as error:
        return failed(error, words)
    except ModuleNotFoundError as error:
        return failed(missing(error), words)
    except OSError as error:
        return failed(UsageError(f"{error.strerror or error}: {error.filename or 'a file'}"), words)
    except MemoryError as error:
        return failed(UsageError(f"there is not enough memory: {error or 'choose smaller sizes'}"), words)
    except KeyboardInterrupt:
        console.complain("stopped")
        return 128 + signal.SIGINT
    finally:
        console.close()


def dispatched(words: list[str]) -> int:
    """Parses and runs; what a command returns is the exit code."""
    parser = root_parser()
    if not words or words[0].startswith("-"):
        parser.parse_args(words)
        console.say(parser.format_help().rstrip())
        return 0
    module = command_module(words[0])
    module.add_parser(parser.add_subparsers(prog="minigrad", parser_class=Parser))
    parser.prog = f"minigrad {words[0]}"
    parsed = parser.parse_args(words)
    parsed.command_line = shlex.join(["minigrad", *words])
    return int(module.run(parsed))


def root_parser() -> Parser:
    """The parser of `minigrad` itself: its help lists the commands without importing them."""
    width = max(map(len, COMMANDS))
    listing = "\n".join(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="minigrad",
        usage="minigrad COMMAND [options]",
        description=f"See, prove and run fast what you compute.\n\ncommands:\n{listing}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"minigrad {version('minigrad')}")
    return parser


def command_module(name: str) -> ModuleType:
    """The file of a command; UsageError with the nearest name when there is none."""
    if name in COMMANDS:
        return importlib.import_module(f"minigrad.cli.{name.replace('-', '_')}")
    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    raise UsageError(f"there is no command {name!r}: {hint}")


def missing(error: ModuleNotFoundError) -> MinigradError:
    """What to install for a package that is absent; a module of ours that is absent is a fault and raises."""
    package = (error.name or "").split(".")[0]
    if package in ("minigrad", "models", "viz", ""):
        raise error
    return UsageError(f"this command needs the package {package}: python -m pip install 'minigrad[all]'")


def failed(error: MinigradError, words: Sequence[str]) -> int:
    """One clear line on stderr, or with --json an object on stdout; the exit code is 2."""
    if "--json" in words:
        described: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
        console.say(json.dumps({"error": described}, ensure_ascii=False))
    else:
        console.complain(f"minigrad: {error}")
    return 2


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM unwinds like any exit, so that nothing temporary stays behind; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
