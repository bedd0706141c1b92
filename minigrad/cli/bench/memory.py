"""How much memory this process holds, and held at most. Imports nothing of ours."""

from contextlib import suppress
from pathlib import Path


def resident() -> int | None:
    """Bytes in memory now; None where the system does not tell."""
    return _status("VmRSS")


def peak() -> int | None:
    """The most bytes that were in memory since the process began, or since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """The peak is what is in memory now, where the system lets a process say so."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), None)
