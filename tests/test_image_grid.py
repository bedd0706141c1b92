"""Image grids and caption sheets: whole pixels, nothing lost, marks that differ in shape, errors by name."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from minigrad.errors import UsageError
from viz.caption_sheet import Sample, draw_caption_sheet
from viz.image_grid import draw_image_grid, fitted
from viz.lettering import font, wrapped

Pixels = npt.NDArray[np.uint8]


def picture(height: int = 8, width: int = 8, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(path: Path) -> Pixels:
    with PillowImage.open(path) as image:
        return np.asarray(image)


def test_a_small_picture_is_enlarged_to_whole_squares() -> None:
    image = picture()
    assert np.array_equal(np.asarray(fitted(image, 64)), image.repeat(8, 0).repeat(8, 1))


@pytest.mark.parametrize("shape", [(8, 20, 3), (20, 8, 3), (600, 300, 3), (1, 1, 3), (28, 28)])
def test_any_picture_keeps_its_proportions_within_its_square(shape: tuple[int, ...]) -> None:
    cell = np.asarray(fitted(np.zeros(shape, np.uint8), 64))
    dark = np.argwhere(cell.sum(2) < 3 * 255)
    height, width = np.ptp(dark, axis=0) + 1
    assert cell.shape == (64, 64, 3)
    assert height / width == pytest.approx(shape[0] / shape[1], rel=0.1)


def test_a_grid_holds_every_picture_in_reading_order(tmp_path: Path) -> None:
    images = [picture(seed=seed) for seed in range(5)]
    sheet = read(draw_image_grid(images, tmp_path / "grid.png", columns=3, side=8))
    found = np.lib.stride_tricks.sliding_window_view(sheet, (8, 8, 3))[:, :, 0]
    places = [tuple(np.argwhere((found == image).all((2, 3, 4)))[0]) for image in images]
    assert places == sorted(places) and len({top for top, _ in places}) == 2


def test_labels_make_a_grid_taller_and_may_be_any_text(tmp_path: Path) -> None:
    images = [picture(), np.zeros((8, 8), np.uint8)]
    plain = read(draw_image_grid(images, tmp_path / "plain.png"))
    labelled = read(
        draw_image_grid(images, tmp_path / "labelled.png", labels=["content", "<b>\ud800\x00 漢字 🦊" * 500])
    )
    assert labelled.shape[0] > plain.shape[0] and labelled.shape[1] == plain.shape[1]


@pytest.mark.parametrize(
    ("images", "labels", "named"),
    [
        ([], [], "0 pictures"),
        ([picture()], ["a", "b"], "1 pictures and 2 labels"),
        ([picture() / 255], [], r"\(8, 8, 3\) of float64"),
        ([np.zeros((2, 8, 8, 3), np.uint8)], [], r"\(2, 8, 8, 3\)"),
        ([np.zeros((0, 8, 3), np.uint8)], [], r"\(0, 8, 3\)"),
    ],
)
def test_what_is_no_grid_is_refused_by_name(images: Any, labels: list[str], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=named):
        draw_image_grid(images, tmp_path / "grid.png", labels)


def test_a_caption_sheet_marks_right_and_wrong_by_shape_too(tmp_path: Path) -> None:
    verdicts = [Sample("a star", ["a star"], picture(), right) for right in (True, False)]
    sheets = [read(draw_caption_sheet([one], tmp_path / "sheet.png", side=64)).mean(2) for one in verdicts]
    disc, square = (sheet[16 + 64 + 8 + 2, 16 + 2] for sheet in sheets)
    assert disc > 200 > square


def test_a_caption_sheet_takes_any_sample(tmp_path: Path) -> None:
    samples = [
        Sample("", [], None, None),
        Sample("word " * 2000, ["x" * 5000], picture(), False, "never seen"),
        Sample("مرحبا 漢字 🦊 \ud800", [], picture(500, 300), True),
    ]
    sheet = draw_caption_sheet(samples, tmp_path / "sheet.png", columns=2)
    assert sheet.read_bytes() == draw_caption_sheet(samples, tmp_path / "again.png", columns=2).read_bytes()
    with pytest.raises(UsageError, match="no samples"):
        draw_caption_sheet([], tmp_path / "none.png")


def test_the_closest_truth_shares_most_words() -> None:
    sample = Sample(
        "a red star above a blue circle", ["a blue circle", "a red star above a pink circle", "there is a star"]
    )
    assert sample.closest_truth == "a red star above a pink circle"
    assert Sample("a star").closest_truth == ""


@given(st.text(max_size=300), st.integers(20, 300), st.integers(1, 4))
def test_wrapped_text_fits_its_width_and_its_lines(text: str, width: int, most: int) -> None:
    face = font(14)
    lines = wrapped(text, face, width, most)
    assert len(lines) <= most
    assert all(face.getlength(line) <= width for line in lines)
    if not any(line.endswith("…") for line in lines):
        assert " ".join(lines).split() == text.split()
