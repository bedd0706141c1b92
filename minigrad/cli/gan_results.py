"""What a finished run of `minigrad gan` leaves behind: scores, grids, an animation, the report. Imports viz."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import store
from minigrad.cli import console
from minigrad.errors import DataError, MissingFileError
from minigrad.op import Array
from models.data.images import read_image
from models.data.mnist import Digits, as_bytes
from models.digit_classifier import DigitClassifier, train_classifier
from models.gan import noise
from models.gan_scores import Gaussian, frechet_distance, recognised
from models.training.adversarial import GanRun, GanTraining, made
from models.training.log import Record
from viz.curves import Line, Look, Panel, draw_panels, panel_svg
from viz.film import film_element, mosaic, write_gif, write_grey
from viz.page import Number, Section, command_line, drawing_figure, figure, figures, image_figure, table, write_page

FILM = "samples.gif"
_SCORED = 5_000
"""How many generated pictures are scored."""
_SEEDS = 3
_PATHS, _STATIONS = 8, 10
"""How many straight lines between two noise vectors are shown, and how many pictures on each."""
_MOST_FRAMES = 60


def frame_path(run: GanRun, step: int) -> Path:
    """The file of the grid of samples after a step."""
    return run.folder / "samples" / f"step-{step:06d}.png"


def write_results(run: GanRun, training: GanTraining, test: Digits, command: str, show: bool) -> dict[str, Any]:
    """Scores the generator and writes samples.png, interpolation.png, the animation, curves and report.html."""
    folder, records = run.folder, training.log.records
    judge, accuracy = classifier(run, training.digits, test, show)
    scores = {"classifier_accuracy": accuracy, **scored(training, judge, test)}
    last = next((r for r in reversed(records) if "discriminator_loss" in r), {})
    found = {
        "run": str(folder),
        "step": training.place.step,
        "epoch": training.place.running_epoch,
        **{k: v for k, v in last.items() if k.endswith("_loss")},
        **{f"{k}_parameters": sum(p.size for p in getattr(training, k).parameters()) for k in training.optimizers},
        **scores,
    }
    samples, between = mosaic(as_bytes(training.samples())), mosaic(as_bytes(interpolated(training)), _STATIONS)
    frames = list(frames_like(samples, kept_frames(folder))) or [samples]
    panel = losses_panel(records)
    written = [
        write_grey(samples, folder / "samples.png"),
        write_grey(between, folder / "interpolation.png"),
        write_gif(frames, folder / FILM, enlarged=2),
        *(draw_panels([panel], folder / name) for name in ("curves.svg", "curves.png")),
        write_page(
            folder / "report.html",
            f"Digits by {run.settings.networks} networks, {run.settings.loss} loss",
            kind="Training report",
            lead=f"{training.place.step:,} steps on {'drawn digits' if run.data == 'drawn' else Path(run.data).name}.",
            numbers=list(headlines(found)),
            sections=sections(run, found, samples, between, frames, panel, command),
        ),
    ]
    return {**found, "written": list(map(str, written))}


def classifier(run: GanRun, digits: Digits, test: Digits, show: bool) -> tuple[DigitClassifier, float]:
    """A classifier trained on the run's data and saved in its folder, with its accuracy on held-out digits."""
    with console.Stages(show=show) as report:
        judge = train_classifier(
            digits, threads=run.settings.threads, progress=lambda done, total: report("classifier", done, total)
        )
    accuracy = judge.accuracy(test)
    store.save(run.folder / "classifier.safetensors", judge.state_dict(), {"accuracy": accuracy})
    return judge, accuracy


def scored(training: GanTraining, judge: DigitClassifier, test: Digits) -> Record:
    """Fréchet distances from held-out digits and the classifier's judgement, of generated and of real digits."""
    held_out = judge.judge(test.rows())
    real = Gaussian.of(held_out.features)
    judged = [judge.judge(made(training.generator, z)) for z in noises(training)]
    trained_on = judge.judge(training.digits.rows(slice(_SCORED)))
    return {
        "frechet_distances": [frechet_distance(real, Gaussian.of(each.features)) for each in judged],
        "frechet_floor": frechet_distance(real, Gaussian.of(trained_on.features)),
        **recognised(judged[0]),
        "confident_of_real": recognised(held_out)["confident"],
    }


