"""Ctrl-C and SIGTERM as requests that a loop reads when it is ready. Used by `parallel` and `training`."""

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""The signals that ask for a stop."""


class StopWish:
    """Within a `with`, the first signal is stored in `signal`; a second one raises KeyboardInterrupt at once.

    Only Python's main thread receives signals; in any other thread nothing is changed.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}
        self._late: int | None = None

    def __enter__(self) -> "StopWish":
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.signal(n, self._note) for n in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, self._drop if number == self._late else handler)

    def grant(self, number: int | None) -> None:
        """The loop ends for a signal that some rank got. The copy that is on its way here changes nothing any more."""
        self._late = None if self.signal == number else number

    def _drop(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, self._before[number])

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number
