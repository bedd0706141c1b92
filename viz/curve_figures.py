"""Curves as figures of a page. Imports curves and page; used by the reports."""

from collections.abc import Sequence

from viz.curves import Panel, panel_svg
from viz.markup import Html
from viz.page import drawing_figure


def curve_figures(panels: Sequence[Panel], prefix: str = "curve") -> list[Html]:
    """A figure for each panel; `prefix` makes their ids in the page unique."""
    return [
        drawing_figure(panel_svg(panel), f"{prefix}-{number}", panel.title, in_words(panel))
        for number, panel in enumerate(panels)
    ]


def in_words(panel: Panel) -> str:
    """What a panel shows, for readers who cannot see it: where each line begins and ends."""
    lines = (f"{line.label} from {line.ends[0]:.3g} to {line.ends[1]:.3g}" for line in panel.drawn)
    return f"{panel.title}: {', '.join(lines)}, over {panel.drawn[0].steps.max():,.0f} steps"
