"""Run folders: what is wrong with a file of one is told with the file's name and what to do."""

import errno
import json
import os
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_gan import make_gan_quick
from test_training import TINY, again, state, trainer

from minigrad.cli import folders, main, results
from minigrad.errors import CheckpointError, MissingFileError, UsageError
from minigrad.files import write_whole
from minigrad.store import load, save
from models.data.coco import CaptionData
from models.folders import alone
from models.training import Run, Source, Validation
from models.training.adversarial import GanRun, GanSettings
from models.training.folder import CHECKSUM, checksum
from viz.film import write_grey


def rewritten(run: Path, **changed: Any) -> None:
    """config.json as another version would have written it."""
    path = run / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **changed}
    path.write_text(json.dumps({**config, CHECKSUM: checksum(config)}), encoding="utf-8")


def test_a_run_of_a_newer_version_is_told_with_its_file_and_that_version(
    tmp_path: Path, source: Source, data: CaptionData, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.create(tmp_path / "run", TINY, source, data)
    rewritten(run.folder, settings={**TINY.as_dict(), "dropout": 0.5}, software={"minigrad": "9.1"})
    message = rf"^{run.config_path} does not describe a run .*\['dropout'\]\): read it with minigrad 9\.1$"
    with pytest.raises(CheckpointError, match=message):
        Run.open(run.folder)
    assert main(["train", "--resume", "--out", str(run.folder)]) == 2
    assert str(run.config_path) in capsys.readouterr().err


@pytest.mark.fault(number=11)
def test_a_run_that_was_changed_is_told_and_what_was_meant_is_taken(tmp_path: Path) -> None:
    run = GanRun.create(tmp_path / "run", GanSettings(), "drawn")
    text = run.config_path.read_text(encoding="utf-8").replace('"noise_dim": 96', '"noise_dim": 97')
    run.config_path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"^{run.config_path} .*it has changed since .* take its 'checksum' out"):
        GanRun.open(run.folder)
    meant = {name: value for name, value in json.loads(text).items() if name != CHECKSUM}
    run.config_path.write_text(json.dumps(meant), encoding="utf-8")
    assert GanRun.open(run.folder).settings.noise_dim == 97


def test_a_run_of_another_command_is_told(tmp_path: Path, source: Source, data: CaptionData) -> None:
    GanRun.create(tmp_path / "pair", GanSettings(), "drawn")
    with pytest.raises(CheckpointError, match=r"pair/config.json does not .* `minigrad train` .*: name such a run"):
        Run.open(tmp_path / "pair")
    Run.create(tmp_path / "run", TINY, source, data)
    with pytest.raises(CheckpointError, match=r"run/config.json does not .* `minigrad gan` .*: name such a run"):
        GanRun.open(tmp_path / "run")


@pytest.mark.fault(number=14)
@pytest.mark.parametrize("changed", [{"place": {"step": 1}}, {"generator": {}}, {"records": "x"}, {"place": 3}])
def test_a_checkpoint_of_another_version_is_told_with_its_file(
    tmp_path: Path, source: Source, data: CaptionData, changed: dict[str, Any]
) -> None:
    trainer(tmp_path / "run", source, data, steps=1).save()
    path = tmp_path / "run/checkpoints/step-00000000.safetensors"
    arrays, state = load(path)
    save(path, arrays, {**state, **changed})
    with pytest.raises(
        CheckpointError, match=rf"^{path} is not of what the run's config.json describes, or of another version"
    ):
        again(tmp_path / "run", data)


@pytest.mark.fault(number=14)
def test_a_checkpoint_of_another_run_is_told_with_its_file(tmp_path: Path, source: Source, data: CaptionData) -> None:
    trainer(tmp_path / "run", source, data, steps=1).save()
    other = Run.create(tmp_path / "other", replace(TINY, hidden_dim=7), source, data)
    (tmp_path / "run/checkpoints").rename(other.folder / "checkpoints")
    with pytest.raises(
        CheckpointError,
        match=r"^.*other/checkpoints/step-00000000.safetensors is not of what the run's config.json describes",
    ):
        other.trained(pytest.fail)


def test_a_folder_with_anything_of_the_user_s_is_not_taken(tmp_path: Path, source: Source, data: CaptionData) -> None:
    for name in ("notes.txt", "config.json", "log.jsonl"):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(UsageError, match="is not empty"):
            Run.create(folder, TINY, source, data)
        assert (folder / name).read_text() == "mine"


def test_two_processes_do_not_train_into_one_folder(tmp_path: Path, source: Source, data: CaptionData) -> None:
    training = trainer(tmp_path / "run", source, data, steps=4)
    steps = training.run()
    next(steps)
    with pytest.raises(UsageError, match=r"another process is at work on .*run: wait for it"):
        again(tmp_path / "run", data)
    steps.close()
    (tmp_path / "new").mkdir()
    with alone(tmp_path / "new"), pytest.raises(UsageError, match="another process is at work on"):
        trainer(tmp_path / "new", source, data)
    assert not list((tmp_path / "new").iterdir())
    list(again(tmp_path / "run", data).run())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_that_lives_on_keeps_no_lock(tmp_path: Path) -> None:
    done, finish = os.pipe()
    with alone(tmp_path):
        child = os.fork()
        if child == 0:  # ends without unwinding, once it is told to
            os.close(finish)
            os.read(done, 1)
            os._exit(0)
    try:
        with alone(tmp_path):
            pass
    finally:
        os.close(finish)
        os.close(done)
        os.waitpid(child, 0)


