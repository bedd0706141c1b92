"""How work that takes long reports its progress. Anyone in `models.data` may import this; it imports nothing."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """Reports nothing."""