def noises(training: GanTraining) -> Iterator[Array]:
    """The noise for each seed by which the generator is scored."""
    for seed in range(_SEEDS):
        yield noise(np.random.default_rng([training.settings.seed, 3, seed]), _SCORED, training.settings.noise_dim)


def interpolated(training: GanTraining) -> Array:
    """Pictures (as rows) on straight lines between two noises."""
    ends = noise(np.random.default_rng([training.settings.seed, 4]), 2 * _PATHS, training.settings.noise_dim)
    share = np.linspace(0, 1, _STATIONS, dtype=np.float32)[:, None]
    a, b = ends[:_PATHS, None], ends[_PATHS:, None]
    return made(training.generator, ((1 - share) * a + share * b).reshape(-1, ends.shape[1]))


def kept_frames(folder: Path) -> list[Path]:
    """The grids written during training, evenly chosen if there are many, first and last included."""
    paths = sorted((folder / "samples").glob("step-*.png"))
    chosen = np.linspace(0, len(paths) - 1, min(_MOST_FRAMES, len(paths))).round().astype(int)
    return [paths[i] for i in chosen]


def frames_like(samples: Array, paths: list[Path]) -> Iterator[Array]:
    """The grids in files; one that is damaged, or of another size, is told and left out."""
    for path in paths:
        try:
            frame = read_image(path)[:, :, 0]
            if frame.shape != samples.shape:
                raise DataError(f"{path} is of another size than the last samples")
            yield frame
        except (DataError, MissingFileError) as error:
            console.warn(f"{error}: the film goes without it")


def losses_panel(records: list[Record]) -> Panel:
    """A panel with both losses over the steps."""
    names = (("discriminator", Look()), ("generator", Look("vermilion", "--", "s")))
    steps = [r for r in records if "discriminator_loss" in r]
    return Panel("Losses", tuple(Line.of(steps, f"{name}_loss", name, look, smoothed=True) for name, look in names))


def headlines(found: Record) -> Iterator[Number]:
    """The headline numbers of the report."""
    yield Number("recognised with confidence", f"{100 * found['confident']:.1f} %", found["confident"])
    yield Number("the same of real digits", f"{100 * found['confident_of_real']:.1f} %", found["confident_of_real"])
    yield Number("classes among those recognised", f"{found['classes']} of 10")
    mean, spread = np.mean(found["frechet_distances"]), np.std(found["frechet_distances"])
    yield Number("Fréchet distance", f"{mean:,.1f} ± {spread:.1f}")
    yield Number("Fréchet distance between real digits", f"{found['frechet_floor']:.1f}")
    yield Number("classifier's accuracy", f"{100 * found['classifier_accuracy']:.1f} %")
    yield Number("generator's parameters", f"{found['generator_parameters']:,}")


def sections(
    run: GanRun, found: Record, samples: Array, between: Array, frames: list[Array], panel: Panel, command: str
) -> list[Section]:
    """The sections of the report."""
    film = figure(
        film_element(frames, "Samples during training"), f"The same noise at {len(frames)} moments of training"
    )
    lines = "; ".join(f"{line.label} from {line.ends[0]:.3g} to {line.ends[1]:.3g}" for line in panel.drawn)
    classes = [(str(digit), f"{count:,}") for digit, count in enumerate(found["of_each_class"])]
    settings = {**vars(run.settings), "data": run.data}
    drawn = image_figure(samples, "After the last step")
    curves = drawing_figure(panel_svg(panel), "losses", panel.title, lines)
    return [
        Section("Samples", "Of noise that is drawn once.", [figures([drawn, film])]),
        Section("Interpolation", "From one noise to another.", [figures([image_figure(between, "Each row a line")])]),
        Section("Losses", "Neither falls for long: what one gains, the other loses.", [figures([curves])]),
        Section("Classes", f"Of {_SCORED:,} samples, those recognised with a probability above 0.9.",
                [table(classes, ("digit", "samples"))]),
        Section("Configuration", "Every setting of the run.", [table((k, str(v)) for k, v in settings.items())]),
        Section("Reproduce", "On the same machine, with the same versions and threads, the same bits.",
                [command_line(command)]),
    ]  # fmt: skip
