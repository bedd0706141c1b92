"""The style sheet of drawings, made from look.py: plain rules for light grounds, the dark ones in a media query."""

from functools import cache

from viz.graph.look import COLOURS, DARK, LETTER, LIGHT, MONO, SANS, SMALL


@cache
def style_sheet() -> str:
    """All rules of a drawing."""
    shapes = (
        f".graph text{{font:{LETTER}px {MONO};text-anchor:middle}}"
        f".graph .small,.graph .row,.graph .note{{font-size:{LETTER * SMALL:.2f}px}}"
        f".graph .row{{text-anchor:end}}.graph .note,.graph .title{{text-anchor:start}}"
        f".graph .header,.graph .band-title,.graph .title{{font-family:{SANS};font-weight:600}}"
        ".graph .title{font-size:15px}.graph .band-title{text-anchor:start;letter-spacing:.04em}"
        ".graph .wire{fill:none;stroke-width:1.1}.graph .saved{stroke-width:.9;stroke-dasharray:1.5 2.5}"
        ".graph .rail{stroke-width:1.3}.graph .box rect{stroke-width:1.1}.graph .output rect{stroke-width:2.2}"
        ".graph .backward rect{stroke-dasharray:none}"
    )
    return f"{shapes}{colours(LIGHT, 0)}@media (prefers-color-scheme:dark){{{colours(DARK, 2)}}}"


def colours(base: dict[str, str], first: int) -> str:
    """Rules that set colours; `first` is the index of the fill in COLOURS."""
    rules = [
        f".graph .ground{{fill:{base['ground']}}}.graph .region{{fill:{base['band']}}}"
        f".graph text{{fill:{base['ink']}}}"
        f".graph .small,.graph .row,.graph .note,.graph .header{{fill:{base['muted']}}}"
        f".graph .wire{{stroke:{base['edge']}}}.graph .dot,.graph .head{{fill:{base['edge']}}}"
        f".graph .rail{{stroke:{COLOURS['parameter'][first + 1]}}}"
    ]
    rules += [
        f".graph .{kind} rect{{fill:{shades[first]};stroke:{shades[first + 1]}}}" for kind, shades in COLOURS.items()
    ]
    return "".join(rules)
