"""Curves: what is read from a log, how it is smoothed, and files that are equal byte for byte."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from minigrad.errors import UsageError
from viz.curves import Line, Panel, draw_curves, draw_panels, panel_svg, running_mean, training_panels
from viz.theme import LIGHT


def run_log(steps: int = 60, end: float = 5.0, judged: bool = True) -> list[dict[str, Any]]:
    """What a training run writes: a record a step, and one a validation every 20 steps."""
    records: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        loss = end + 30 * float(np.exp(-step / 10))
        records.append({"step": step, "epoch": 1 + step // 20, "loss": loss, "lr": 0.004 / step, "seconds": 0.1 * step})
        if step % 20 == 0:
            shares = {"right": 0.8, "right_seen": 0.9, "right_never_seen": 0.7} if judged else {}
            records.append({"step": step, "epoch": 1 + step // 20, "val_loss": 1.1 * loss, **shares})
    return records


def texts(svg: str) -> str:
    """All words of a drawing."""
    return " ".join(ET.fromstring(svg).itertext())


def titles(panels: tuple[Panel, ...]) -> list[str]:
    return [panel.title for panel in panels]


def test_a_full_log_gives_all_panels_with_their_lines_named() -> None:
    panels = training_panels(run_log())
    assert titles(panels) == ["Loss, nats a word", "Right captions, held out", "Learning rate"]
    assert [line.label for line in panels[0].lines] == ["training", "held out"]
    assert [line.label for line in panels[1].lines] == ["all", "seen", "never seen"]


def test_without_a_judge_there_is_no_accuracy_and_without_records_there_is_nothing() -> None:
    assert titles(training_panels(run_log(judged=False))) == ["Loss, nats a word", "Learning rate"]
    assert training_panels([]) == training_panels({}) == ()


def test_runs_laid_over_one_another_are_named_and_differ_in_more_than_colour() -> None:
    losses, accuracies, _ = training_panels({"LSTM": run_log(), "RNN": run_log(end=1.0)})
    assert [line.label for line in losses.lines][::2] == ["LSTM training", "RNN training"]
    assert [line.label for line in accuracies.lines] == ["LSTM", "RNN"]
    assert len({(line.look.dash, line.look.mark) for line in accuracies.lines}) == 2


@pytest.mark.parametrize("gap", [float("nan"), float("inf"), None])
def test_what_is_not_finite_is_a_gap(gap: float | None) -> None:
    log = run_log()
    log[5] = {**log[5], "loss": gap}
    line = Line.of(log, "loss", "training", smoothed=True)
    assert np.flatnonzero(np.isnan(line.strong)).tolist() == [5]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".SVG"])
@pytest.mark.parametrize("log", [[], run_log(1), [{"step": 0, "loss": None}], run_log(200, end=0.01)])
def test_every_log_is_drawn(log: list[dict[str, Any]], suffix: str, tmp_path: Path) -> None:
    path = draw_curves(log, tmp_path / f"curves{suffix}")
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.size[0] > 300
    else:
        assert ET.fromstring(path.read_text(encoding="utf-8")).tag.endswith("svg")


def test_the_drawing_names_its_panels_lines_and_units(tmp_path: Path) -> None:
    words = texts(draw_curves(run_log(), tmp_path / "curves.svg").read_text(encoding="utf-8"))
    for word in ("Loss, nats a word", "held out", "never seen", "Learning rate", "step", "80 %"):
        assert word in words


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    assert "nothing recorded yet" in texts(draw_curves([], tmp_path / "curves.svg").read_text(encoding="utf-8"))


def test_a_panel_without_a_value_is_left_out(tmp_path: Path) -> None:
    panels = [Panel("empty", (Line.of([], "x", "x"),)), Panel("full", (Line.of([{"step": 1, "x": 2}], "x", "x"),))]
    words = texts(draw_panels(panels, tmp_path / "curves.svg").read_text(encoding="utf-8"))
    assert "full" in words and "empty" not in words
    assert "nothing recorded yet" in texts(panel_svg(panels[0]))


def test_labels_are_text_whatever_they_hold(tmp_path: Path) -> None:
    name = '<script>&"$x^2$ π'
    words = texts(draw_curves({name: run_log(), "other": run_log()}, tmp_path / "c.svg").read_text(encoding="utf-8"))
    assert f"{name} training" in words


def test_another_form_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"curves\.pdf.*\.svg or \.png"):
        draw_curves(run_log(), tmp_path / "curves.pdf")


def test_any_lines_make_a_panel(tmp_path: Path) -> None:
    log = [{"step": step, "critic": -step, "generator": step} for step in range(50)]
    lines = tuple(Line.of(log, key, key) for key in ("critic", "generator"))
    assert "generator" in texts(draw_panels([Panel("GAN", lines)], tmp_path / "gan.svg").read_text(encoding="utf-8"))


def test_a_panel_for_a_page_takes_the_colours_of_the_page() -> None:
    svg = panel_svg(training_panels(run_log())[0])
    assert f"var(--blue, {LIGHT['blue']})" in svg
    assert svg.count(LIGHT["ink"]) == svg.count("var(--ink,")
    assert "Loss, nats a word" not in texts(svg)


def test_the_same_log_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    script = (
        "import sys; from viz.curves import draw_curves;"
        "log = [{'step': s, 'loss': 9 / (s + 1), 'lr': .1} for s in range(99)];"
        "draw_curves(log, sys.argv[1] + '.svg'); draw_curves(log, sys.argv[1] + '.png');"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": seed, "HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], check=True, env=environment)
    for suffix in ("svg", "png"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=200))
def test_the_running_mean_stays_within_the_values_and_keeps_gaps(values: list[float]) -> None:
    raw = np.array(values)
    mean = running_mean(raw)
    assert np.array_equal(np.isnan(mean), np.isnan(raw))
    if np.isfinite(raw).any():
        slack = 1e-9 * np.nanmax(np.abs(raw))
        assert np.nanmin(raw) - slack <= np.nanmin(mean) <= np.nanmax(mean) <= np.nanmax(raw) + slack


@pytest.mark.parametrize("size", [1, 19, 20, 60, 61, 400])
def test_the_running_mean_of_a_line_is_the_line_away_from_its_ends(size: int) -> None:
    line = np.arange(size, dtype=np.float64)
    inner = slice(size // 20 + 1, size - size // 20 - 1)
    assert np.allclose(running_mean(line)[inner], line[inner])


def test_labels_of_a_logarithmic_axis_leave_room_for_each_other() -> None:
    def words(lowest: float) -> set[str]:
        log = [{"step": i, "loss": float(v)} for i, v in enumerate(np.geomspace(10, lowest, 20))]
        return set(texts(panel_svg(Panel("loss", (Line.of(log, "loss", "loss"),), falling=True))).split())

    assert {"0.1", "0.2", "0.5"} <= words(0.05)
    assert {"0.01", "0.1", "1"} <= (steep := words(1e-3)) and not {"0.02", "0.05", "0.5"} & steep
