"""The style sheet of drawings, made from look.py: rules for light backgrounds, and dark ones in a media query."""

from functools import cache

from viz.graph.look import COLOURS, DARK, LETTER, LIGHT, MARKS, MONO, SANS, SMALL

SHAPES = (
    f"text{{font:{LETTER}px {MONO}}}",
    f".small,.row,.note,.label{{font-size:{LETTER * SMALL:.2f}px}}",
    f".header,.title,.module-name{{font-family:{SANS};font-weight:600}}",
    ".title{font-size:15px}",
    ".module-name{font-size:10.5px}",
    ".wire{fill:none;stroke-width:1.1}",
    ".saved{stroke-width:.9;stroke-dasharray:1.5 2.5}",
    ".rail{stroke-width:1.3}",
    ".delay{stroke-width:1.4}",
    ".box rect{stroke-width:1.1}",
    ".output rect{stroke-width:2.2}",
    ".label{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}",
    ".module{fill-opacity:.6}",
    ".stacked{fill-opacity:1}",
    ".removed rect{stroke-dasharray:4 2}",
)
TINTED = (".on-light text{fill:#1c2128}", ".on-dark text{fill:#ffffff}")
"""The colour of letters on painted boxes, the same on light and dark backgrounds."""


@cache
def style_sheet(for_page: bool = False) -> str:
    """All rules of a drawing; `for_page`, they depend on the attribute `data-theme` of the page's root."""
    light, dark = (*SHAPES, *colours(LIGHT, 0), *TINTED), (*colours(DARK, 2), *TINTED)
    if for_page:
        chosen = scoped(dark, ":root[data-theme=dark] .graph")
        usual = scoped(dark, ":root:not([data-theme=light]) .graph")
        return f"{scoped(light)}{chosen}@media (prefers-color-scheme:dark){{{usual}}}"
    return f"{scoped(light)}@media (prefers-color-scheme:dark){{{scoped(dark)}}}"


def colours(base: dict[str, str], first: int) -> list[str]:
    """Rules that set colours; `first` is the index of the fill colour in COLOURS."""
    return [
        f".ground{{fill:{base['ground']}}}",
        f".region{{fill:{base['band']}}}",
        f".module,.stacked{{stroke:{base['rule']}}}",
        f".bracket{{fill:{base['faint']}}}",
        f"text{{fill:{base['ink']}}}",
        f".small,.row,.note,.label,.header,.module-name{{fill:{base['muted']}}}",
        f".label{{stroke:{base['ground']}}}",
        f".wire{{stroke:{base['edge']}}}",
        f".dot,.head{{fill:{base['edge']}}}",
        f".saved{{stroke:{base['faint']}}}",
        f".delay{{stroke:{COLOURS['reduce'][first + 1]}}}",
        f".rail{{stroke:{COLOURS['parameter'][first + 1]}}}",
        *(f".{kind} rect,rect.{kind}{{fill:{c[first]};stroke:{c[first + 1]}}}" for kind, c in COLOURS.items()),
        *(f".{mark} rect,rect.{mark}{{fill:{c[first]};stroke:{c[first + 1]}}}" for mark, c in MARKS.items()),
        f".plain rect,.same rect,rect.same{{fill:{base['band']};stroke:{base['rule']}}}",
    ]


def scoped(rules: tuple[str, ...], within: str = ".graph") -> str:
    """Rules that apply within drawings alone."""
    parts = (rule.partition("{") for rule in rules)
    return "".join(f"{','.join(f'{within} {name}' for name in names.split(','))}{{{body}" for names, _, body in parts)
