"""The commands, as a user types them: what they write, what they say when something is wrong, how they exit."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_training import write_captions

from minigrad.cli import COMMANDS, main
from models.data import scenes
from models.data.scenes import RECIPE

SMALL = ["--word", "6", "--hidden", "8", "--batch-size", "8", "--threads", "1", "--eager"]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work in an empty folder and keep nothing in the user's cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_captions(tmp_path_factory.mktemp("data") / "captions"))


@pytest.fixture(scope="module")
def run(captions: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on prepared features."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--data", captions, "--out", str(out), "--steps", "20", "--json", *SMALL]) == 0
    return out


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few scenes."""
    return scenes.build(tmp_path_factory.mktemp("scenes") / "scenes", train=40, held_out=10)


@pytest.fixture(scope="module")
def scenes_run(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a few scenes."""
    out = tmp_path_factory.mktemp("runs") / "scenes"
    assert main(["train", "--data", str(drawn), "--out", str(out), "--steps", "4", "--json", *SMALL[:-1]]) == 0
    return out


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """The JSON object that a command prints."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line with which a command refuses."""
    capsys.readouterr()
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1 and captured.err.startswith("minigrad: ")
    return captured.err


def test_help_and_version_import_no_command() -> None:
    script = (
        "import sys; from minigrad.cli import main; main([]); print(sorted({'h5py', 'matplotlib'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert all(name in printed for name in COMMANDS) and printed.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [name for name in COMMANDS if find_spec(f"minigrad.cli.{name.replace('-', '_')}")])
def test_every_command_has_help_and_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert "--json" in capsys.readouterr().out


def test_a_run_folder_holds_what_there_is_to_look_at(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.json", "log.jsonl", "checkpoints", "curves.svg", "curves.png", "report.html", "graph.svg"}
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "<svg" in report and "http://images/val0.jpg" in report
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["settings"]["threads"] == 1


def test_a_run_on_scenes_shows_pictures_and_is_judged(
    scenes_run: Path, drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "data:image/png" in (scenes_run / "report.html").read_text(encoding="utf-8")
    found = said(capsys, "evaluate", str(scenes_run))
    assert {"val_loss", "perplexity", "right", "right_seen", "right_never_seen"} <= set(found)
    pictures = [str(scenes_run / "pictures" / f"{row}.png") for row in range(2)]
    seen = said(capsys, "caption", str(scenes_run), *pictures, "--row", "1", "--beams", "3")["results"]
    assert [result["of"] for result in seen] == [*pictures, "row 1"]
    assert [c["caption"] for c in seen[1]["captions"]] == [c["caption"] for c in seen[2]["captions"]]
    probabilities = [c["log_probability"] for c in seen[0]["captions"]]
    assert len(probabilities) == 3 and probabilities == sorted(probabilities, reverse=True)


def test_scenes_are_trained_by_their_recipe(scenes_run: Path) -> None:
    settings = json.loads((scenes_run / "config.json").read_text(encoding="utf-8"))["settings"]
    named = {"word_dim", "hidden_dim", "batch_size", "steps"}
    assert {k: settings[k] for k in settings if k in vars(RECIPE).keys() - named} == {
        k: v for k, v in vars(RECIPE).items() if k not in named
    }


def test_a_run_on_prepared_features_captions_rows_and_refuses_photographs(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (result,) = said(capsys, "caption", str(run), "--row", "2")["results"]
    assert result["of"] == "row 2" and len(result["captions"]) == 1
    assert "prepared features (plain) without their projection.npz" in refused(capsys, "caption", str(run), "photo.jpg")
    assert "rows are 0 to 3" in refused(capsys, "caption", str(run), "--row", "4")
    assert "--row N" in refused(capsys, "caption", str(run))


def test_pictures_of_any_size_are_scaled_and_that_is_said(
    scenes_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(scenes_run / "pictures" / "0.png") as picture:
        picture.resize((100, 80)).save(tmp_path / "large.png")
    paths = [str(scenes_run / "pictures" / "0.png"), str(tmp_path / "large.png")]
    assert main(["caption", str(scenes_run), *paths, "--json"]) == 0
    assert capsys.readouterr().err == f"{paths[1]}: 100 × 80 pixels scaled to 64 × 64\n"


def test_pictures_that_are_none(scenes_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no picture at" in refused(capsys, "caption", str(scenes_run), "absent.png")
    (tmp_path / "page.png").write_text("<html>")
    assert "is not a picture" in refused(capsys, "caption", str(scenes_run), "page.png")


@pytest.mark.fault(number=16)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_resuming_goes_on_to_the_same_numbers(captions: str, run: Path, tmp_path: Path, number: signal.Signals) -> None:
    words = ["train", "--data", captions, "--out", "half", "--steps", "20", *SMALL]
    stop = f"import os; os.kill(os.getpid(), {number})"
    script = f"""
import sys
from minigrad.cli import main, train
real = train.validated
def stopping(record):
    {stop}
    return real(record)
train.validated = stopping
sys.exit(main({words!r}))
"""
    stopped = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert stopped.returncode == 128 + number and "minigrad train --resume --out half" in stopped.stderr
    assert main(["train", "--resume", "--out", "half", "--json"]) == 0
    assert evaluated(tmp_path / "half") == evaluated(run)


def evaluated(run: Path) -> list[float]:
    """The losses of a log."""
    records = map(json.loads, (run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [record.get("loss", record.get("val_loss")) for record in records]


def test_resuming_with_other_settings_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "hidden_dim is 8, not 9" in refused(capsys, "train", "--resume", "--out", str(run), "--hidden", "9")
    assert "--out" in refused(capsys, "train", "--resume")
    assert "is no run" in refused(capsys, "train", "--resume", "--out", "nowhere")


def test_a_folder_that_is_not_empty_is_left_alone(captions: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not empty: --resume" in refused(capsys, "train", "--data", captions, "--out", str(run))


def test_draw_needs_core_packages_alone_and_no_program(tmp_path: Path) -> None:
    code = "import minigrad as mg\ndef y(): return mg.trace(lambda x: mg.tanh(x) * x, 0.5)\n"
    (tmp_path / "net.py").write_text(code)
    script = """
import sys
for name in ("safetensors", "PIL", "matplotlib", "tqdm", "threadpoolctl", "pygraphviz"):
    sys.modules[name] = None
from minigrad.cli import main
for suffix in ("svg", "html", "dot", "json", "txt"):
    assert main(["draw", "net:y", "-o", f"y.{suffix}"]) == 0
"""
    subprocess.run(
        [sys.executable, "-c", script], env={"PATH": ""}, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
    )
    assert len(list(tmp_path.glob("y.*"))) == 5


def test_draw_a_run_and_a_function(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text("import minigrad as mg\ndef loss():\n    return (mg.Parameter([1.0]) * 2).sum()\n")
    for what in (str(run), "net:loss"):
        assert said(capsys, "draw", what, "-o", "picture.svg")["nodes"] > 2
        assert "<svg" in (tmp_path / "picture.svg").read_text(encoding="utf-8")
    assert "no function 'lost': did you mean loss?" in refused(capsys, "draw", "net:lost")
    assert "there is no module 'nets'" in refused(capsys, "draw", "nets:loss")
    assert "missing a required argument" in refused(capsys, "draw", "math:sin")
    assert "of the form module:function" in refused(capsys, "draw", "net:")
    (tmp_path / "faulty.py").write_text("def loss():\n    return 1 + None\n")
    with pytest.raises(TypeError, match="NoneType"):  # a mistake in the user's function keeps its traceback
        main(["draw", "faulty:loss"])


def test_draw_takes_every_option_of_the_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loop.py").write_text(
        "import numpy as np, minigrad as mg\n"
        "w = mg.tensor(np.eye(3), requires_grad=True, name='w')\n"
        "def loss():\n"
        "    h = mg.tensor(np.ones((2, 3)), name='h0')\n"
        "    for t in range(4):\n"
        "        with mg.scope('cell', step=t):\n"
        "            h = mg.tanh(h @ w)\n"
        "    return h.sum()\n"
        "def compiled():\n"
        "    f = mg.compile(lambda x: mg.tanh(x @ w).sum())\n"
        "    f(np.ones((2, 3)))\n"
        "    return f\n"
    )
    flags = "--view both --fold steps --expand 1 --expand 2 --labels --engine lanes --backward ops --title a<b"
    assert main(["draw", "loop:loss", "-o", "loop.txt", *flags.split()]) == 0
    text = (tmp_path / "loop.txt").read_text(encoding="utf-8")
    assert text.startswith("# a<b")
    forward = [line.split()[1] for line in text.splitlines() if " t=" in line and "backward" not in line]
    assert [made.partition("(")[0] for made in forward] == ["step", "MatMul", "Tanh", "MatMul", "Tanh", "step"]
    assert said(capsys, "draw", "loop:compiled", "-o", "compiled.svg")["nodes"] > 3
    assert "0 or more" in refused(capsys, "draw", "loop:loss", "--depth", "-1")


def test_doctor_tells_versions_and_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))  # the user's own may hold scenes
    found = said(capsys, "doctor")
    assert found["versions"]["numpy"] == np.__version__ and found["missing"] == []
    assert "thread" in found["speed"]["blas"][0] and set(found["layout"]) and found["data"]["scenes"] is None


def test_errors_are_one_line_or_one_object(captions: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean train?" in refused(capsys, "trian")
    assert "minigrad train --help" in refused(capsys, "train", "--colour")
    assert "nowhere" in refused(capsys, "train", "--data", "nowhere")
    assert "batch_size is 0" in refused(capsys, "train", "--data", captions, "--batch-size", "0")
    for epochs in ("0", "nan", "inf"):
        assert "--epochs is" in refused(capsys, "train", "--data", captions, "--epochs", epochs)
    assert "not enough memory" in refused(capsys, "train", "--data", captions, "--hidden", str(10**7), "--out", "large")
    assert "--seed" in refused(capsys, "gradcheck", "--seed", "-1")
    assert "/dev/null/run" in refused(capsys, "train", "--data", captions, "--out", "/dev/null/run", *SMALL)
    assert main(["evaluate", "nowhere", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "MissingFileError"


@pytest.mark.fault(number=15)
def test_a_disk_that_fills_is_told_and_the_exit_code_says_so(captions: str, tmp_path: Path) -> None:
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"
    words = ["train", "--data", captions, "--out", "run", "--steps", "4", *SMALL]
    script = f"{limit}; from minigrad.cli import main; sys.exit(main({words!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1 and "COULD NOT BE SAVED" in done.stderr and "COULD NOT BE WRITTEN" in done.stderr
    assert "Traceback" not in done.stderr and "4 steps" in done.stdout


BARE = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii", "HOME": "/dev/null/home"}


@pytest.mark.parametrize(
    ("shell", "environment"), [("exec {command} >&- 2>&-", BARE), ("{command} | true", {})], ids=["closed", "pipe"]
)
@pytest.mark.fault(number=25)
def test_training_needs_no_stdout_no_unicode_and_no_home(
    captions: str, tmp_path: Path, shell: str, environment: dict[str, str]
) -> None:
    command = f"{sys.executable} -m minigrad.cli train --data {captions} --out run --steps 3 {' '.join(SMALL)}"
    line = ["bash", "-o", "pipefail", "-c", shell.format(command=command)]
    done = subprocess.run(line, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    assert done.returncode == 0 and (tmp_path / "run/report.html").is_file()
