"""Ranks killed at random moments; run as a script: RUN KILLS [SEED]. Linux alone, which lists processes in /proc.

A run is continued again and again by two to four ranks, one of which is killed. Each time the whole job must end within
five seconds, non-zero, with nobody left behind, the killed rank named, and the checkpoint whole.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from minigrad.store import Checkpoints

LIMIT = 5.0
"""Seconds in which everything must have ended."""
TRAIN = [sys.executable, "-m", "minigrad.cli", "train"]


def started(ranks: int, *words: str) -> "subprocess.Popen[str]":
    """mpiexec with so many ranks of `minigrad train`."""
    return subprocess.Popen(
        ["mpiexec", "-n", str(ranks), *TRAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def below(process: int) -> Iterator[int]:
    """The processes that a process has started, and theirs."""
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                yield child
                yield from below(child)


def ranks_of(job: int) -> list[int]:
    """The processes of a job's ranks: of each the one that waits, and the one that works, once it is there."""
    return [process for process in below(job) if b"minigrad.cli\0train" in command(process)]


def command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def works(process: int) -> bool:
    """Whether it is the one of its rank that works: its parent is the other."""
    with suppress(OSError, IndexError, ValueError):
        parent = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
        return b"minigrad.cli\0train" in command(parent)
    return False


def kill_one(job: "subprocess.Popen[str]", lot: random.Random) -> tuple[str, float]:
    """Kills a process of a rank; what the job said, and the seconds until all had ended."""
    processes: list[int] = []
    while not processes:
        assert job.poll() is None, job.communicate()[0]
        processes = ranks_of(job.pid)
    victim = lot.choice(processes)
    worked = works(victim)
    start = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    told = job.communicate(timeout=60)[0]
    while any(b"minigrad.cli\0train" in command(process) for process in processes):
        assert time.monotonic() - start < 60, "ranks stay behind"
        time.sleep(0.01)
    seconds = time.monotonic() - start
    assert job.returncode, told
    assert not worked or "was killed by SIGKILL" in told, told
    return told, seconds


def latest_step(run: Path) -> int:
    """The step of the latest checkpoint, which must be whole at the first try; 0 where there is none."""
    damaged: list[str] = []
    found = Checkpoints(run / "checkpoints").latest(damaged.append)
    assert not damaged, damaged
    return 0 if found is None else int(found[1]["place"]["step"])


def wait_for_steps(job: "subprocess.Popen[str]", run: Path, lot: random.Random) -> None:
    """Returns a random time after the first new checkpoint."""
    before = latest_step(run)
    while latest_step(run) == before and job.poll() is None:
        time.sleep(0.05)
    time.sleep(lot.uniform(0, 1))


def main(run: Path, kills: int, seed: int = 0) -> None:
    """Kills that often, at any moment or among steps, in turn; prints the longest time to the end and the last step."""
    lot, longest, reached, early = random.Random(seed), 0.0, 0, 0
    for i in range(kills):
        with started(lot.randint(2, 4), "--resume", "--out", str(run)) as job:
            if i % 2:
                wait_for_steps(job, run, lot)
            else:
                time.sleep(lot.uniform(0, 4))
            longest = max(longest, kill_one(job, lot)[1])
        step = latest_step(run)
        assert longest <= LIMIT and step >= reached, (longest, step, reached)
        early += step == reached
        reached = step
        print(f"{i + 1} kills, step {step}, the longest end {longest:.2f} s, {early} before a step", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
