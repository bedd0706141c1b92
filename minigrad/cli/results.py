"""What a finished run leaves behind: curves, pictures, the model's graph, the report. Imports viz."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
import viz
from minigrad.cli.sources import SCENES, Opened
from minigrad.files import write_whole
from minigrad.graph import Graph
from models.captioner import Captioner
from models.data.originals import originals
from models.data.scenes import Scenes
from models.training import Run, Training, Validation
from models.training.evaluation import truths, written
from viz.caption_sheet import Sample
from viz.curves import draw_curves
from viz.image_grid import picture, png
from viz.report import write_report

SHOWN = 24
"""How many held-out images the report shows."""
PICTURES = 6
"""How many held-out pictures are written as files, to try `minigrad caption` on."""


def summary(run: Run, training: Training, validation: Validation) -> dict[str, Any]:
    """The run's last numbers, and for scenes the share of right captions when features are shuffled."""
    latest = {key: value for record in training.log.records for key, value in record.items()}
    shuffled = validation.right(training.captioner, shuffled=True)
    return {
        "run": str(run.folder),
        "step": training.place.step,
        "epoch": training.place.running_epoch,
        **{k: latest[k] for k in ("loss", "val_loss") if k in latest},
        **{k: latest[k] for k in latest if k.startswith("right")},
        **({"right_with_shuffled_features": shuffled["all"]} if shuffled else {}),
        "parameters": sum(parameter.size for parameter in training.captioner.parameters()),
        "threads": run.settings.threads,
    }


def write_results(run: Run, training: Training, opened: Opened, found: Mapping[str, Any], command: str) -> list[Path]:
    """Writes report.html, curves.svg, curves.png, graph.svg and some held-out pictures; returns their paths."""
    folder, records = run.folder, training.log.records
    graph = viz.draw(loss_graph(training.captioner, opened), folder / "graph.svg")
    shown = ("right_with_shuffled_features", "parameters")
    report = write_report(
        folder / "report.html",
        title=f"{data_name(run)}: an {run.settings.cell.upper()} captioner",
        summary={key: found[key] for key in shown if key in found},
        config={**run.settings.as_dict(), "data": run.source.folder, "features": run.source.features, **run.software},
        log=records,
        samples=samples(training.captioner, opened),
        graph_svg=graph.svg,
        command=command,
    )
    curves = [draw_curves(records, folder / name) for name in ("curves.svg", "curves.png")]
    return [report, *curves, folder / "graph.svg", *write_pictures(folder / "pictures", opened.scenes)]


def data_name(run: Run) -> str:
    """The name of the data."""
    return SCENES if run.source.scenes else Path(run.source.folder).name


def loss_graph(captioner: Captioner, opened: Opened) -> Graph:
    """The graph of the loss of one held-out caption."""
    batch = next(opened.data.val.epoch(1, np.random.default_rng(0), by_length=True))
    return mg.trace(
        captioner.loss, mg.from_numpy(batch.features, name="features"), mg.from_numpy(batch.captions, name="captions")
    )


def samples(captioner: Captioner, opened: Opened) -> list[Sample]:
    """Held-out images with the captions written, true captions, and the judge's verdict if there is one."""
    data, scenes = opened.data, opened.scenes
    rows = [int(row) for row in np.unique(data.val.image_idxs)[:SHOWN]]
    captions = written(captioner, data.val.features(np.array(rows)), data.vocabulary)
    known = truths(data.val, rows, data.vocabulary)
    if scenes is None:
        shown = originals(data, "val", rows)
        return [Sample(c, t, o.image, label=o.address) for c, t, o in zip(captions, known, shown, strict=True)]
    return [
        Sample(caption, true, image, scenes.judge({row: caption})["all"] == 1, group(scenes, row))
        for row, caption, true, image in zip(rows, captions, known, scenes.images("val", rows), strict=True)
    ]


def group(scenes: Scenes, row: int) -> str:
    """Whether the combinations of role, colour and shape in a held-out scene occurred in training."""
    return "never seen" if scenes.never_seen(row) else "seen"


def write_pictures(folder: Path, scenes: Scenes | None) -> list[Path]:
    """Writes some held-out pictures as PNG files; none if the data has no pictures."""
    if scenes is None:
        return []
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{row}.png" for row in range(min(PICTURES, len(scenes.scenes["val"])))]
    for path, pixels in zip(paths, scenes.images("val", range(len(paths))), strict=True):
        write_whole(path, png(picture(pixels)))
    return paths
