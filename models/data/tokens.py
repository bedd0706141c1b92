"""Splits captions into words as captions are scored by: Penn Treebank tokens in lower case, without punctuation.

The result is that of pycocoevalcap's PTBTokenizer, peculiarities included: `don't` becomes `do n't`, a bracket the word
`-lrb-`, and `U.S.` keeps its dots. Data preparation and the scores import this; it imports nothing.
"""

import html
import re

_TITLES = (
    "jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu thurs fri calif conn fla mich va ariz tenn mo md "
    "wis minn ind okla kan ga colo ky ala nev neb vt wyo jr sr bros blvd rd esq inc cos? corp ltd plc rt bancorp dept "
    "bhd assn univ intl sys ph etc al seq mr mrs ms drs? prof sen rep lt col gen gov adm rev maj sgt cpl pvt mt capt "
    "ste? ave pres lieut hon brig cmdr pfc det vs ft est cf alex wm jos tel ext"
)
"""Abbreviations whose dot belongs to them, in either case."""
_STATES = "Mass Ill Pa Wash Ore Del La Ark Miss Tex"
"""Abbreviations that without a capital letter are words of their own."""
_ABBREVIATION = rf"(?:(?i:{'|'.join(_TITLES.split())})|{'|'.join(_STATES.split())})"
_WORD = r"[^\W\d_][^\W_]*(?:[.!?][^\W\d_][^\W_]*)*"
"""`sits.On` is one word where a space was forgotten."""
_THING = r"[^\W_]+(?:-(?:[dDoOlL]')?[^\W_]+)*"
"""`black-and-white`, `o'clock`, `20-year-old`."""
_PART = r"[^\W_]+(?:-[^\W\d_]+){0,2}"
_NUMBER = r"[-+]?(?:\d+(?:[.:,]\d+)*|(?:[.:,]\d+)+)"

_TOKEN = re.compile(
    "|".join(
        (
            r"(?:https?://|www\.)[^\s\"<>]*[^\s\"<>.,;:!?)]",
            r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
            r"</?[A-Za-z!][^>]{0,200}>",
            r"(?i:(?:can(?=not)|gon(?=na)|got(?=ta)|wan(?=na)|gim(?=me)|lem(?=me))(?=[a-z]{2,3}(?![^\W_])))",
            r"[^\W\d_]*[^\W\d_nN](?=[nN]'[tT](?![^\W_]))",  # do, of don't
            r"[nN]'[tT](?![^\W_])",
            r"'(?:[sSmMdD]|re|ve|ll|RE|VE|LL)(?![^\W_])",
            r"'[tT](?=(?i:is|was)(?![^\W_]))",
            r"'[nN]'(?![^\W_])",
            r"'\d\ds?(?![^\W_])",
            r"[yY]'(?=all)",
            r"(?:[^\W\d_]\.)+(?![^\W_])|[^\W\d_](?:\.[^\W\d_])+(?![^\W_])",  # U.S., d.
            rf"{_ABBREVIATION}\.(?![^\W_])|{_WORD}\.(?=[,;:])",
            r"[nN]os?\.(?=\s*\d)",
            rf"{_PART}(?:/{_PART}){{1,2}}",  # and/or, 1/2
            r"[A-Z]+(?:[+&][A-Z]+)+|[A-Z]+\$",  # AT&T, A$
            r"[cC](?:\+\+|#)",
            rf"{_NUMBER}(?![^\W_]|-[^\W_])",
            rf"[dDoOlL]'{_THING}|{_WORD}(?!-?[^\W_])|{_THING}|{_WORD}",
            r"\.{2,}|-{2,}|[?!]+|``|''",
            r"[@#]\w+(?<!\d)",
            r"\S",
        )
    )
)
_AS_WRITTEN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "--", "—": "--", "…": "...", "½": "1/2", "¼": "1/4", "¾": "3/4",
     "£": "#", "€": "$", "¢": " cents", "\u00a0": " "}
)  # fmt: skip
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_PUNCTUATION = frozenset(["''", "'", "``", "`", '"', ".", "?", "!", ",", ":", "-", "--", "...", ";"])


def tokenize(caption: str) -> list[str]:
    """The words of a caption: `"A dog's toy, isn't it?"` gives a dog 's toy is n't it."""
    tokens = (match[0] for match in _TOKEN.finditer(html.unescape(caption).translate(_AS_WRITTEN)))
    return [_BRACKETS.get(token, token).lower() for token in tokens if not _is_punctuation(token)]


def _is_punctuation(token: str) -> bool:
    return token in _PUNCTUATION or not token.strip(".") or not token.strip("-")
