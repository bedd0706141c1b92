"""The colours of curves, sheets and pages, by name, for light and dark. Anything in viz may import this.

The four series differ for colour-blind readers too, and all text has a contrast of at least 4.5 to 1.
"""

LIGHT = {
    "ground": "#f6f7f9",
    "paper": "#ffffff",
    "ink": "#1c2128",
    "muted": "#59636e",
    "rule": "#dfe3e8",
    "blue": "#0b63b0",
    "vermilion": "#c2410c",
    "green": "#0e7c5a",
    "purple": "#8a4fa3",
}
DARK = {
    "ground": "#11141a",
    "paper": "#1a1f27",
    "ink": "#e8ebf0",
    "muted": "#9da7b5",
    "rule": "#303743",
    "blue": "#6fb3ff",
    "vermilion": "#ff8f61",
    "green": "#4fcb9c",
    "purple": "#cba0ec",
}


def as_variables(colours: dict[str, str]) -> str:
    """The colours as CSS declarations: `--ink: #1c2128; …`."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def with_variables(svg: str) -> str:
    """A drawing in which the light colours are replaced by the variables of the page around it."""
    for name, colour in LIGHT.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg
