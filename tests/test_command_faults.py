"""Every command under what users and systems do to it: one clear line, exit 2, or the work done; never a traceback."""

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_gan import make_gan_quick
from test_training import write_captions
from thorough import TIMES

from minigrad.cli import COMMANDS, Parser, command_module, doctor, main, root_parser
from models.squeezenet import SqueezeNet
from models.weights import write_weights

NET = "import minigrad as mg\ndef loss():\n    return (mg.Parameter([1.0]) * 2).sum()\n"
FEW = ["--steps", "1", "--batch-size", "4", "--threads", "1"]
SEEING = ["--weights", "w.npz", "--out", "NEW"]
QUICK = {
    "train": ["--data", "captions", "--out", "NEW", "--word", "4", "--hidden", "4", "--eager", *FEW],
    "caption": ["run", "--row", "0"],
    "evaluate": ["run"],
    "view": ["run", "--out", "NEW.html"],
    "gan": ["--out", "NEW", "--noise", "3", *FEW],
    "data": ["prepare", "--images", "nowhere", "--annotations", "none.json", "--out", "NEW"],
    "draw": ["net:loss", "-o", "NEW.svg"],
    "export": ["run", "-o", "NEW.onnx"],
    "derive": ["lstm_step"],
    "weights": ["inspect", "w.npz"],
    "saliency": ["p.png", "--class", "1", *SEEING],
    "fool": ["p.png", "--class", "1", "--steps", "1", *SEEING],
    "visualize-class": ["1", "--steps", "1", "--side", "64", *SEEING],
    "style": ["p.png", "p.png", "--steps", "1", "--side", "64", "--painting-side", "64", *SEEING],
    "invert": ["p.png", "--steps", "1", *SEEING],
}
"""Something that each command does at once; the others take no option that could make no sense."""
NONSENSE = ("", "nan", "-1", "0", "1e400", "x", "é", "1e308", "-1e308", "1e25", "/dev/null/x", ".", "run", "9" * 25)
ENDLESS = ("--steps", "--epochs", "--save-every")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that commands work on."""
    folder = tmp_path_factory.mktemp("home")
    write_captions(folder / "captions")
    write_weights(folder / "w.npz", SqueezeNet(num_classes=3).state_dict())
    Image.effect_noise((64, 64), 50).convert("RGB").save(folder / "p.png")
    (folder / "net.py").write_text(NET)
    words = QUICK["train"][: -len(FEW)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *["run" if word == "NEW" else word for word in words], *FEW, "--json"]) == 0
    return folder


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work there, with small networks, and keep nothing in the user's cache."""
    monkeypatch.chdir(home)
    for variable in ("MINIGRAD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(home / "cache"))
    make_gan_quick(monkeypatch)


def quick(command: str, new: Path) -> list[str]:
    return [command, *(word.replace("NEW", str(new)) for word in QUICK[command])]


def options(command: str) -> list[str]:
    """Those of a command that take a value."""
    subparsers: Any = root_parser().add_subparsers(parser_class=Parser)
    command_module(command).add_parser(subparsers)
    parser = subparsers.choices[command]
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    actions = nested[0].choices[QUICK[command][0]]._actions if nested else parser._actions
    return [a.option_strings[-1] for a in actions if a.option_strings and a.nargs != 0]


@pytest.mark.fault(number=17)
@pytest.mark.fault(number=20)
def test_options_that_make_no_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [(c, o, n) for c in QUICK for o in options(c) for n in NONSENSE if len(n) < 9 or o not in ENDLESS]
    chosen = np.random.default_rng(0).permutation(len(cases))[: 12 * TIMES]
    for number, (command, option, value) in enumerate(cases[i] for i in chosen):
        case = [*quick(command, tmp_path / str(number)), f"{option}={value}"]
        capsys.readouterr()
        code, told = main(case), capsys.readouterr().err
        assert code in (0, 1, 2) and "Traceback" not in told and "Warning" not in told, (case, told)
        assert (code == 2) == (told.count("minigrad: ") == 1 and told.splitlines()[-1].startswith("minigrad: ")), case


class Gone(io.StringIO):
    """A stdout whose reader has gone away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


@pytest.mark.fault(number=25)
@pytest.mark.parametrize("stdout", [Gone(), None], ids=["gone", "none"])
@pytest.mark.parametrize("command", ["caption", "evaluate", "draw", "derive", "weights"])
def test_nobody_who_listens(command: str, stdout: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(quick(command, tmp_path / "new")) == 0


WITHOUT = """
import sys
for name in ("safetensors", "PIL", "matplotlib", "threadpoolctl", "tqdm", "onnx", "pygraphviz"):
    sys.modules[name] = None
from minigrad.cli import main
for words in {commands}:
    print(words[0], main(words), file=sys.stderr)
"""


@pytest.mark.fault(number=25)
def test_without_extras_every_command_says_what_to_install(tmp_path: Path) -> None:
    needing = [quick(command, tmp_path / "new") for command in QUICK if command not in ("draw", "derive")]
    script = WITHOUT.format(commands=needing)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    told = done.stderr.splitlines()
    assert [line for line in told if " " in line and not line.startswith("minigrad: ")] == [
        f"{w[0]} 2" for w in needing
    ]
    assert all("python -m pip install 'minigrad[all]'" in line for line in told if line.startswith("minigrad: "))


BARE = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "HOME": "/dev/null/home"}


@pytest.mark.fault(number=25)
def test_a_narrow_encoding_replaces_what_it_lacks() -> None:
    command = [sys.executable, "-m", "minigrad.cli", "derive", "lstm_step"]
    done = subprocess.run(command, env={**os.environ, **BARE}, capture_output=True, check=True)
    assert b"?" in done.stdout and not done.stderr and done.stdout.isascii()


@pytest.mark.fault(number=16)
@pytest.mark.parametrize(("number", "told"), [(signal.SIGINT, "stopped\n"), (signal.SIGTERM, "")])
def test_a_signal_ends_any_command_with_its_exit_code(number: signal.Signals, told: str) -> None:
    work = f"lambda arguments: os.kill(os.getpid(), {int(number)}) or time.sleep(9)"
    script = (
        f"import os, sys, time; from minigrad.cli import derive, main; derive.run = {work}; sys.exit(main(['derive']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", told)


@pytest.mark.fault(number=25)
def test_a_checkout_that_is_not_installed_knows_its_version_and_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = doctor.packages()

    def absent(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", absent)
    assert doctor.packages() == installed and doctor.versions()["minigrad"]


@pytest.mark.fault(number=14)
def test_a_run_whose_parts_are_not_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(shutil.copytree("run", tmp_path / "run"))
    config, (checkpoint,) = run / "config.json", (run / "checkpoints").iterdir()
    whole = config.read_text(encoding="utf-8")
    changed = json.loads(whole.replace('"hidden_dim": 4', '"hidden_dim": 5'))
    del changed["checksum"]
    config.write_text(json.dumps(changed), encoding="utf-8")
    assert main(["caption", str(run), "--row", "0"]) == 2
    told = capsys.readouterr().err
    assert (
        "safetensors is not of what the run's config.json describes" in told
        and "mis-shaped" in told
        and "strict" not in told
    )
    config.write_text(whole, encoding="utf-8")
    checkpoint.unlink()
    checkpoint.mkdir()
    assert main(["caption", str(run), "--row", "0"]) == 2
    assert "safetensors is a folder, not a checkpoint" in capsys.readouterr().err
    config.unlink()
    config.mkdir()
    assert main(["caption", str(run), "--row", "0"]) == 2
    assert "config.json is a folder" in capsys.readouterr().err


@pytest.mark.fault(number=1)
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_json_of_what_cannot_be_done_is_one_object(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--nonsense", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    "said", [("x", "2", "2"), ("2", "2", "2"), ("-1", "2", "1"), ("0", "2", "0"), ("0", "9" * 5000)]
)
def test_an_environment_without_sensible_ranks(
    said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in zip(("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"), said, strict=False):
        monkeypatch.setenv(name, value)
    assert main(["train", "--out", "run"]) == 2
    assert "PMI_RANK=" in (told := capsys.readouterr().err) and "make no sense" in told and len(told) < 200
