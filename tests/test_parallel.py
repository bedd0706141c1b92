"""Training by several ranks: the losses of one process, the same bits on all, and nobody waits for one that failed."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed_ranks import LIMIT, TRAIN, kill_one, latest_step, started
from test_training import again, trainer, write_captions
from thorough import TIMES

from models.data import features
from models.data.features import FeatureTable
from models.launch import Launch, launch
from models.parallel import Ranks, wait_for_reader
from models.training import Source, read_log
from models.training.streams import RowStreams, normal

HERE = Path(__file__).parent
RANKS = 4
SMALL = ["--word", "5", "--hidden", "6", "--batch-size", "8", "--lr", "0.02", "--feature-noise", "0.1", "--eager"]

several = pytest.mark.skipif(
    not (find_spec("mpi4py") and shutil.which("mpiexec")), reason="needs MPI: python -m pip install 'minigrad[mpi]'"
)
in_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in Linux's /proc")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(str(write_captions(tmp_path_factory.mktemp("data") / "captions")), "plain")


@pytest.fixture(scope="module")
def found(source: Source, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of `ranks.py`, where one process had begun a run, and what each rank found."""
    folder = tmp_path_factory.mktemp("ranks")
    list(trainer(folder / "alone", source, source.open()).run(until=8))
    words = ["mpiexec", "-n", str(RANKS), sys.executable, str(HERE / "ranks.py"), source.folder, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"rank{i}.json").read_text()) for i in range(RANKS)]


def losses(folder: Path, name: str = "loss") -> list[float]:
    return [record[name] for record in read_log(folder / "log.jsonl") if name in record]


@several
@pytest.mark.parametrize("eager", [True, False])
def test_ranks_have_the_losses_of_one_process_and_the_same_bits_as_each_other(
    found: Any, source: Source, tmp_path: Path, eager: bool
) -> None:
    folder, ranks = found
    changed = {"eager": eager, "steps": 20 if eager else 9, "by_length": eager}
    whole = trainer(tmp_path / "one", source, source.open(), **changed)
    list(whole.run())
    np.testing.assert_allclose(losses(folder / f"whole-{eager}"), losses(tmp_path / "one"), rtol=1e-5)
    np.testing.assert_allclose(
        losses(folder / f"whole-{eager}", "val_loss"), losses(tmp_path / "one", "val_loss"), rtol=1e-5
    )
    assert len({rank[f"whole-{eager}"] for rank in ranks}) == 1
    together = again(folder / f"whole-{eager}", source.open()).captioner.state_dict()
    for name, array in whole.captioner.state_dict().items():
        np.testing.assert_allclose(together[name], array, rtol=1e-3, atol=1e-4)


@several
@pytest.mark.parametrize("eager", [True, False])
def test_as_many_ranks_go_on_to_the_same_bits(found: Any, eager: bool) -> None:
    folder, ranks = found
    assert {rank[f"parts-{eager}"] for rank in ranks} == {rank[f"whole-{eager}"] for rank in ranks}
    assert losses(folder / f"parts-{eager}") == losses(folder / f"whole-{eager}")


@several
def test_more_ranks_or_fewer_go_on_to_the_same_losses(found: Any, source: Source, tmp_path: Path) -> None:
    folder, ranks = found
    usual = losses(folder / "whole-True")
    assert all(rank["continued"] == ranks[0]["continued"] for rank in ranks)
    np.testing.assert_allclose(ranks[0]["continued"], usual[8:], rtol=1e-5)
    shutil.copytree(folder / "stopped", tmp_path / "stopped")
    warnings: list[str] = []
    list(again(tmp_path / "stopped", source.open(), warnings).run())
    np.testing.assert_allclose(losses(tmp_path / "stopped"), usual, rtol=1e-5)
    assert len(warnings) == 1 and warnings[0].startswith("4 ranks came so far and 1 go on")


@several
@pytest.mark.fault(number=24)
def test_what_one_rank_finds_wrong_all_say_with_its_number(found: Any) -> None:
    for rank in found[1]:
        assert rank["poisoned"].startswith("NotFiniteError: rank 2: step 3, epoch 1: the loss became nan, for images ")
        assert rank["apart"].startswith(
            "RanksDifferError: after step 3 rank 3 of 4 had other parameters than the rest, "
        )
        assert "captioner.cell.Wh first" in rank["apart"]
        assert rank["refused"] == "DataError: the first rank's"


