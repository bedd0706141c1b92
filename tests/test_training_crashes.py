"""Training that is killed, or whose disk is full, at any moment: nothing is lost but the step in hand."""

import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_training import TINY, again, state, trainer, write_captions
from thorough import TIMES

from models.training import Run, Source, read_log

GO_ON = """
import sys
from models.training import Run, Training, Validation
run = Run.open(sys.argv[1])
data = run.source.open()
training = Training(run, data.train, Validation(data), print)
training.resume()
list(training.run())
sys.exit(training.failed_saves > 0)
"""
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(str(write_captions(tmp_path_factory.mktemp("data") / "captions")), "plain")


def started(folder: Path, script: str = GO_ON) -> "subprocess.Popen[bytes]":
    """A process that goes on with the run of a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def steps(folder: Path) -> int:
    """Steps in the log."""
    return max((record["step"] for record in read_log(folder / "log.jsonl")), default=0)


@pytest.mark.fault(number=15)
def test_kill_9_at_random_moments_loses_nothing_but_the_step_in_hand(tmp_path: Path, source: Source) -> None:
    data, lot = source.open(), random.Random(0)
    kills = 3 * TIMES
    changed = {"steps": 100 * kills, "save_every": 1}
    whole = trainer(tmp_path / "whole", source, data, steps=100 * kills, save_every=100 * kills)
    list(whole.run())
    folder = Run.create(tmp_path / "killed", replace(TINY, **changed), source, data).folder
    for kill in range(kills):
        before = steps(folder)
        with started(folder) as process:
            while process.poll() is None and steps(folder) <= before + 2 and kill % 4 != 3:  # or while it begins
                time.sleep(0.005)
            time.sleep(lot.uniform(0, 0.1 if kill % 4 != 3 else 1.5))
            process.send_signal(signal.SIGKILL)
        reached = steps(folder)
        found = again(folder, data)
        assert reached - 1 <= found.place.step <= reached
    with started(folder) as process:
        assert process.wait() == 0
    assert state(again(folder, data)) == state(whole)


@pytest.mark.fault(number=15)
def test_a_disk_that_is_full_leaves_the_checkpoint_and_the_exit_code(tmp_path: Path, source: Source) -> None:
    data = source.open()
    training = trainer(tmp_path / "run", source, data, steps=8)
    list(training.run(until=4))
    saved = state(training)
    with started(tmp_path / "run", FULL + GO_ON) as process:
        told = process.communicate()[0].decode()
    assert process.returncode == 1 and "step 6 COULD NOT BE SAVED" in told and "Traceback" not in told
    assert state(again(tmp_path / "run", data)) == saved
