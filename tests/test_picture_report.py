"""Reports on pictures: what stands beside what, and a table of what a loss became."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import Page

from viz.markup import Html
from viz.page import figures
from viz.picture_report import FIRST_AND_LAST, Shown, in_rows, loss_facts, loss_panel, write_picture_report

LOG = [{"step": step, "loss": 8.0 / (step + 1), "style": 1.0} for step in range(4)]


def rows(path: Path, pictures: int, panels: int, facts: bool = True) -> list[int]:
    """How many figures and tables each row of a report of that many pictures and curves has."""
    views = [(f"picture {n}", np.zeros((4, 4, 3), np.uint8)) for n in range(pictures)]
    told: dict[str, Any] = {"facts": loss_facts(LOG, ("loss", "style")), "header": FIRST_AND_LAST} if facts else {}
    shown = Shown("<stars> & night", "a lead", views, [loss_panel(LOG)] * panels, **told)
    page = write_picture_report(path / "report.html", kind="Style", title="Night", shown=[shown]).read_text("utf-8")
    assert len(Page(page).all("figure")) == pictures + panels and "&lt;stars&gt;" in page
    return [row.count("<figure>") + row.count("<table>") for row in page.split('<div class="figures"')[1:]]


@pytest.mark.parametrize(
    ("pictures", "panels", "expected"), [(1, 2, [4]), (2, 1, [4]), (3, 1, [3, 2]), (3, 2, [3, 3]), (4, 0, [5])]
)
def test_what_would_be_alone_in_a_row_has_something_beside_it(
    tmp_path: Path, pictures: int, panels: int, expected: list[int]
) -> None:
    assert rows(tmp_path, pictures, panels) == expected, "the table after the last row counts as in it"
    assert rows(tmp_path, 3, 1, facts=False) == [3, 1]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 3), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3)])
def test_rows_are_about_equally_long(count: int, columns: int) -> None:
    assert in_rows([Html("<figure></figure>")] * count, 4) == figures(
        [Html("<figure></figure>")] * count, 1000 // columns
    )


def test_losses_first_and_last() -> None:
    assert loss_facts(LOG, ("loss", "style")) == [("loss", "8", "2"), ("style", "1", "1")]