@several
@pytest.mark.fault(number=16)
def test_a_signal_to_one_rank_stops_all_after_the_same_step_saved(found: Any) -> None:
    assert all(rank["stopped"] == [signal.SIGTERM, 6, True] for rank in found[1])


@several
@in_proc
@pytest.mark.fault(number=24)
def test_a_rank_that_is_killed_ends_all_at_once_and_is_named(source: Source, tmp_path: Path) -> None:
    run, lot, told = tmp_path / "run", random.Random(1), ""
    words = ["--data", source.folder, *SMALL, "--steps", "100000", "--save-every", "1", "--out", str(run)]
    for i in range(2 * TIMES):
        before = latest_step(run)
        with started(2, *(words if i == 0 else ["--resume", "--out", str(run)])) as job:
            while latest_step(run) < before + 5 and job.poll() is None:
                time.sleep(0.05)
            said, seconds = kill_one(job, lot)
        assert seconds < LIMIT and latest_step(run) >= before + 5
        told += said
    assert "was killed by SIGKILL" in told and "; all 2 ranks end" in told and "Traceback" not in told


@several
@in_proc
@pytest.mark.fault(number=24)
def test_a_rank_that_ends_before_mpi_begins_ends_all() -> None:
    rank = f'[ "$PMI_RANK" = 1 ] && exit 3; exec {shlex.join(TRAIN)} --data /nowhere'
    command = ["mpiexec", "-n", "3", "sh", "-c", rank]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode
    says = re.fullmatch(r"(minigrad: rank [02]: another rank has ended before MPI began; all end\n)+", done.stderr)
    assert says, done.stderr


RAISES = """
import sys
from minigrad.cli import main
from models.training import Training
step, here = Training._step, {fault!r}
def faulty(self, batch):
    if self.ranks.number == 1 and self.place.step == 3:
        raise here
    return step(self, batch)
Training._step = faulty
sys.exit(main(sys.argv[1:]))
"""


