"""The models as ONNX: captioner, SqueezeNet and the digits' networks, in Python and by `minigrad export`."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import SMALL
from test_photo_captions import seeing
from test_training import write_captions

from minigrad.cli import main
from models.captioner import Captioner
from models.data.mnist import Digits
from models.exports import (
    Program,
    captioner_programs,
    drawn_pictures,
    gan_programs,
    network_programs,
    photograph_programs,
)
from models.gan import NETWORKS
from models.squeezenet import SqueezeNet
from models.training.adversarial import GanRun, GanSettings, GanTraining
from models.weights import write_weights

onnx = pytest.importorskip("onnx", reason="needs onnx: python -m pip install 'minigrad[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: python -m pip install 'minigrad[onnx]'")

import minigrad as mg  # noqa: E402
from minigrad.export.onnx import runtime  # noqa: E402


def captioner(cell: str = "lstm") -> Captioner:
    return Captioner(cell, vocab_size=23, feature_dim=7, word_dim=5, hidden_dim=6, unk=3, embedding_deviation=1.0)


def exported(program: Program) -> list[Any]:
    """The outputs of onnxruntime, each of which must be ours."""
    model = mg.to_onnx(program.graph, outputs=program.outputs)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    assert max(runtime.differences(data, program.graph, program.arguments)) <= 1e-5
    return runtime.run(data, program.arguments)  # type: ignore[no-any-return]


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("what", ["captions", "begin", "step", "loss", "gradients"])
def test_the_captioner(cell: str, what: str) -> None:
    exported(captioner_programs(captioner(cell), batch=3, length=5)[what]())


def test_exported_captions_are_the_greedy_ones() -> None:
    net = captioner()
    net.b_vocab.changing()[net.unwritten[-1]] = 9.0  # likely, and never written
    net.b_vocab.changing()[net.end] = 0.1  # some sentences end early
    program = captioner_programs(net, batch=8, length=9)["captions"]()
    (found,) = exported(program)
    names = [node.name for node in mg.to_onnx(program.graph).graph.node]
    assert "captioner/cell/t=8/Tanh" in names and not [n for n in names if not n.startswith(("captioner/", "Equal"))]
    expected = net.sample(*program.arguments, max_length=9)
    assert len(set(np.argmax(found == net.end, axis=1))) >= 3
    np.testing.assert_array_equal(found, np.pad(expected, ((0, 0), (0, 9 - expected.shape[1]))))


def test_from_photographs_to_words() -> None:
    model = seeing(np.float32)
    (found,) = exported(photograph_programs(model, batch=2, length=4, size=40)["photographs"]())
    features = model.features(mg.tensor(drawn_pictures(2, 40))).detach().numpy()
    expected = model.captioner.sample(features, max_length=4)
    np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)


@pytest.mark.parametrize("what", ["scores", "gradient"])
def test_squeezenet(what: str) -> None:
    exported(network_programs(SqueezeNet(num_classes=7), batch=2, size=67)[what]())


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("what", ["generator", "discriminator"])
def test_the_pairs_of_digits(kind: str, what: str) -> None:
    exported(gan_programs(NETWORKS[kind](), 96, batch=3)[what]())


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """The JSON object that a command prints."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run of two steps, in a folder whose data is gone."""
    monkeypatch.chdir(tmp_path)
    data = write_captions(tmp_path / "captions")
    assert main(["train", "--data", str(data), "--out", "run", "--steps", "2", "--json", *SMALL]) == 0
    data.rename(tmp_path / "gone")
    return "run"


def test_the_command_exports_a_run_and_tries_it(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "export", run, "--length", "4", "--batch", "2")
    assert found["inputs"] == [{"name": "features", "shape": [2, 7], "dtype": "float32"}]
    assert found["outputs"] == [{"name": "captions", "shape": [2, 4], "dtype": "int64"}]
    assert found["difference"] == 0 and Path("model.onnx").stat().st_size == found["bytes"]
    words = {p.key: p.value for p in onnx.load("model.onnx").metadata_props}["words"]
    assert json.loads(words)[:3] == ["<NULL>", "<START>", "<END>"]
    capsys.readouterr()
    assert main(["export", run, "--what", "gradients", "-o", "gradients.onnx"]) == 0
    assert "captioner.cell.Wx.grad" in (out := capsys.readouterr().out) and "computes the same" in out
    assert main(["export", run, "--what", "generator"]) == 2
    assert "--what is one of captions, begin, step, loss, gradients" in capsys.readouterr().err


def test_the_command_exports_digits_weights_and_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "net.safetensors", SqueezeNet(num_classes=3).state_dict())
    found = said(capsys, "export", "net.safetensors", "--size", "40")
    assert found["outputs"] == [{"name": "scores", "shape": [1, 3], "dtype": "float32"}]
    lines = "f = lambda: mg.trace(mg.tanh, np.ones(3))\n"
    lines += "g = lambda: mg.trace(lambda x: mg.conv2d(x, x), np.ones((1, 1, 2, 2)))\n"
    Path("mine.py").write_text(f"import minigrad as mg, numpy as np\n{lines}")
    assert said(capsys, "export", "mine:f", "-o", "mine.onnx")["nodes"] == 1
    assert "no run" in said(capsys, "export", "nowhere", code=2)["error"]["message"]
    assert "an implementation for Conv" in said(capsys, "export", "mine:g", code=2)["error"]["message"]
    told = said(capsys, "export", "mine:f", "-o", "no/such/mine.onnx", code=2)["error"]["message"]
    assert told == "No such file or directory: no/such/mine.onnx"


def test_the_command_exports_the_generator_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = Digits(np.zeros((4, 28, 28), np.uint8), np.zeros(4, np.uint8))
    settings = GanSettings(noise_dim=3, batch_size=2, steps=1)
    list(GanTraining(GanRun.create(tmp_path / "run", settings, "drawn"), digits, pytest.fail).run())
    found = said(capsys, "export", str(tmp_path / "run"), "-o", str(tmp_path / "model.onnx"), "--batch", "5")
    assert found["inputs"] == [{"name": "noise", "shape": [5, 3], "dtype": "float32"}]
    assert found["outputs"] == [{"name": "pictures", "shape": [5, 784], "dtype": "float32"}]


def test_a_difference_is_told_by_the_exit_code_and_a_missing_runtime_by_a_line(
    run: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtime, "differences", lambda *_: [0.1])
    assert main(["export", run, "--what", "step"]) == 1
    assert "NOT THE SAME: worst relative difference 1.0e-01" in capsys.readouterr().out
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert said(capsys, "export", run, "--what", "step")["onnxruntime"] is None
