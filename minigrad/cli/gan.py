"""`minigrad gan`: trains a generator against a discriminator on digits, and writes a run folder."""

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from os.path import realpath
from pathlib import Path
from typing import Any

from minigrad.cli import console
from minigrad.cli.folders import new_folder
from minigrad.cli.gan_results import FILM, frame_path, write_results
from minigrad.cli.options import Option, add_options, changed, default_threads, given
from minigrad.cli.saving import complained, stopped, unreported
from minigrad.errors import UsageError
from models.data.drawn_digits import draw_digits
from models.data.fetching import find_mnist
from models.data.mnist import Digits, as_bytes, open_digits
from models.training.adversarial import EPOCHS, KINDS, GanRun, GanSettings, GanTraining
from viz.film import mosaic, write_grey

DRAWN = "drawn"
"""The name that stands for the embedded digits in place of a folder."""
USUAL = "vanilla"
"""The kind that is trained if none is named."""
_DRAWN_TIMES = 2
"""The factor on the number of epochs for drawn digits, of which there are a fifth as many as in MNIST."""


OPTIONS = (
    Option("--steps", "steps", int, "updates of the discriminator, in place of --epochs"),
    Option("--noise", "noise_dim", int, "numbers that a picture is made of"),
    Option("--batch-size", "batch_size", int, "pictures in a step"),
    Option("--lr", "learning_rate", float, "Adam's learning rate"),
    Option("--critic-steps", "critic_steps", int, "updates of the discriminator for one of the generator"),
    Option("--penalty", "penalty", float, "weight of the gradient penalty"),
    Option("--seed", "seed", int, "of weights, order and noise"),
    Option("--threads", "threads", int, "parts of the work done at once; the last bits depend on it"),
    Option("--save-every", "save_every", int, "steps between checkpoints"),
    Option("--sample-every", "sample_every", int, "steps between grids of samples"),
)


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "gan",
        help="train a generator of digits",
        description="Trains two networks against each other on digits and writes a run folder: config.json, log.jsonl, "
        f"checkpoints, grids of samples, {FILM} and report.html. Without --data the digits are drawn. Ctrl-C finishes "
        "the step and saves; --resume goes on, to the same bits as without a stop.",
    )
    parser.add_argument("kind", nargs="?", choices=KINDS, help=f"networks and loss ({USUAL})")
    parser.add_argument("--data", metavar="DIR", help="a folder with MNIST's four files; 'mnist', 'drawn' (default)")
    parser.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (runs/DATA-KIND-NUMBER)")
    parser.add_argument("--resume", action="store_true", help="continue the run of --out from its last checkpoint")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--epochs", type=float, metavar="N", help="passes over the data")
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns 0, or 1 if something could not be saved, or 128 plus the number of the signal that stopped it."""
    watch = console.Stopwatch()
    run, digits = old_run(arguments) if arguments.resume else new_run(arguments)
    training = GanTraining(run, digits, console.warn)
    if arguments.resume:
        training.resume()
    watch.lap("data")
    if not arguments.json:
        console.complain(f"training into {run.folder}: {run.settings.steps} steps, {run.settings.threads} threads")
    lost = follow(training, run, show=not arguments.json)
    watch.lap("training")
    if training.stopped_by is not None:
        console.complain(stopped(training, resume_command(run)))
        return 128 + training.stopped_by
    try:
        found = write_results(run, training, digits_of(run.data, "test"), command(run), show=not arguments.json)
    except OSError as error:
        unreported(error, resume_command(run))
        return 1
    watch.lap("scores and report")
    tell(run, {**found, "seconds": watch.laps}, arguments.json)
    return int(complained(training) or lost > 0)


def new_run(arguments: argparse.Namespace) -> tuple[GanRun, Digits]:
    """Creates the run folder that the arguments ask for."""
    kind = arguments.kind or USUAL
    usual = defaults(kind)
    settings = replace(usual, **given(arguments, GanSettings))  # what makes no sense is told before anything is drawn
    data = located(arguments.data or DRAWN)
    epochs = epochs_of(arguments, kind, data)
    digits = digits_of(data, "train")
    if arguments.steps is None:
        settings = replace(settings, steps=steps_in(epochs, len(digits.images), settings))
    folder = arguments.out or new_folder(f"{data if data == DRAWN else Path(data).name}-{kind}")
    return GanRun.create(folder, settings, data), digits


def located(data: str) -> str:
    """The absolute path of the data; `mnist` means MNIST in the cache, `drawn` stays as it is."""
    if data == DRAWN:
        return data
    return str(find_mnist() if data == "mnist" and not Path(data).is_dir() else Path(data).absolute())


def resolved(data: str) -> str:
    """The data's place, the same however it is spelled."""
    return data if data == DRAWN else realpath(located(data))


def defaults(kind: str) -> GanSettings:
    """The settings of a kind of GAN, before options are applied."""
    return GanSettings(**{"threads": default_threads(), **KINDS[kind]})


