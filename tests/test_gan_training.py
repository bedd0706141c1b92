"""Training adversaries: the same bits however it is interrupted; divergence is told; who is updated when."""

import copy
import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import no_grad
from minigrad.errors import CheckpointError, MissingFileError, NotFiniteError, UsageError
from minigrad.layers import BatchNorm1d, LeakyReLU, Linear, ReLU, Tanh
from models.data.mnist import Digits
from models.gan import LOSSES, NETWORKS, Discriminator, Generator, Pair, begun, noise
from models.training import adversarial
from models.training.adversarial import KINDS, GanRun, GanSettings, GanTraining
from models.training.log import read_log

DIGITS = Digits(np.random.default_rng(0).integers(0, 256, (37, 28, 28), np.uint8), np.zeros(37, np.uint8))
TINY = GanSettings(noise_dim=3, batch_size=8, steps=10, save_every=3, threads=1)


def tiny_pair(noise_dim: int, dtype: Any, seed: int) -> Pair:
    """Small networks, the generator with batch norm."""
    rng = np.random.default_rng(seed)
    discriminator = Discriminator(Linear(784, 5, rng=rng, dtype=dtype), LeakyReLU(), Linear(5, 1, rng=rng, dtype=dtype))
    generator = Generator(
        Linear(noise_dim, 5, rng=rng, dtype=dtype), ReLU(), BatchNorm1d(5, dtype=dtype),
        Linear(5, 784, rng=rng, dtype=dtype), Tanh(),
    )  # fmt: skip
    return begun(Pair(discriminator, generator), rng)


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Any:
    """Small networks in place of the dense ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dense", tiny_pair)
        yield


def trainer(folder: Path, **changed: Any) -> GanTraining:
    """A training in a new folder."""
    return GanTraining(GanRun.create(folder, replace(TINY, **changed), "drawn"), DIGITS, pytest.fail)


def again(folder: Path) -> GanTraining:
    """A training that goes on where the run's checkpoint is."""
    training = GanTraining(GanRun.open(folder), DIGITS, pytest.fail)
    training.resume()
    return training


def state(training: GanTraining) -> dict[str, Any]:
    """Every bit that decides what comes next, but for the time."""
    trained = {"d": training.discriminator, "g": training.generator, **training.optimizers}
    arrays = {f"{n}.{k}": v.tobytes() for n, m in trained.items() for k, v in m.state_dict().items()}
    place = {k: v for k, v in vars(training.place).items() if k != "seconds"}
    return {**arrays, "decided": (place, training.rng.bit_generator.state)}


def without_times(path: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in r.items() if "second" not in k} for r in read_log(path / "log.jsonl")]


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_and_resuming_gives_the_bits_of_never_having_stopped(tmp_path: Path, kind: str) -> None:
    changed = {**KINDS[kind], "networks": "dense", "steps": 10, "critic_steps": 1 + 2 * (kind == "wgan-gp")}
    whole, parts = trainer(tmp_path / "whole", **changed), trainer(tmp_path / "parts", **changed)
    list(whole.run())
    for stop in (2, 4, 7):  # an epoch is 4 batches
        list(parts.run(until=stop))
        parts = again(tmp_path / "parts")
    list(parts.run())
    assert state(parts) == state(whole) and parts.finished
    assert without_times(tmp_path / "parts") == without_times(tmp_path / "whole")


def test_the_convolutional_pair_takes_the_step_that_its_layers_alone_would(tmp_path: Path) -> None:
    training = trainer(tmp_path / "run", networks="convolutional", batch_size=4)
    discriminator, generator = NETWORKS["convolutional"](3, np.float32, TINY.seed)
    rows = np.random.default_rng(training.place.order).permutation(len(DIGITS.images))[:4]
    z = noise(copy.deepcopy(training.rng), 4, 3)
    with no_grad():
        real, fake = discriminator(mg.tensor(DIGITS.rows(rows))), discriminator(generator(mg.tensor(z)))
        expected = LOSSES["vanilla"].discriminator(real, fake).item()
    (record,) = training.run(until=1)
    assert record["discriminator_loss"] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(record["generator_loss"])
    for own, fresh in zip((training.discriminator, training.generator), (discriminator, generator), strict=True):
        before = fresh.state_dict()
        assert [path for path, array in own.state_dict().items() if np.array_equal(array, before[path])] == []
    assert training.generator.state_dict()["2.num_batches_tracked"] == 2  # pictures for either


def test_a_step_changes_the_discriminator_and_then_the_generator_in_its_turn(tmp_path: Path) -> None:
    training = trainer(tmp_path / "run", critic_steps=2)
    networks = {"discriminator": training.discriminator, "generator": training.generator}
    for step in range(1, 4):
        before = {name: network[0].weight.numpy().copy() for name, network in networks.items()}
        list(training.run(until=step))
        changed = {name for name, network in networks.items() if (network[0].weight.numpy() != before[name]).any()}
        assert changed == ({"discriminator", "generator"} if step % 2 == 0 else {"discriminator"})


