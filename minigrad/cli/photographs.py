"""Captions of photographs by a run on prepared data, word by word, and what in the picture each word depends on.

Imported by `minigrad.cli.caption`.
"""

import argparse
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.cli import console
from minigrad.cli.folders import next_folder
from minigrad.cli.seeing import network_of, pictures, slug
from minigrad.errors import DataError, UsageError
from minigrad.op import Array
from models.data.imagenet import framed, preprocess
from models.data.images import Pixels
from models.data.projection import PROJECTION, Projection
from models.image_gradients import integrated_gradients, smooth_grad, strength
from models.photo_captioner import PhotoCaptioner, Told, WordGradient, told, word_saliency
from models.photo_features import KINDS, ProjectedFeatures
from models.training import Run
from models.weights import zoo
from viz.heat import overlay
from viz.image_grid import draw_image_grid
from viz.picture_report import Shown, write_picture_report

METHODS = {
    "gradient": "|∂ log p(word) / ∂ pixel|, the largest of its colours",
    "smooth": "SmoothGrad: the gradient's mean over noisy copies",
    "integrated": "integrated gradients: they add up to the word's log-probability less that for the mean colour alone",
}
BEAMS = 3
_MOST_COLUMNS = 6
_SIDE = 224
"""The size of a picture in the strip, in pixels."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options for photographs."""
    group = parser.add_argument_group("photographs", "For a run on data that `minigrad data prepare` made.")
    group.add_argument("--weights", metavar="FILE", help="the network's, where they are no longer where they were")
    methods = "; ".join(f"{name}: {what}" for name, what in METHODS.items())
    group.add_argument("--method", choices=tuple(METHODS), default="gradient", help=methods)
    group.add_argument(
        "--tolerance", type=float, default=1e-3, metavar="X", help="of integrated gradients' sum (0.001)"
    )
    group.add_argument("--out", type=Path, metavar="DIR", help="for the pictures and the report (a new folder in runs)")
    group.add_argument("--no-report", action="store_true", help="write captions only")


