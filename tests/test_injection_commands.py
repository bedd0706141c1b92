"""Commands on disks that fail and in processes that die, at any call: one clear line, and asked again they go on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from injection import KILLED, Disk, Killed, calls_of, every_failure
from photo_folder import parts_of
from quick_gan import make_gan_quick
from test_training import write_captions
from thorough import TIMES

import minigrad as mg
from minigrad.cli import main
from minigrad.errors import DataError
from minigrad.op import Array
from models.data import measuring, preparation
from models.data.writing import Recipe
from models.photo_features import PhotoFeatures
from models.squeezenet import SqueezeNet
from models.training import Run
from models.training.adversarial import GanRun

pytestmark = pytest.mark.fault(number=15)
SMALL = ["--steps", "4", "--save-every", "2", "--batch-size", "8", "--threads", "1"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder on the disk that fails."""
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def parameters(folder: Path) -> dict[str, Array]:
    """Of the last checkpoint of a run that did all its steps."""
    run: Any = Run.open(folder) if "words" in (folder / "config.json").read_text() else GanRun.open(folder)
    arrays, state, _ = run.checkpoints.latest(pytest.fail)
    assert state["place"]["step"] == 4
    return arrays  # type: ignore[no-any-return]


def whatever_fails(runs: Path, command: list[str], capsys: pytest.CaptureFixture[str], most: int) -> None:
    """A training tells of a failure, and comes to the same end when it is asked to go on, or to begin."""
    calls = calls_of(runs, lambda: main([*command, "--out", str(runs / "whole")]))
    whole = parameters(runs / "whole")
    for k, how in every_failure(len(calls), most):
        case, folder = (k, how, calls[k]), runs / f"{k}-{how}"
        words = [*command, "--out", str(folder)]
        capsys.readouterr()
        code = exit_code(runs, k, how, words)
        told = capsys.readouterr().err
        assert (code is None) == (how == KILLED) and "Traceback" not in told, (case, told)
        assert code in (0, 1, 2, None) and (code in (1, 2)) == ("COULD NOT BE" in told or "minigrad: " in told), case
        begun = (folder / "config.json").exists()
        assert main([command[0], "--resume", "--out", str(folder)] if begun else words) == 0, case
        assert {path.name for path in folder.rglob("*")} >= {path.name for path in (runs / "whole").iterdir()}, case
        assert not list(folder.rglob(".*")), case
        assert all(np.array_equal(array, whole[name]) for name, array in parameters(folder).items()), case


def exit_code(runs: Path, k: int, how: str, words: list[str]) -> int | None:
    """Of a command on a disk that fails; None where it was killed."""
    try:
        with Disk(runs, k, how):
            return main(words)
    except Killed:
        return None


def test_training(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(write_captions(runs.parent / "captions"))
    command = ["train", "--data", data, "--word", "6", "--hidden", "8", "--eager", *SMALL]
    whatever_fails(runs, command, capsys, most=3 * TIMES)


def test_generated_digits(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    make_gan_quick(monkeypatch)
    whatever_fails(runs, ["gan", "--sample-every", "2", "--noise", "3", *SMALL], capsys, most=4 * TIMES)


def test_preparing_photographs(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "BLOCK", 2)
    monkeypatch.setattr(preparation, "compile", lambda f, workers: lambda x: mg.tensor(x[:, :, 7:9, 9].reshape(-1, 6)))
    parts, features = parts_of(runs.parent, train=3, val=2), PhotoFeatures("squeezenet", SqueezeNet(num_classes=3))

    def prepare(folder: Path) -> dict[str, bytes]:
        preparation.prepare(folder, parts, features, Recipe(length=8, min_count=1))
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    calls = calls_of(runs, lambda: prepare(runs / "whole"))
    whole = prepare(runs / "again")
    for k, how in every_failure(len(calls), most=8 * TIMES):
        folder = runs / f"{k}-{how}"
        try:
            with Disk(runs, k, how):
                prepare(folder)
        except (OSError, DataError, Killed) as error:  # a block that cannot be read is measured again
            assert (how == KILLED) == isinstance(error, Killed), (k, how)
        found = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else prepare(folder)
        assert found == whole, (k, how, calls[k])