def epochs_of(arguments: argparse.Namespace, kind: str, data: str) -> float:
    """The number of epochs asked for, or the usual one for this kind and data."""
    if arguments.epochs is None:
        return EPOCHS[kind] * (_DRAWN_TIMES if data == DRAWN else 1)
    if not 0 < arguments.epochs < float("inf"):
        raise UsageError(f"--epochs is {arguments.epochs}; it must be a number above 0")
    return float(arguments.epochs)


def steps_in(epochs: float, pictures: int, settings: GanSettings) -> int:
    """The number of steps in so many epochs of full batches."""
    return max(1, ceil(epochs * (pictures // settings.batch_size)))


def digits_of(data: str, part: str) -> Digits:
    """The digits in a folder, or drawn ones."""
    return draw_digits(part) if data == DRAWN else open_digits(data, part)


def old_run(arguments: argparse.Namespace) -> tuple[GanRun, Digits]:
    """The run to continue; UsageError if the arguments ask for settings that differ from its own."""
    if arguments.out is None:
        raise UsageError("--resume continues the run that --out names, as in --resume --out runs/drawn-vanilla-1")
    run = GanRun.open(arguments.out)
    if asked := list(others(run, arguments)):
        raise UsageError(
            f"--resume goes on with the run's own settings, and {', '.join(asked)} would be another: leave "
            "the option out, or begin another run"
        )
    return run, digits_of(run.data, "train")


def others(run: GanRun, arguments: argparse.Namespace) -> Iterator[str]:
    """The settings asked for that differ from the run's own."""
    yield from (k for k, value in given(arguments, GanSettings).items() if getattr(run.settings, k) != value)
    if arguments.epochs is not None:
        yield "epochs"
    if arguments.data is not None and resolved(arguments.data) != resolved(run.data):
        yield "data"
    wanted = defaults(arguments.kind or USUAL)
    if arguments.kind and (wanted.loss, wanted.networks) != (run.settings.loss, run.settings.networks):
        yield arguments.kind


def follow(training: GanTraining, run: GanRun, show: bool) -> int:
    """Trains with a progress line and writes grids of samples; returns how many of these could not be written."""
    lost = 0
    with console.Progress("training", run.settings.steps, training.place.step, show) as progress:
        for record in training.run():
            if "discriminator_loss" not in record:
                continue
            losses = f"D {record['discriminator_loss']:.3f}"
            losses += f"  G {record['generator_loss']:.3f}" if "generator_loss" in record else ""
            progress.at(record["step"], f"{losses}  {record['pictures_per_second']:,.0f} pictures/s")
            if record["step"] % run.settings.sample_every == 0 or record["step"] in (1, run.settings.steps):
                lost += not wrote_frame(training, frame_path(run, record["step"]))
    return lost


def wrote_frame(training: GanTraining, path: Path) -> bool:
    """Writes a grid of samples; if that fails, warns and lets training go on."""
    try:
        path.parent.mkdir(exist_ok=True)
        write_grey(mosaic(as_bytes(training.samples())), path)
    except OSError as error:
        console.warn(f"{path} COULD NOT BE WRITTEN ({error}); training goes on, but make room now")
        return False
    return True


def tell(run: GanRun, found: dict[str, Any], as_json: bool) -> None:
    """Prints the result, in words or as JSON."""
    if as_json:
        console.say_json(found)
        return
    phases = ", ".join(f"{phase} {console.clock(elapsed)}" for phase, elapsed in found["seconds"].items())
    for line in in_words(found):
        console.say(line)
    console.say(f"{found['step']} steps  [{phases}]\nlook at  {run.folder / 'report.html'}")


def in_words(found: dict[str, Any]) -> Iterator[str]:
    """The classifier's judgement of the generated digits."""
    yield (
        f"a classifier that is right for {100 * found['classifier_accuracy']:.1f} % of held-out digits is sure of "
        f"{100 * found['confident']:.1f} % of the generated ones, {found['classes']} of 10 classes"
    )
    distances = ", ".join(f"{distance:.2f}" for distance in found["frechet_distances"])
    yield f"Fréchet distance {distances} for three seeds of noise; {found['frechet_floor']:.2f} between real digits"


def command(run: GanRun) -> str:
    """The command line that makes a run with these settings."""
    s = run.settings
    kind = next(k for k in KINDS if (defaults(k).networks, defaults(k).loss) == (s.networks, s.loss))
    words = ["minigrad", "gan", kind, *(["--data", run.data] if run.data != DRAWN else []), "--steps", str(s.steps)]
    usual = replace(defaults(kind), steps=s.steps)
    return shlex.join([*words, *changed(s, usual, ((option.flag, option.field) for option in OPTIONS))])


def resume_command(run: GanRun) -> str:
    """The command line that continues a run."""
    return shlex.join(["minigrad", "gan", "--resume", "--out", str(run.folder)])