def test_samples_are_the_same_pictures_until_the_generator_changes(tmp_path: Path) -> None:
    training = trainer(tmp_path / "run")
    list(training.run(until=2))
    kept = {k: v.copy() for k, v in training.generator.state_dict().items()}
    first = training.samples(7)
    assert first.shape == (7, 784) and np.array_equal(first, training.samples(7)) and training.generator.training
    assert all(np.array_equal(v, kept[k]) for k, v in training.generator.state_dict().items())
    list(training.run(until=3))
    assert not np.array_equal(first, training.samples(7))


@pytest.mark.parametrize("who", ["discriminator", "generator"])
@pytest.mark.fault(number=17)
def test_divergence_is_told_with_step_and_losses_and_what_was_before_is_kept(tmp_path: Path, who: str) -> None:
    training = trainer(tmp_path / "run")
    list(training.run(until=2))
    kept = state(training)
    getattr(training, who)[0].weight.changing()[0, 0] = np.nan
    with pytest.raises(
        NotFiniteError, match=r"step 3, epoch 1: training diverged: the discriminator's loss became nan"
    ):
        list(training.run())
    assert not np.isnan(training.optimizers["discriminator"].state["mean"][0]).any()
    kept_now = state(training)
    assert kept_now["decided"] == kept["decided"] and kept_now["discriminator.steps"] == kept["discriminator.steps"]


@pytest.mark.parametrize(("step", "failing"), [(3, 4), (6, 8), (6, 9)], ids=["alone", "first", "second"])
@pytest.mark.fault(number=17)
def test_a_step_that_diverges_is_undone_whole_and_repeated(
    tmp_path: Path, step: int, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"critic_steps": 2, "loss": "wasserstein", "penalty": 1.0}
    whole, training = trainer(tmp_path / "whole", **changed), trainer(tmp_path / "run", **changed)
    list(whole.run(until=10))
    updates, real = count(1), adversarial.squares  # which looks at every update's gradients
    with monkeypatch.context() as patch:
        patch.setattr(adversarial, "squares", lambda arrays: np.nan if next(updates) == failing else real(arrays))
        list(training.run(until=step - 1))
        kept = state(training)
        with pytest.raises(NotFiniteError, match=rf"step {step}, .*norm became nan"):
            list(training.run())
    assert state(training) == kept == state(again(tmp_path / "run"))
    training = again(tmp_path / "run")
    list(training.run())
    assert state(training) == state(whole)
    assert without_times(tmp_path / "run") == without_times(tmp_path / "whole")


@pytest.mark.fault(number=17)
def test_running_statistics_that_overflow_are_divergence(tmp_path: Path) -> None:
    training = trainer(tmp_path / "run")
    list(training.run(until=2))
    kept = state(training)
    training.generator[0].weight.changing()[...] = 1e30  # batch norm's output is 0 then, as of a variance without end
    with pytest.raises(NotFiniteError, match=r"the discriminator's step left generator\.2\.running_var not finite"):
        list(training.run())
    found = state(again(tmp_path / "run"))
    assert {name for name in kept if found[name] != kept[name]} == {"g.0.weight"}


@pytest.mark.parametrize(
    ("loss", "wrong"), [("least squares", "loss became inf"), ("wasserstein", r"norm became \S+e\+")]
)
@pytest.mark.fault(number=17)
def test_what_overflows_now_or_as_squares_of_adam_is_divergence_too(tmp_path: Path, loss: str, wrong: str) -> None:
    training = trainer(tmp_path / "run", loss=loss)
    training.discriminator[2].weight.changing()[...] = 1e22
    with pytest.raises(NotFiniteError, match=f"{wrong}.*losses before: none yet"):
        list(training.run())


@pytest.mark.parametrize(
    ("name", "value"),
    [("networks", "deep"), ("loss", "hinge"), ("batch_size", 1), ("learning_rate", np.nan), ("penalty", -1.0),
     ("steps", 0), ("beta1", 1.0)],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match="β" if name == "beta1" else name):
        replace(TINY, **{name: value})


def test_runs_that_are_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="is no run"):
        GanRun.open(tmp_path / "nowhere")
    run = GanRun.create(tmp_path / "run", TINY, "drawn")
    with pytest.raises(UsageError, match="is not empty"):
        GanRun.create(run.folder, TINY, "drawn")
    with pytest.raises(MissingFileError, match="no checkpoint yet"):
        run.trained(pytest.fail)
    of_another_version = json.dumps({"gan": {"steps": 1}, "data": ""})
    wrong = dict.fromkeys(("{", "[]", "{}"), "does not describe a run of `minigrad gan`")
    for config, message in {**wrong, of_another_version: "GanSettings has other names than this version's"}.items():
        (run.folder / "config.json").write_text(config)
        with pytest.raises(CheckpointError, match=message):
            GanRun.open(run.folder)


def test_the_pair_of_a_run_is_read_back(tmp_path: Path) -> None:
    training = trainer(tmp_path / "run")
    list(training.run())
    _, generator = GanRun.open(tmp_path / "run").trained(pytest.fail)
    own = training.generator.state_dict()
    assert all(np.array_equal(v, own[k]) for k, v in generator.state_dict().items())


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="37 pictures make no batch of 64"):
        trainer(tmp_path / "run", batch_size=64)


def test_the_kinds_are_the_losses_that_there_are() -> None:
    assert {GanSettings(**changed).loss for changed in KINDS.values()} == set(LOSSES)
