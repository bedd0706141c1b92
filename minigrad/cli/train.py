"""`minigrad train`: trains a captioner and writes a run folder."""

import argparse
from dataclasses import asdict, replace
from os.path import realpath
from pathlib import Path
from shlex import quote
from typing import Any

from minigrad.cli import console
from minigrad.cli.folders import new_folder
from minigrad.cli.options import add_settings, command, given, settings_of
from minigrad.cli.saving import complained, stopped, unreported
from minigrad.cli.sources import SCENES, Opened, open_together, source_of
from minigrad.errors import UsageError
from models.data.projection import PROJECTION
from models.parallel import Ranks, world
from models.training import Record, Run, Settings, Source, Training, Validation


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "train",
        help="train a captioner",
        description="Trains a captioner and writes a run folder: config.json, log.jsonl, checkpoints, curves and "
        "report.html. Without options it draws the scenes first and needs no other data. Ctrl-C finishes the step and "
        "saves; --resume goes on, to the same bits as without a stop.",
    )
    data = parser.add_argument_group("data")
    data.add_argument("--data", metavar="DIR", help="'scenes' (default), or a folder in CS231n's four-file schema")
    data.add_argument("--features", metavar="NAME", help="which features: the NAME in train2014_NAME.h5")
    data.add_argument("--max-train", type=int, metavar="N", help="train on N captions only")
    data.add_argument("--replace-nonfinite", action="store_true", help="set NaN and infinite features to 0")
    run = parser.add_argument_group("run")
    run.add_argument("--out", type=Path, metavar="RUN", help="the run's folder (runs/DATA-CELL-NUMBER)")
    run.add_argument("--resume", action="store_true", help="continue the run of --out from its last checkpoint")
    run.add_argument("--json", action="store_true", help="print the result as one JSON object")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns 0, or 1 if something could not be saved, or 128 plus the number of the signal that stopped it."""
    watch, ranks = console.Stopwatch(), world()
    run, opened = old_run(arguments, ranks) if arguments.resume else new_run(arguments, ranks)
    watch.lap("data")
    validation = Validation(opened.data, opened.scenes, ranks)
    training = Training(run, opened.data.train, validation, console.warn if ranks.first else ignored, ranks)
    if arguments.resume:
        training.resume()
    show = ranks.first and not arguments.json
    if show:
        console.complain(f"training into {run.folder}: {run.settings.steps} steps, {shared(run, ranks)}")
    follow(training, show)
    watch.lap("training")
    if training.stopped_by is not None:
        if ranks.first:
            console.complain(stopped(training, resume_command(run)))
        return 128 + training.stopped_by
    return finished(arguments, training, run, opened, watch) if ranks.first else 0


def finished(
    arguments: argparse.Namespace,
    training: Training,
    run: Run,
    opened: Opened,
    watch: console.Stopwatch,
) -> int:
    """Writes and prints the run's results; returns 1 if something could not be saved."""
    from minigrad.cli.results import summary  # only here: drawing takes half a second to load, on every rank

    found = summary(run, training, Validation(opened.data, opened.scenes))
    written = reported(run, training, opened, found)
    watch.lap("report")
    tell(run, {**found, "seconds": watch.laps, "written": list(map(str, written))}, arguments.json)
    return int(complained(training) or not written)


def new_run(arguments: argparse.Namespace, ranks: Ranks) -> tuple[Run, Opened]:
    """Creates the run folder that the arguments ask for."""
    source = ranks.once(lambda: source_for(arguments))
    opened = open_together(source, ranks)
    return ranks.once(lambda: created(arguments, source, opened)), opened


def source_for(arguments: argparse.Namespace) -> Source:
    """The source named by the arguments; settings that make no sense are reported before scenes are drawn."""
    replace(Settings(), **given(arguments))
    return source_of(arguments)


def created(arguments: argparse.Namespace, source: Source, opened: Opened) -> Run:
    """A new run folder; UsageError for features that the captioner cannot take."""
    refuse_grid(opened)
    settings = settings_of(arguments, source, len(opened.data.train))
    folder = arguments.out or new_folder(f"{SCENES if source.scenes else Path(source.folder).name}-{settings.cell}")
    return Run.create(folder, settings, source, opened.data)


def refuse_grid(opened: Opened) -> None:
    """UsageError for features of a grid of places: the captioner takes one row for each image."""
    shape = opened.data.train.feature_shape
    if len(shape) > 1:
        raise UsageError(
            f"{opened.data.feature_name} has features of {shape[0]} places for each image, and the captioner takes one "
            "row: choose others with --features, or prepare the data with --features squeezenet"
        )


