"""A signal to several ranks reaches each in its own time: some when all have stopped for it already."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_parallel import SMALL, losses, several
from test_training import write_captions

from models.stopping import StopWish

LATE = """
import os, signal, sys, threading
hand_on, rank = os.kill, os.environ["PMI_RANK"]
def late(process, number):
    timer = threading.Timer({delay} * (rank == "1"), hand_on, (process, number))
    timer.daemon = True
    timer.start()
os.kill = late
from minigrad.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.fault(number=16)
def test_the_copy_of_a_signal_that_was_granted_changes_nothing_and_the_next_one_does() -> None:
    reached: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: reached.append(number))
    try:
        with StopWish() as wish:
            wish.grant(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == [signal.SIGTERM]
        with StopWish() as wish:
            os.kill(os.getpid(), signal.SIGTERM)
            wish.grant(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert reached == [signal.SIGTERM] * 2, "its own copy had come"
    finally:
        signal.signal(signal.SIGTERM, before)


@several
@pytest.mark.parametrize("delay", [0.1, 0.25])
@pytest.mark.fault(number=16)
def test_a_rank_that_is_told_late_ends_as_the_others_do(tmp_path: Path, delay: float) -> None:
    run = tmp_path / "run"
    words = ["train", "--data", str(write_captions(tmp_path / "captions")), *SMALL, "--steps", "100000"]
    ranks = ["mpiexec", "-n", "2", sys.executable, "-c", LATE.format(delay=delay), *words, "--out", str(run)]
    job = subprocess.Popen(ranks, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
    while len(losses(run)) < 3 and job.poll() is None:
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    told = job.communicate(timeout=60)[0]
    assert job.returncode == 128 + signal.SIGTERM, told
    assert told.count("stopped after step") == 1 and "killed" not in told
