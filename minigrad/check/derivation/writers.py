"""Writes expressions as plain text, LaTeX and MathML: one class each, with a method for every kind of expression."""

import re
from html import escape

from minigrad.check.derivation.expression import Expression

BINDS = {"sum": 1, "negative": 1, "total": 2, "product": 3, "matrix product": 4, "fraction": 3}
"""The precedence of each kind of expression; kinds that are not listed need no brackets."""
RELATIONS = {"=": "=", "≠": r"\neq", ">": ">", "≥": r"\geq", "<": "<", "≤": r"\leq"}
"""The signs that relate two sides, and their names in LaTeX."""
FUNCTIONS = {"tanh", "log", "exp", "sin", "cos", "max", "min"}
UPRIGHT = ' class="upright"'
"""The attribute of MathML elements that are not in italics."""
STRUT = '<mspace height="0.75em"/>'
"""As high as any letter: without it browsers that have no font for mathematics hang `o` higher than `f`."""
NAME = re.compile(r"(?P<base>[^_']+)(?:_(?P<sub>\w+))?(?P<prime>'*)$")


class Writer:
    """Writes plain text, and is the base of the other writers."""

    times, minus, plus, transposed = " ⊙ ", "− ", " + ", "ᵀ"

    def write(self, x: Expression, binds: int = 0) -> str:
        """The expression, in brackets where its surroundings bind more tightly."""
        text: str = getattr(self, x.kind.replace(" ", "_"))(x)
        return self.bracketed(text) if BINDS.get(x.kind, 9) < binds else text

    def bracketed(self, text: str) -> str:
        """(…)."""
        return f"({text})"

    def symbol(self, x: Expression) -> str:
        """The name, with d in front for a gradient."""
        return "".join(map(str, reversed(x.parts)))

    def number(self, x: Expression) -> str:
        """The digits."""
        return str(x.parts[0])

    def negative(self, x: Expression) -> str:
        """−x."""
        return self.minus.lstrip() + self.write(x.inner[0], 2)

    def sum(self, x: Expression) -> str:
        """x + y − z."""
        first, *rest = x.inner
        return self.write(first, 1) + "".join(map(self.added, rest))

    def added(self, x: Expression) -> str:
        """A further term of a sum, with its sign."""
        if x.kind == "negative":
            return f" {self.minus}" + self.write(x.inner[0], 2)
        return self.plus + self.write(x, 2)

    def product(self, x: Expression) -> str:
        """x ⊙ y; after a number only a space."""
        first, *rest = x.inner
        text = self.write(first, 4)
        for factor in rest:
            text += (" " if first.kind == "number" else self.times) + self.write(factor, 4)
            first = factor
        return text

    def matrix_product(self, x: Expression) -> str:
        """A B C."""
        return " ".join(self.write(factor, 4) for factor in x.inner)

    def transpose(self, x: Expression) -> str:
        """xᵀ."""
        return self.write(x.inner[0], 9) + self.transposed

    def power(self, x: Expression) -> str:
        """xⁿ; the exponent of a function stands after its name."""
        base, exponent = x.inner[0], str(x.parts[1])
        if base.kind == "call" and base.parts[0] in FUNCTIONS:
            return self.function(self.raised(self.name(str(base.parts[0])), exponent), base.inner)
        return self.raised(self.write(base, 9), exponent)

    def raised(self, base: str, exponent: str) -> str:
        """The base with Unicode superscripts."""
        return base + exponent.translate(str.maketrans("0123456789-.", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻·"))

    def fraction(self, x: Expression) -> str:
        """a / b."""
        above, below = x.inner
        return f"{self.write(above, 3)} / {self.write(below, 4)}"

    def call(self, x: Expression) -> str:
        """f(x); indicators 1[…] and relations have forms of their own."""
        name = str(x.parts[0])
        if name in RELATIONS:
            return self.related(name, *map(self.write, x.inner))
        if name == "1":
            return self.indicator(self.write(x.inner[0]))
        return self.function(self.name(name), x.inner)

    def related(self, sign: str, a: str, b: str) -> str:
        """a ≠ b."""
        return f"{a} {sign} {b}"

    def indicator(self, inside: str) -> str:
        """1[…]: 1 where the relation holds, or at the id."""
        return f"1[{inside}]"

    def function(self, name: str, arguments: tuple[Expression, ...]) -> str:
        """f(x, y)."""
        return name + self.bracketed(", ".join(map(self.write, arguments)))

    def name(self, function: str) -> str:
        """The name of a function."""
        return function

    def total(self, x: Expression) -> str:
        """Σ over axes."""
        return f"Σ_{x.parts[0]} {self.write(x.inner[0], 2)}"

    def block(self, x: Expression) -> str:
        """[x y z]."""
        return "[" + "  ".join(map(self.write, x.inner)) + "]"

    def element(self, x: Expression) -> str:
        """x[…]."""
        place = x.parts[1]
        return f"{self.write(x.inner[0], 9)}[{self.write(place) if isinstance(place, Expression) else place}]"


class LaTeX(Writer):
    """Writes LaTeX."""

    times, minus, plus, transposed = r" \odot ", "- ", " + ", r"^{\top}"

    def bracketed(self, text: str) -> str:
        """Brackets that grow with what they hold."""
        return rf"\left({text}\right)"

    def symbol(self, x: Expression) -> str:
        """`dW_x` as dW_{x}; a name of several letters is upright."""
        base, sub, prime = named(str(x.parts[0]))
        base = base if len(base) == 1 else rf"\mathrm{{{base}}}"
        return rf"{''.join(map(str, x.parts[1:]))}{base}{f'_{{{sub}}}' if sub else ''}{prime}"

    def raised(self, base: str, exponent: str) -> str:
        """x^{n}."""
        return f"{base}^{{{exponent}}}"

    def fraction(self, x: Expression) -> str:
        r"""\\frac{above}{below}."""
        above, below = map(self.write, x.inner)
        return rf"\frac{{{above}}}{{{below}}}"

    def name(self, function: str) -> str:
        """Upright."""
        return r"\sigma" if function == "σ" else rf"\{function}" if function in FUNCTIONS else rf"\mathrm{{{function}}}"

    def indicator(self, inside: str) -> str:
        """A bold 1."""
        return rf"\mathbf{{1}}[{inside}]"

    def related(self, sign: str, a: str, b: str) -> str:
        """a \\neq b."""
        return f"{a} {RELATIONS[sign]} {b}"

    def total(self, x: Expression) -> str:
        """Σ with its axes below."""
        return rf"\sum_{{{','.join(str(x.parts[0]))}}} {self.write(x.inner[0], 2)}"

    def block(self, x: Expression) -> str:
        """[x y z]."""
        return r"\left[" + r" \;\; ".join(map(self.write, x.inner)) + r"\right]"


class MathML(Writer):
    """Writes MathML."""

    times, minus, plus = "<mo>⊙</mo>", "<mo>−</mo>", "<mo>+</mo>"

    def bracketed(self, text: str) -> str:
        """Brackets that grow if they hold a fraction or a sum."""
        grow = str("<mfrac>" in text or "<munder>" in text).lower()
        return f'<mrow><mo stretchy="{grow}">(</mo>{text}<mo stretchy="{grow}">)</mo></mrow>'

    def symbol(self, x: Expression, above: str = "") -> str:
        """The name with subscript and primes; d in front for a gradient; `above` as a superscript."""
        base, sub, prime = named(str(x.parts[0]))
        text = f"<mi{UPRIGHT if len(base) > 1 else ''}>{escape(base)}{'′' * len(prime)}</mi>"
        above = above and f"<mi{UPRIGHT}>{above}</mi>"
        kind = "subsup" if sub and above else "sub" if sub else "sup" if above else ""
        below = f"<mrow><mi>{escape(sub)}</mi>{STRUT}</mrow>" if sub else ""
        text = f"<m{kind}>{text}{below}{above}</m{kind}>" if kind else text
        return f"<mrow><mi{UPRIGHT}>d</mi>{text}</mrow>" if x.parts[1:] == ("d",) else text

    def number(self, x: Expression) -> str:
        """<mn>."""
        return f"<mn>{x.parts[0]}</mn>"

    def matrix_product(self, x: Expression) -> str:
        """The factors with thin spaces between."""
        return '<mspace width="0.2em"/>'.join(self.write(factor, 4) for factor in x.inner)

    def transpose(self, x: Expression) -> str:
        """xᵀ."""
        if x.inner[0].kind == "symbol":
            return self.symbol(x.inner[0], "⊤")
        return f"<msup><mrow>{self.write(x.inner[0], 9)}</mrow><mi{UPRIGHT}>⊤</mi></msup>"

    def raised(self, base: str, exponent: str) -> str:
        """<msup>."""
        return f"<msup><mrow>{base}</mrow><mn>{exponent}</mn></msup>"

    def fraction(self, x: Expression) -> str:
        """<mfrac>."""
        above, below = map(self.write, x.inner)
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def function(self, name: str, arguments: tuple[Expression, ...]) -> str:
        """f(x, y)."""
        return name + self.bracketed("<mo>,</mo>".join(map(self.write, arguments)))

    def name(self, function: str) -> str:
        """Upright if it has several letters."""
        return f"<mi{UPRIGHT if len(function) > 1 else ''}>{escape(function)}</mi>"

    def indicator(self, inside: str) -> str:
        """A bold 1."""
        return f'<mi class="bold">1</mi>{self.squared(inside)}'

    def related(self, sign: str, a: str, b: str) -> str:
        """<mo>."""
        return f"{a}<mo>{escape(sign)}</mo>{b}"

    def total(self, x: Expression) -> str:
        """Σ with its axes below."""
        letters = "<mo>,</mo>".join(f"<mi>{letter}</mi>" for letter in str(x.parts[0]))
        return f"<munder><mo>∑</mo><mrow>{letters}</mrow></munder>{self.write(x.inner[0], 2)}"

    def block(self, x: Expression) -> str:
        """[x y z]."""
        inside = '<mspace width="0.7em"/>'.join(map(self.write, x.inner))
        return f"<mrow>{self.squared(inside)}</mrow>"

    def element(self, x: Expression) -> str:
        """x[…]."""
        place = x.parts[1]
        inside = self.write(place) if isinstance(place, Expression) else f"<mtext>{escape(place)}</mtext>"
        return f"<mrow>{self.write(x.inner[0], 9)}{self.squared(inside)}</mrow>"

    def squared(self, inside: str) -> str:
        """[…]."""
        return f'<mo stretchy="false">[</mo>{inside}<mo stretchy="false">]</mo>'


def named(name: str) -> tuple[str, str, str]:
    """`W_x'` as base W, subscript x and prime '."""
    found = NAME.match(name)
    return (found["base"], found["sub"] or "", found["prime"]) if found else (name, "", "")