@several
@pytest.mark.parametrize(
    "fault", [OSError(5, "Input/output error", "features.h5"), ZeroDivisionError("a fault of ours")]
)
@pytest.mark.fault(number=24)
def test_a_rank_that_raises_ends_all_with_its_number_and_error(
    source: Source, tmp_path: Path, fault: Exception
) -> None:
    words = ["train", "--data", source.folder, *SMALL, "--steps", "50", "--out", str(tmp_path / "run")]
    command = ["mpiexec", "-n", "2", sys.executable, "-c", RAISES.format(fault=fault), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode, done.stderr
    assert done.stderr.count("minigrad: rank 1: ") == 1 and str(fault.args[-1]) in done.stderr
    assert "rank 0:" not in done.stderr and "Abort" not in done.stderr
    assert ("Traceback" in done.stderr) == isinstance(fault, ZeroDivisionError)


@pytest.mark.fault(number=24)
def test_a_rank_waits_until_its_last_words_are_read_but_not_for_ever() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb", buffering=0) as pipe:
        pipe.write(b"minigrad: rank 1: last words\n")
        start = time.monotonic()
        wait_for_reader(writer, seconds=0.1)
        assert time.monotonic() - start >= 0.1
        threading.Timer(0.1, os.read, (reader, 100)).start()
        wait_for_reader(writer, seconds=60)
    assert time.monotonic() - start < 30


@several
@pytest.mark.fault(number=16)
def test_mpiexec_that_is_told_to_end_saves_and_goes_on(source: Source, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["--data", source.folder, *SMALL, "--steps", "100000", "--save-every", "1000000", "--out", str(run)]
    with started(2, *words) as job:
        while len(losses(run)) < 3 and job.poll() is None:
            time.sleep(0.05)
        job.send_signal(signal.SIGTERM)
        told = job.communicate(timeout=30)[0]
    assert job.returncode == 128 + signal.SIGTERM, told
    assert told.count("stopped after step") == 1 and latest_step(run) == len(losses(run))


@several
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "--data", "/nowhere"], "there is no folder /nowhere"),
        (["gan", "vanilla"], "ranks share the work of"),
        (["train", ":", "-n", "1", *TRAIN[:-1], "doctor"], "all ranks must be started with the same words"),
    ],
)
def test_what_is_wrong_before_training_is_said_once(words: list[str], says: str) -> None:
    command = ["mpiexec", "-n", "2", *TRAIN[:-1], *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and says in done.stderr, done.stderr


@several
def test_a_loop_of_ones_own() -> None:
    example = [sys.executable, "-m", "mpi4py", str(HERE.parent / "examples" / "own_ranks.py")]
    alone, together = (
        subprocess.run([*start, *example], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
        for start in ([], ["mpiexec", "-n", "3"])
    )
    assert alone == together and alone.startswith("loss 0.0")


def test_without_mpiexec_nothing_of_mpi_is_imported() -> None:
    script = "import sys, minigrad.cli.train as train; ranks = train.world(); sys.exit('mpi4py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


@pytest.mark.parametrize("count", [1, 3, 4])
@pytest.mark.parametrize("length", [0, 1, 3, 8, 50])
def test_parts_are_even_and_whole(count: int, length: int) -> None:
    ranks = [Ranks() for _ in range(count)]
    for number, rank in enumerate(ranks):
        rank.number, rank.count = number, count
    parts = [list(range(length))[rank.part(length)] for rank in ranks]
    assert [row for part in parts for row in part] == list(range(length))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("by_length", [True, False])
def test_a_rank_reads_the_features_of_its_own_rows_alone(
    source: Source, monkeypatch: pytest.MonkeyPatch, by_length: bool
) -> None:
    train, read = source.open().train, []  # type: ignore[var-annotated]
    rows = FeatureTable.rows
    monkeypatch.setattr(FeatureTable, "rows", lambda self, wanted: read.append(list(wanted)) or rows(self, wanted))
    epochs = [list(train.epoch(8, np.random.default_rng(5), by_length))]
    for number in range(3):
        rank = Ranks()
        rank.number, rank.count = number, 3
        read.clear()
        epochs.append(list(train.epoch(8, np.random.default_rng(5), by_length, rank.part)))
        assert read == [list(batch.rows) for batch in epochs[-1]]
    for whole, *parts in zip(*epochs, strict=True):
        assert [part.first for part in parts] == [0, *np.cumsum([len(part.rows) for part in parts])[:-1]]
        for name in ("captions", "features", "rows"):
            together = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(together, getattr(whole, name))


def test_features_that_the_first_rank_looked_through_are_not_read_to_open_them(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_KEPT", 0)
    counted = source.open().counted
    monkeypatch.setattr(FeatureTable, "_read", lambda self, rows: pytest.fail("read"))
    assert counted == source.open(counted).counted == {"train": 0, "val": 0}


def test_a_row_has_its_numbers_whoever_draws_them() -> None:
    whole = RowStreams(3, 1).drawn(normal, 7, 0, (9, 500))
    for first, count in ((0, 4), (4, 0), (4, 5)):
        part = RowStreams(3, 1).drawn(normal, 7, first, (count, 500))
        np.testing.assert_array_equal(part, whole[first : first + count])
    others = [RowStreams(3, 1).drawn(normal, 8, 0, (9, 500)), RowStreams(3, 2).drawn(normal, 7, 0, (9, 500))]
    rows = np.concatenate([whole, *others, RowStreams(4, 1).drawn(normal, 7, 0, (9, 500))])
    assert abs(rows.mean()) < 0.03 and abs(rows.std() - 1) < 0.03
    assert np.abs(np.corrcoef(rows) - np.eye(len(rows))).max() < 0.25


def test_who_started_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PMI", "OMPI", "MPI_")):
            monkeypatch.delenv(name)
    assert launch() == Launch(0, 1, 1)
    for name, value in zip(("RANK", "SIZE", "LOCAL_SIZE"), "582", strict=True):
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    assert launch() == Launch(5, 8, 2)
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "4")
    assert launch() == Launch(1, 4, 4)
