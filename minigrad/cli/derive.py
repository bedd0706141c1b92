"""`minigrad derive`: a gradient in textbook form, as text, LaTeX or a page; and a document of all of them."""

import argparse
import contextlib
import io
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from minigrad.check.derivation import Derivation, derive
from minigrad.cli import console
from minigrad.cli.functions import function
from minigrad.cli.prove import proved, selected, table_markdown
from minigrad.errors import UsageError
from minigrad.files import write_whole
from models.derivations import DERIVATIONS

INTRODUCTION = """# Derivations

Written by `minigrad derive --docs docs/derivations.md`. Each gradient below is what the engine found, printed as
mathematics: nobody typed it. ⊙ is the elementwise product, `dx` the gradient of the loss by x, σ the logistic function.
"""
PROOFS = """## Theorems

The automatic gradients against the textbook's derivations (`models/closed_form.py`), formula against formula:
`minigrad prove` reduces both to a normal form of exact polynomials and compares those. A theorem holds for all real
numbers at the sizes of its graphs, which are distinct primes; that it holds for every T follows from the step's theorem
by induction. What is taken for granted: ids name rows that are there, masks are 0 or 1, nothing is divided by zero, no
logarithm or root is taken outside its domain; rounding is not modelled.
That the rules of the operations themselves are right is checked against differences, by `minigrad gradcheck`.
"""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "derive",
        help="print a gradient as mathematics",
        description="Prints the gradient that the engine finds as equations. Known by name: "
        f"{', '.join(DERIVATIONS)}; or module:function, which returns what minigrad.check.derive gives.",
    )
    parser.add_argument("what", nargs="?", metavar="NAME|MODULE:FUNCTION", help="as in lstm_step")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="where to: .txt, .tex or .html")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write the document of all derivations and theorems")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints or writes the derivation."""
    if arguments.docs:
        write_whole(arguments.docs, document())
        console.say(str(arguments.docs))
        return 0
    derivation = named(arguments.what)
    if arguments.out:
        write_whole(arguments.out, in_form(derivation, arguments.out.suffix))
    if arguments.json:
        console.say_json({"title": derivation.title, "text": derivation.text, "latex": derivation.latex})
    else:
        console.say(str(arguments.out or derivation.text))
    return 0


def named(what: str | None) -> Derivation:
    """The derivation of this name, or the one that a function returns; UsageError if there is none."""
    if what in DERIVATIONS:
        return DERIVATIONS[what]()
    if not what or ":" not in what:
        near = get_close_matches(what or "", DERIVATIONS, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; not {what}" if what else ""
        raise UsageError(f"derive one of {', '.join(DERIVATIONS)}, or module:function{hint}")
    found = function(what)()
    if not isinstance(found, Derivation):
        raise UsageError(f"{what} returned {type(found).__name__}; it must return minigrad.check.{derive.__name__}(…)")
    return found


def in_form(derivation: Derivation, suffix: str) -> str:
    """The derivation in the format of the file's suffix."""
    forms = {".txt": derivation.text + "\n", ".tex": derivation.latex + "\n", ".html": derivation.html}
    if suffix not in forms:
        raise UsageError(f"a derivation is written as .txt, .tex or .html, not {suffix or 'a file without suffix'}")
    return forms[suffix]


def document() -> str:
    """All derivations, then the table of theorems, as Markdown."""
    parts = [f"## {d.title}\n\n{blocks(d)}\n" for d in (make() for make in DERIVATIONS.values())]
    with contextlib.redirect_stderr(io.StringIO()):
        table = table_markdown(list(proved(selected(()))))
    return "\n".join([INTRODUCTION, *parts, PROOFS, table, ""])


def blocks(derivation: Derivation) -> str:
    """The formulas as blocks of Markdown."""
    return "\n\n".join(f"$$\n{part}\n$$" for part in derivation.latex.split("\n\n"))
