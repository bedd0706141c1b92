"""Training: the same bits however it is interrupted, and what it survives."""

import errno
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from minigrad.errors import CheckpointError, MissingFileError, NotFiniteError, UsageError
from models.data.coco import CaptionData
from models.training import Log, Record, Run, Settings, Source, Training, Validation, read_log
from models.training.step import Step

WORDS = ["<NULL>", "<START>", "<END>", "<UNK>", *"abcdefgh"]
TINY = Settings(
    word_dim=5, hidden_dim=6, batch_size=8, steps=20, learning_rate=0.02, feature_noise=0.1, save_every=3, eager=True
)


def write_captions(folder: Path, seed: int = 0) -> Path:
    """Four files: 50 captions of 10 images for training, 20 of 4 held out; the features tell the words."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    vocabulary = {"idx_to_word": WORDS, "word_to_idx": {word: i for i, word in enumerate(WORDS)}}
    (folder / "coco2014_vocab.json").write_text(json.dumps(vocabulary))
    for split, images in (("train", 10), ("val", 4)):
        features = rng.standard_normal((images, 7)).astype(np.float32)
        with h5py.File(folder / f"{split}2014_plain.h5", "w") as file:
            file["features"] = features
        with h5py.File(folder / "coco2014_captions.h5", "a") as file:
            file[f"{split}_captions"] = np.stack([caption(rng) for _ in range(5 * images)])
            file[f"{split}_image_idxs"] = np.repeat(np.arange(images, dtype=np.int32), 5)
        (folder / f"{split}2014_urls.txt").write_text("".join(f"http://images/{split}{i}.jpg\n" for i in range(images)))
    return folder


def caption(rng: np.random.Generator) -> Any:
    """Start, 2 to 6 words, end, and nulls up to 9."""
    words = rng.integers(4, len(WORDS), rng.integers(2, 7)).tolist()
    return np.array([1, *words, 2, *[0] * (7 - len(words))], np.int32)


def trainer(
    folder: Path, source: Source, data: CaptionData, warnings: list[str] | None = None, **changed: Any
) -> Training:
    """A training in a new run folder."""
    run = Run.create(folder, replace(TINY, **changed), source, data)
    return Training(run, data.train, Validation(data), (warnings if warnings is not None else []).append)


def again(folder: Path, data: CaptionData, warnings: list[str] | None = None) -> Training:
    """A training that goes on where the run's checkpoint is."""
    training = Training(
        Run.open(folder), data.train, Validation(data), (warnings if warnings is not None else []).append
    )
    training.resume()
    return training


def state(training: Training) -> dict[str, bytes]:
    """Every bit that decides what comes next, but for the time."""
    arrays = {**training.captioner.state_dict(), **training.optimizer.state_dict()}
    place = {k: v for k, v in vars(training.place).items() if k != "seconds"}
    decided = {"place": place, "generator": training.rng.bit_generator.state}
    return {k: v.tobytes() for k, v in arrays.items()} | {"decided": json.dumps(decided).encode()}


def without_times(records: list[Record]) -> list[Record]:
    return [{k: v for k, v in r.items() if k not in ("seconds", "words_per_second")} for r in records]


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
@pytest.mark.parametrize("stops", [(1,), (7, 9), (3, 14, 19), (20,)], ids=str)  # an epoch is 7 batches
def test_stopping_and_resuming_gives_the_bits_of_never_having_stopped(
    tmp_path: Path, source: Source, data: CaptionData, cell: str, stops: tuple[int, ...]
) -> None:
    compiled = stops == (7, 9)
    changed = {"cell": cell, "eager": not compiled, "by_length": not compiled, "threads": 1 + compiled}
    whole = trainer(tmp_path / "whole", source, data, **changed)
    list(whole.run())
    parts = trainer(tmp_path / "parts", source, data, **changed)
    for stop in stops:
        list(parts.run(until=stop))
        parts = again(tmp_path / "parts", data)
    list(parts.run())
    assert state(parts) == state(whole)
    assert without_times(read_log(tmp_path / "parts/log.jsonl")) == without_times(
        read_log(tmp_path / "whole/log.jsonl")
    )