def old_run(arguments: argparse.Namespace, ranks: Ranks) -> tuple[Run, Opened]:
    """The run to continue, and its data."""
    run = ranks.once(lambda: continued(arguments))
    return run, open_together(run.source, ranks)


def continued(arguments: argparse.Namespace) -> Run:
    """The run to continue; UsageError if the arguments ask for settings that differ from its own."""
    if arguments.out is None:
        raise UsageError("--resume continues the run that --out names, as in --resume --out runs/scenes-lstm-1")
    run = Run.open(arguments.out)
    own, asked = {**run.settings.as_dict(), **asdict(run.source)}, {**given(arguments), **asked_of_data(arguments)}
    if is_own(run.source, asked.get("folder", "")):
        del asked["folder"]
    changed = [f"{name} is {own[name]}, not {value}" for name, value in asked.items() if own[name] != value]
    if changed or arguments.epochs is not None:
        raise UsageError(
            f"--resume goes on with the run's own settings ({'; '.join(changed) or 'its own number of steps'}): "
            "leave the option out, or begin another run"
        )
    return run


def is_own(source: Source, folder: str) -> bool:
    """Whether --data names the run's own folder, however it is spelled."""
    return (source.scenes and folder == SCENES) or (folder != "" and realpath(folder) == realpath(source.folder))


def asked_of_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the arguments say of the data, by the names of a run's source."""
    data = arguments.data if arguments.data in (None, SCENES) else str(Path(arguments.data).absolute())
    named = {"folder": data, "features": arguments.features, "max_train": arguments.max_train}
    named["replace_nonfinite"] = arguments.replace_nonfinite or None
    return {name: value for name, value in named.items() if value is not None}


def shared(run: Run, ranks: Ranks) -> str:
    """`2 threads`, or `4 ranks of 1 threads`."""
    threads = f"{run.settings.threads} threads"
    return f"{ranks.count} ranks of {threads}" if ranks.count > 1 else threads


def ignored(warning: str) -> None:
    """Drops a warning that another rank prints."""


def follow(training: Training, show: bool) -> None:
    """Trains with a progress line; results of validations are separate lines."""
    total, done = training.settings.steps, training.place.step
    with console.Progress("training", total, done, show) as progress:
        for record in training.run():
            if "val_loss" not in record:
                progress.at(record["step"], f"loss {record['loss']:.3f}  {record['words_per_second']:,.0f} words/s")
            elif show:
                progress.note(validated(record))


def validated(record: Record) -> str:
    """`epoch 3, step 1173: held-out loss 0.412, right 87.3 % (seen 90.1 %, never seen 84.5 %)`."""
    line = f"epoch {record['epoch']}, step {record['step']}: held-out loss {record['val_loss']:.3f}"
    return f"{line}, {right(record)}" if "right" in record else line


def right(found: Record) -> str:
    """`right 87.3 % (seen 90.1 %, never seen 84.5 %)`."""
    groups = {"seen": "right_seen", "never seen": "right_never_seen"}
    parts = ", ".join(f"{name} {100 * found[key]:.1f} %" for name, key in groups.items() if key in found)
    return f"right {100 * found['right']:.1f} % ({parts})"


def tell(run: Run, found: dict[str, Any], as_json: bool) -> None:
    """Prints the result, in words or as JSON."""
    if as_json:
        console.say_json(found)
        return
    if "right" in found:
        shuffled = f"with another scene's features {100 * found['right_with_shuffled_features']:.1f} %"
        console.say(f"held-out captions {right(found)}; {shuffled}")
    phases = ", ".join(f"{phase} {console.clock(elapsed)}" for phase, elapsed in found["seconds"].items())
    console.say(f"{found['step']} steps, held-out loss {found['val_loss']:.3f} nats a word  [{phases}]")
    if found["written"]:
        console.say(f"look at  {run.folder / 'report.html'}")
        console.say(f"try      minigrad caption {quote(str(run.folder))} {example(run)} --beams 3")


def reported(run: Run, training: Training, opened: Opened, found: Record) -> list[Path]:
    """The files written; none, with a warning, if that failed."""
    from minigrad.cli.results import write_results

    try:
        return write_results(run, training, opened, found, command(run.settings, run.source))
    except OSError as error:
        unreported(error, resume_command(run))
        return []


def resume_command(run: Run) -> str:
    """The command line that continues a run."""
    return f"minigrad train --resume --out {quote(str(run.folder))}"


def example(run: Run) -> str:
    """What a run can caption: one of its pictures, any photograph, or a row of its features."""
    if run.source.scenes:
        return quote(str(run.folder / "pictures/0.png"))
    return "photograph.jpg" if (run.folder / PROJECTION).is_file() else "--row 0"
