"""How much memory this process holds, and the most it has held. Imports nothing of ours."""

from contextlib import suppress
from pathlib import Path


def resident() -> int | None:
    """Bytes in memory now; None if the system does not tell."""
    return _status("VmRSS")


def peak() -> int | None:
    """The most bytes in memory since the process began, or since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Resets the peak to what is in memory now, if the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)