def test_training_learns_and_logs_every_step_and_validation(tmp_path: Path, source: Source, data: CaptionData) -> None:
    training = trainer(tmp_path / "run", source, data, steps=60, learning_rate=0.05, by_length=False)
    records = list(training.run())
    steps = [r for r in records if "loss" in r]
    assert [r["step"] for r in steps] == list(range(1, 61))
    assert np.mean([r["loss"] for r in steps[-5:]]) < 0.8 * steps[0]["loss"]
    assert [r["step"] for r in records if "val_loss" in r] == [7, 14, 21, 28, 35, 42, 49, 56, 60]
    assert read_log(tmp_path / "run/log.jsonl") == training.log.records == records
    assert steps[-1]["lr"] < steps[10]["lr"] and steps[0]["lr"] < steps[5]["lr"]


def test_the_same_threads_give_the_same_bits_and_any_number_nearly_the_same(
    tmp_path: Path, source: Source, data: CaptionData
) -> None:
    ends = []
    for i, threads in enumerate((2, 2, 1)):
        training = trainer(tmp_path / str(i), source, data, threads=threads, steps=9, eager=False, by_length=False)
        list(training.run())
        ends.append(training)
    assert state(ends[0]) == state(ends[1])
    for path, array in ends[2].captioner.state_dict().items():
        np.testing.assert_allclose(ends[0].captioner.state_dict()[path], array, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("eager", [True, False])
def test_a_step_has_the_gradients_of_the_whole_batch(
    tmp_path: Path, source: Source, data: CaptionData, size: int, eager: bool
) -> None:
    run = Run.create(tmp_path / "run", TINY, source, data)
    batch = next(iter(data.train.epoch(size, np.random.default_rng(0))))
    whole, split = run.build(), run.build()
    loss = whole.loss(batch.features, batch.captions)
    loss.backward()
    step = Step(split, threads=3, eager=eager)
    for _ in range(2):  # the second time with gradients of the first in place
        assert step(batch.features, batch.captions) == pytest.approx(float(loss), rel=1e-6)
    for own, other in zip(whole.parameters(), split.parameters(), strict=True):
        np.testing.assert_allclose(other.grad.numpy(), own.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.fault(number=17)
def test_a_loss_that_is_not_finite_stops_with_the_parameters_before_it(
    tmp_path: Path, source: Source, data: CaptionData, threads: int
) -> None:
    training = trainer(tmp_path / "run", source, data, threads=threads)
    list(training.run(until=4))
    training.captioner.W_vocab.changing()[0, 5] = np.inf
    before = state(training)
    with pytest.raises(
        NotFiniteError, match=r"step 5, epoch 1: the loss became (nan|inf), for images \d+, \d+.*W_vocab"
    ):
        list(training.run())
    assert state(training) == before == state(again(tmp_path / "run", data))


@pytest.mark.fault(number=17)
def test_a_rate_that_blows_up_is_stopped_and_names_an_operation(
    tmp_path: Path, source: Source, data: CaptionData
) -> None:
    training = trainer(tmp_path / "run", source, data, learning_rate=1e30, warm_up=0)
    with pytest.raises(NotFiniteError, match=r"the (loss|gradients' norm) became.*made the first"):
        list(training.run())
    assert all(np.isfinite(p.numpy()).all() for p in training.captioner.parameters())


@pytest.mark.fault(number=17)
def test_an_update_after_which_held_out_data_has_no_loss_is_not_saved(
    tmp_path: Path, source: Source, data: CaptionData
) -> None:
    training = trainer(tmp_path / "run", source, data)
    list(training.run(until=6))
    before = state(training)
    training.validate = lambda captioner: {"val_loss": float("nan")}
    with pytest.raises(NotFiniteError, match=r"step 7, epoch 1: val_loss became nan after the update; the checkpoint"):
        list(training.run())
    assert state(again(tmp_path / "run", data)) == before


@pytest.mark.fault(number=15)
def test_training_goes_on_when_the_disk_is_full(
    tmp_path: Path, source: Source, data: CaptionData, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    training = trainer(tmp_path / "run", source, data, warnings)
    list(training.run(until=6))
    saved = state(training)

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(training.checkpoints), "save", full)
    list(training.run(until=10))
    assert training.place.step == 10 and training.failed_saves == len(warnings) >= 2
    assert "COULD NOT BE SAVED" in warnings[0] and "No space left" in warnings[0]
    assert state(again(tmp_path / "run", data)) == saved


@pytest.mark.fault(number=25)
def test_the_loss_of_the_log_is_told_once_and_changes_nothing(
    tmp_path: Path, source: Source, data: CaptionData
) -> None:
    with_log, warnings = trainer(tmp_path / "with", source, data), list[str]()
    without = trainer(tmp_path / "without", source, data, warnings)
    (tmp_path / "without/log.jsonl").mkdir()
    assert without_times(list(without.run())) == without_times(list(with_log.run()))
    assert state(without) == state(with_log)
    assert len(warnings) == 1 and "log.jsonl cannot be written" in warnings[0]


@pytest.mark.fault(number=25)
def test_a_torn_line_and_records_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f'{{"step": {i}, "epoch": 1}}\n' for i in (1, 2, 3)) + '{"st')
    log = Log(path, pytest.fail)
    assert [r["step"] for r in log.records] == [1, 2, 3]
    log.cut(2)
    log.append({"step": 9, "epoch": 1})
    assert [r["step"] for r in read_log(path)] == [1, 2, 9] == [r["step"] for r in log.records]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.fault(number=16)
