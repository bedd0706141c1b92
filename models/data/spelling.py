"""Wording for errors about a name that does not exist. Anyone in `models.data` may import it."""

from collections.abc import Iterable
from difflib import get_close_matches


def choices(wanted: str, found: Iterable[str]) -> str:
    """The names there are, as in `found 'a', 'b'; did you mean 'a'?`; the question only if one is close to `wanted`."""
    names = sorted(found)
    near = get_close_matches(wanted, names, 1)
    return f"found {some(names) or 'none'}{f'; did you mean {near[0]!r}?' if near else ''}"


def some(names: Iterable[str], most: int = 12) -> str:
    """Names in quotes; of many only the first few."""
    quoted = [repr(name) for name in names]
    rest = f" and {len(quoted) - most} more" if len(quoted) > most else ""
    return ", ".join(quoted[:most]) + rest