def test_data_whose_name_is_no_text_are_refused_before_a_folder_is_made(
    tmp_path: Path, source: Source, data: CaptionData
) -> None:
    with pytest.raises(UsageError, match=r"no UTF-8 text.*photos\\udcff.*rename it"):
        Run.create(tmp_path / "run", TINY, replace(source, folder="/photos\udcff"), data)
    assert not (tmp_path / "run").exists()


def test_commands_that_begin_at_once_get_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: folders.new_folder("drawn"), range(24)))
    assert {folder.name for folder in made} == {f"drawn-{n}" for n in range(1, 25)}


def test_going_on_with_other_data_is_refused(
    tmp_path: Path, source: Source, data: CaptionData, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer(tmp_path / "run", source, data, steps=1).save()
    words = ["train", "--resume", "--out", str(tmp_path / "run")]
    for options in (["--data", "scenes"], ["--features", "other"], ["--max-train", "3"], ["--replace-nonfinite"]):
        assert main([*words, *options]) == 2
        assert "--resume goes on with the run's own settings" in capsys.readouterr().err
    (tmp_path / "link").symlink_to(source.folder)
    for own in (source.folder, str(tmp_path / "link"), str(tmp_path / "run" / ".." / "link")):
        assert main([*words, "--data", own, "--features", "plain"]) == 0


@pytest.mark.fault(number=25)
def test_what_a_lost_log_held_of_the_end_is_measured_again(tmp_path: Path, source: Source, data: CaptionData) -> None:
    whole = trainer(tmp_path / "run", source, data)
    list(whole.run())
    lines = (tmp_path / "run/log.jsonl").read_text().splitlines(keepends=True)
    left = ["{}\n", '{"step": 1, "epoch": 1, "loss": "x"}\n', lines[3].replace('"epoch"', '"epoci"'), lines[4]]
    for kept, lost in (("", len(lines)), ("".join(left), len(lines) - 1)):
        run = shutil.copytree(tmp_path / "run", tmp_path / str(lost))
        (run / "log.jsonl").write_text(kept)
        resumed = again(run, data, told := [])
        assert told == [f"{run}/log.jsonl lacks {lost} of {len(lines)} records, and so will curves and reports"]
        assert [r["val_loss"] for r in resumed.run()] == [whole.log.records[-1]["val_loss"]]
        found = results.summary(Run.open(run), resumed, Validation(data))
        assert (found["step"], found["val_loss"]) == (20, whole.log.records[-1]["val_loss"])
    assert state(resumed) == state(whole)


def test_a_film_goes_on_without_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_gan_quick(monkeypatch)
    few = ["--steps", "3", "--batch-size", "8", "--noise", "3", "--threads", "1", "--sample-every", "1"]
    assert main(["gan", "--out", str(tmp_path / "run"), *few]) == 0
    (tmp_path / "run/log.jsonl").unlink()
    first, second, _ = sorted((tmp_path / "run/samples").iterdir())
    first.write_bytes(first.read_bytes()[:-30])
    write_grey(np.zeros((3, 3), np.uint8), second)
    capsys.readouterr()
    assert main(["gan", "--resume", "--out", str(tmp_path / "run")]) == 0
    told = capsys.readouterr().err
    assert f"{first} is not a picture" in told and f"{second} is of another size" in told and "log.jsonl lacks" in told
    with Image.open(tmp_path / "run/samples.gif") as film:
        assert getattr(film, "n_frames", 1) == 1


def test_commands_that_are_named_can_be_typed(
    tmp_path: Path, source: Source, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "a run, \"名\" and 'more'"
    words = ["--data", source.folder, "--word", "3", "--hidden", "3", "--batch-size", "8", "--steps", "1", "--eager"]
    assert main(["train", "--out", str(run), *words]) == 0
    told = capsys.readouterr().out.splitlines()
    (command,) = [line.removeprefix("try      minigrad ") for line in told if line.startswith("try")]
    assert main(shlex.split(command)) == 0
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(MissingFileError, match="no checkpoint yet: ") as error:
        Run.open(run).trained(pytest.fail)
    assert main(shlex.split(str(error.value).split("yet: minigrad ")[1])) == 0


def test_a_file_that_a_disk_refuses_is_named_without_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "write_bytes", refused)
    monkeypatch.setattr(Path, "unlink", refused)  # even of what is not there
    with pytest.raises(OSError, match="Read-only") as error:
        write_whole(tmp_path / "page.html", "content")
    assert error.value.filename == str(tmp_path / "page.html")