def test_a_signal_finishes_the_step_saves_and_ends(
    tmp_path: Path, source: Source, data: CaptionData, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    training = trainer(tmp_path / "run", source, data, save_every=1000)
    for record in training.run():
        if record["step"] == 5:
            os.kill(os.getpid(), number)
    assert training.stopped_by == number and training.place.step == 5
    assert state(again(tmp_path / "run", data)) == state(training)
    assert signal.getsignal(number) is before


@pytest.mark.fault(number=16)
def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, source: Source, data: CaptionData) -> None:
    training = trainer(tmp_path / "run", source, data)
    with pytest.raises(KeyboardInterrupt):
        for _ in training.run():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.fault(number=25)
def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, source: Source, data: CaptionData, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps: Iterator[float] = iter(range(10**9, 0, -(10**5)))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    records = [r for r in trainer(tmp_path / "run", source, data).run() if "loss" in r]
    assert all(r["words_per_second"] > 0 for r in records)
    assert [r["seconds"] for r in records] == sorted(r["seconds"] for r in records)


@pytest.mark.fault(number=1)
def test_runs_that_are_not_there_or_not_runs(tmp_path: Path, source: Source, data: CaptionData) -> None:
    with pytest.raises(MissingFileError, match="is no run"):
        Run.open(tmp_path / "nothing")
    run = Run.create(tmp_path / "run", TINY, source, data)
    with pytest.raises(MissingFileError, match="no checkpoint yet"):
        run.trained(pytest.fail)
    with pytest.raises(UsageError, match="not empty"):
        Run.create(tmp_path / "run", TINY, source, data)
    run.config_path.write_text("{}")
    with pytest.raises(CheckpointError, match="does not describe a run of `minigrad train`"):
        Run.open(tmp_path / "run")


def test_settings_that_make_no_sense_are_named() -> None:
    nan = float("nan")
    for wrong in (
        *({"batch_size": 0}, {"learning_rate": nan}, {"learning_rate": 1e300}, {"decay": 1.5}, {"feature_noise": -1.0}),
        *({"seed": -1}, {"forget_bias": nan}, {"embedding_deviation": -1.0}),
    ):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            replace(TINY, **wrong)