def captioned(run: Run, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The captions of all photographs; also writes pictures and a report."""
    if not 0 < arguments.tolerance < 1:
        raise UsageError(f"--tolerance is {arguments.tolerance:g}; it is a share of the whole, between 0 and 1")
    model = seeing(run, arguments.weights)
    named = pictures(arguments.images)
    folder = None if arguments.no_report else arguments.out or next_folder("caption")
    results, shown = [], []
    with console.Progress("looking", len(named), show=not arguments.json) as progress:
        for number, (name, image) in enumerate(named, 1):
            sentences = told(model, preprocess(framed(image)), arguments.beams or BEAMS)
            results.append(described(run, name, sentences))
            if folder is not None:
                found, part = looked_at(run, model, name, framed(image), sentences, arguments, folder)
                results[-1].update(found)
                shown.append(part)
            progress.at(number, name)
    if folder is not None:
        results[-1]["report"] = str(report(run, arguments, shown, folder))
    return results


def seeing(run: Run, weights: str | None) -> PhotoCaptioner:
    """The run's captioner behind the network that made the features it was trained on."""
    if not (run.folder / PROJECTION).is_file():
        raise UsageError(
            f"{run.folder} was trained on prepared features ({run.source.features}) without their {PROJECTION}, and "
            "cannot see photographs: caption a row with --row N, or train on what `minigrad data prepare` makes"
        )
    projection = Projection.load(run.folder / PROJECTION)
    if projection.width != run.feature_dim:
        raise DataError(
            f"{run.folder / PROJECTION} makes {projection.width} features, and the run was trained on {run.feature_dim}"
        )
    network, _ = network_of(weights_of(projection, weights))
    return PhotoCaptioner(ProjectedFeatures(network, projection), run.trained(console.warn))


def weights_of(projection: Projection, asked: str | None) -> Path:
    """The file of the network's weights: the one asked for, the one used before, or the fetched one."""
    source = Path(projection.origin.source)
    if asked is None and projection.origin.source and source.is_file():
        return source
    kind = KINDS.get(projection.origin.kind)
    name = asked or (kind.zoo if kind else "squeezenet1_1")
    return zoo.find(name) if name in zoo.ZOO else Path(name)


def described(run: Run, name: str, sentences: Sequence[Told]) -> dict[str, Any]:
    """A photograph's sentences, each with the log-probabilities of its words."""
    return {
        "of": name,
        "captions": [
            {
                "caption": run.vocabulary.decode(s.ids),
                "log_probability": s.total,
                "words": [
                    {"word": run.vocabulary.idx_to_word[i], "log_probability": float(p)}
                    for i, p in zip(s.ids, s.log_probabilities, strict=True)
                ],
            }
            for s in sentences
        ],
    }


def looked_at(
    run: Run,
    model: PhotoCaptioner,
    name: str,
    image: Pixels,
    sentences: Sequence[Told],
    arguments: argparse.Namespace,
    folder: Path,
) -> tuple[dict[str, Any], Shown]:
    """What each word of the best sentence depends on: a strip of pictures in a file, and a part of the report."""
    best = sentences[0]
    words = [run.vocabulary.idx_to_word[i] for i in best.ids if i != run.vocabulary.end or len(best.ids) == 1]
    maps, gaps = attributed(model, preprocess(image), best, len(words), arguments)
    labels = [f"{word}  {100 * p:.0f} %" for word, p in zip(words, np.exp(best.log_probabilities), strict=False)]
    views = [image, *(overlay(image, values) for values in maps)]
    path = folder / f"{slug(name)}-words.png"
    folder.mkdir(parents=True, exist_ok=True)
    draw_image_grid(views, path, [name, *labels], columns=columns_of(len(views)), side=_SIDE)
    for gap in (gap for gap in gaps if gap > arguments.tolerance):
        console.complain(f"{name}: a word's integrated gradients add up within {100 * gap:.2g} % only")
    facts = [(f"{s.total:.3f}", run.vocabulary.decode(s.ids)) for s in sentences]
    pictures = list(zip(["photograph", *labels], views, strict=True))
    part = Shown(name, run.vocabulary.decode(best.ids), pictures, facts=facts, header=("log-probability", "caption"))
    return {"words": str(path), **({"completeness_gaps": gaps} if gaps else {})}, part


def columns_of(count: int) -> int:
    """The number of columns of a strip with rows of about equal length."""
    rows = ceil(count / _MOST_COLUMNS)
    return ceil(count / rows)


def attributed(
    model: PhotoCaptioner, x: Array, best: Told, words: int, arguments: argparse.Namespace
) -> tuple[Array, list[float]]:
    """A map (words, H, W) for each word by the chosen method, and for integrated gradients the errors of their sums."""
    gradient = WordGradient(model, best.ids)
    if arguments.method == "smooth":
        return np.concatenate([strength(smooth_grad(gradient, x, place)) for place in range(words)]), []
    if arguments.method == "integrated":
        found = [integrated_gradients(gradient, x, place, tolerance=arguments.tolerance) for place in range(words)]
        return np.concatenate([strength(a.values) for a in found]), [a.gap for a in found]
    return word_saliency(gradient, x, words), []


def report(run: Run, arguments: argparse.Namespace, shown: Sequence[Shown], folder: Path) -> Path:
    """Writes the page."""
    lead = f"What the run {run.folder.name} writes, how sure it is of each word given those before, and, bright, the "
    lead += f"pixels on which that depends: {METHODS[arguments.method]}."
    title = shown[0].title if len(shown) == 1 else f"{len(shown)} photographs"
    return write_picture_report(
        folder / "report.html", kind="Captions", title=title, shown=shown, lead=lead, command=arguments.command_line
    )
