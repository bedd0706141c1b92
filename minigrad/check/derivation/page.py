"""A derivation as one self-contained page: MathML, light and dark, ready to print. Knows strings alone."""

from collections.abc import Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --faint: #667085; --line: #d8dde6; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --faint: #98a2b3; --line: #343b4a; --paper: #14171f } }
body { margin: 3rem auto; max-width: 52rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
       font: 17px/1.5 Georgia, "Times New Roman", serif }
h1 { font-size: 1.7rem; font-weight: 600; margin: 0 0 .3rem }
h2 { font-size: 1.05rem; font-weight: 600; color: var(--faint); margin: 2.2rem 0 .6rem;
     border-bottom: 1px solid var(--line); padding-bottom: .3rem }
table { border-collapse: collapse } td { padding: .32rem .2rem; vertical-align: baseline }
td:first-child { text-align: right; white-space: nowrap } td:nth-child(2) { padding: 0 .5rem; color: var(--faint) }
math { font-size: 1.2em } math, mi, mn { font-family: "STIX Two Text", Georgia, "Times New Roman", serif }
mi { font-style: italic; text-transform: none } mi.upright, mi.bold { font-style: normal } mi.bold { font-weight: 700 }
p { color: var(--faint); margin: .2rem 0 }
@media print { body { margin: 0; max-width: none } }
"""

Row = tuple[str, str, str]


def page(title: str, forward: Sequence[Row], backward: Sequence[Row]) -> str:
    """The page. Each row is an equation: the left side in MathML, the sign, the right side."""
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n'
        "<p>⊙ is the elementwise product; dx is the gradient of the loss by x.</p>\n"
        f"{section('Forward', forward)}{section('Backward', backward)}</html>\n"
    )


def section(heading: str, rows: Sequence[Row]) -> str:
    """Equations under a heading, aligned at their signs."""
    if not rows:
        return ""
    body = "\n".join(f"<tr><td>{math(a)}</td><td>{sign}</td><td>{math(b)}</td></tr>" for a, sign, b in rows)
    return f"<h2>{heading}</h2>\n<table>\n{body}\n</table>\n"


def math(inside: str) -> str:
    """A formula as a MathML element."""
    return f'<math displaystyle="true"><mrow>{inside}</mrow></math>'
