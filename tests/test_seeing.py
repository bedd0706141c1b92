"""The commands on trained networks, with a network of random weights: files, reports, refusals."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minigrad.cli import main, saliency
from minigrad.cli.seeing import Watched, labels_of, names, slug
from models.data.images import read_image
from models.image_gradients import integrated_gradients, smooth_grad
from models.image_optimisation import Iteration
from models.squeezenet import SqueezeNet
from models.weights import write_weights, zoo
from viz.heat import difference, heat, overlay

CLASSES = ("tench", "goldfish, Carassius auratus", "great white shark", "hen", "cock")
COMMANDS = {
    "saliency": ["cat.png"],
    "fool": ["cat.png", "--class", "1"],
    "visualize-class": ["1"],
    "style": ["cat.png", "night.png"],
    "invert": ["cat.png"],
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network of five classes, with their names beside them."""
    folder = tmp_path_factory.mktemp("weights")
    write_weights(folder / "net.npz", SqueezeNet(num_classes=len(CLASSES)).state_dict())
    (folder / "imagenet_classes.txt").write_text("\n".join(CLASSES))
    return folder / "net.npz"


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures in an empty folder, and nothing fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    for name, size in (("cat", (96, 64)), ("night", (64, 80))):
        smooth = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        smooth.save(f"{name}.png")


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """The JSON object that a command prints; all files that it names are there, and the report needs no network."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert all(Path(path).is_file() for path in found["written"])
    report = Path(found["written"][-1]).read_text(encoding="utf-8")
    assert "data:image/" in report and "<script src" not in report and f"minigrad {words[0]}" in report
    assert not (Path(found["folder"]) / "preview.png").exists()
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("method", ["gradient", "smooth", "integrated"])
def test_saliency(
    method: str, weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saliency, "smooth_grad", partial(smooth_grad, samples=4))
    monkeypatch.setattr(saliency, "integrated_gradients", partial(integrated_gradients, most=8))
    words = ("saliency", "cat.png", "--weights", str(weights), "--method", method, "--class", "goldfish")
    (result,) = said(capsys, *words)["results"]
    assert result["label"] == "goldfish" and result["class"] == 1 and 0 < result["probability"] < 1
    assert ("completeness_gap" in result) == (method == "integrated")
    shapes = {read_image(path).shape for path in result["files"].values()}
    assert set(result["files"]) == {"picture", "map", "overlay"} and shapes == {(224, 224, 3)}


def test_fooling_is_checked_by_reading_the_file(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of = ("--weights", str(real_data / "squeezenet1_1" / "squeezenet1_1.pth"))
    photo = str(real_data / "photos" / "000000290843.jpg")
    for result in said(capsys, "fool", photo, *of, "--class", "flamingo", "--class", "963")["results"]:
        assert result["fooled"] and result["is"] == result["target"] and result["was"] == 285
        again = said(capsys, "saliency", result["file"], *of)["results"][0]
        assert again["class"] == result["target"], "a picture of the network's size is taken as it is"


def test_a_picture_that_does_not_fool_is_told_and_the_exit_code_says_so(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("fool", "cat.png", "--weights", str(weights), "--lr", "0", "--steps", "1")
    was = said(capsys, "saliency", "cat.png", "--weights", str(weights))["results"][0]["class"]
    other = str((was + 1) % len(CLASSES))
    assert said(capsys, *words, "--class", other, code=1)["results"][0]["fooled"] is False
    assert main([*words, "--class", other]) == 1 and "a larger --within may do" in capsys.readouterr().out
    assert "NOT taken for" in next(Path("runs").glob("*/report.html")).read_text(encoding="utf-8")


def test_classes_visualised(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("visualize-class", "white shark", "0", "--weights", str(weights), "--steps", "3", "--side", "64")
    found = said(capsys, *words)
    assert [result["label"] for result in found["results"]] == ["great white shark", "tench"]
    assert Path(found["results"][0]["file"]).name == "great-white-shark.png"


def test_style_and_texture(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("--weights", str(weights), "--steps", "4", "--side", "48", "--lr", "0.1")
    (styled,) = said(capsys, "style", "cat.png", "night.png", *common)["results"]
    assert read_image(styled["file"]).shape == (48, 72, 3) and set(styled["last"]) >= {"content", "style", "variation"}
    (textured,) = said(capsys, "style", "night.png", "--texture", *common)["results"]
    assert read_image(textured["file"]).shape == (48, 48, 3) and "content" not in textured["last"]


def test_inversion_of_several_layers(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = ("--layer", "features.1", "--layer", "features.3")
    results = said(capsys, "invert", "cat.png", "--weights", str(weights), "--steps", "3", *layers)["results"]
    assert [result["layer"] for result in results] == ["features.1", "features.3"]
    layers = ("--layer", "features.1", "--layer", "last")
    assert main(["invert", "cat.png", "--weights", str(weights), *layers]) == 2
    said_first = capsys.readouterr().err
    assert "has no activation 'last'" in said_first and "preview" not in said_first, "known before any is sought"


def test_folders_are_new_and_files_do_not_overwrite_each_other(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cat.png").write_bytes((tmp_path / "cat.png").read_bytes())
    (tmp_path / "CAT.png").write_bytes((tmp_path / "cat.png").read_bytes())
    images = ("cat.png", "CAT.png", "other/cat.png")
    found = [said(capsys, "saliency", *images, "--weights", str(weights)) for _ in range(2)]
    assert [Path(f["folder"]).name for f in found] == ["saliency-1", "saliency-2"]
    assert len({path.casefold() for path in found[0]["written"]}) == 10


def test_names_tell_files_apart_and_are_never_too_long() -> None:
    paths = [Path(path) for path in ("a/cat.png", "b/cat.png", "dog.png", "dog.jpg", "hen.png", "hen.png")]
    assert names(paths) == ["a/cat", "b/cat", "dog.png", "dog.jpg", "hen", "hen"]
    assert slug("great white shark") == "great-white-shark" and slug("...") == slug("") == "picture"
    assert len(slug("ü" * 255).encode()) <= 160 and slug("ü" * 255)[0] == "ü"


def test_what_is_asked_for_twice_is_made_once(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("visualize-class", "hen", "3", "--weights", str(weights), "--steps", "1", "--side", "48")
    assert len(said(capsys, *words)["results"]) == 1


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.fault(number=1)
def test_without_weights_the_command_that_fetches_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, command, *COMMANDS[command]).endswith("minigrad weights fetch squeezenet1_1")


def test_what_makes_no_sense(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of = ("--weights", str(weights))
    assert "there is no picture at dog.png" in refused(capsys, "saliency", "cat.png", "dog.png", *of)
    assert "there is no class 'dog'" in refused(capsys, "visualize-class", "dog", *of)
    assert "classes are 0 to 4" in refused(capsys, "fool", "cat.png", "--class", "5", *of)
    assert "a photograph and a painting" in refused(capsys, "style", "cat.png", *of)
    assert "is no whole number from 32 to 1,024" in refused(capsys, "visualize-class", "1", "--side", "9", *of)
    assert "should be from 16 to" in refused(capsys, "style", "cat.png", "night.png", "--side", "9", *of)
    Image.new("RGB", (300, 1)).save("rope.png")
    assert "rope.png of 300 × 1 pixels is too narrow" in refused(capsys, "style", "cat.png", "rope.png", *of)
    Image.new("RGB", (300, 10)).save("long.png")
    assert "long would have 31,457,280 pixels" in refused(capsys, "style", "long.png", "cat.png", "--side", "1024", *of)
    assert "is no whole number from 1 to 255" in refused(capsys, "fool", "cat.png", "--within", "256", *of)
    assert "is no whole number from 1 to" in refused(capsys, "invert", "cat.png", "--steps", "0", *of)
    (tmp_path / "few.txt").write_text("tench\nhen\n")
    assert "names 2 classes" in refused(capsys, "saliency", "cat.png", "--labels", "few.txt", *of)
    write_weights(tmp_path / "other.npz", {"w": np.ones(3)})
    assert main(["saliency", "cat.png", "--weights", "other.npz"]) == 2
    table = capsys.readouterr().err
    assert "other.npz: the state does not fit SqueezeNet" in table and "unexpected  w (3,)" in table
    assert "`minigrad weights inspect other.npz` tells" in table and "strict" not in table, "in the command's words"
    assert "missing     47 more" in table and len(table.splitlines()) == 9, "the first few of each kind"
    assert not (tmp_path / "runs").exists(), "nothing is made when nothing can be done"


def test_classes_without_names_have_numbers(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.npz").write_bytes(weights.read_bytes())
    (result,) = said(capsys, "saliency", "cat.png", "--weights", "net.npz", "--class", "3")["results"]
    assert result["label"] == "class 3"


def test_fetched_names_of_classes_serve_weights_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.cli.seeing._IMAGENET", len(CLASSES))
    (place, *_) = zoo.places("labels")
    place.parent.mkdir(parents=True)
    place.write_text("\n".join(CLASSES))
    assert labels_of(None, tmp_path, len(CLASSES)) == CLASSES
    assert labels_of(None, tmp_path, 3) == (), "of another network they are not the names"


@pytest.mark.parametrize("shape", [(), (0, 512, 1, 1), (2**40, 0, 1, 1), (5, 512)])
def test_scores_of_a_shape_that_no_network_has(shape: tuple[int, ...], capsys: pytest.CaptureFixture[str]) -> None:
    state = {**SqueezeNet(num_classes=5).state_dict(), "classifier.1.weight": np.zeros(shape, np.float32)}
    write_weights("odd.npz", state)
    assert main(["saliency", "cat.png", "--weights", "odd.npz"]) == 2
    assert "classifier.1.weight" in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_are_not_finite_are_named(command: str, value: float, capsys: pytest.CaptureFixture[str]) -> None:
    bias = np.array([0, 0, value, 0, value])
    write_weights("bad.npz", {**SqueezeNet(num_classes=5).state_dict(), "classifier.1.bias": bias})
    told = refused(capsys, command, *COMMANDS[command], "--weights", "bad.npz")
    assert told == "minigrad: bad.npz: classifier.1.bias holds NaN or infinity, in 2 of its 5 numbers"


@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_are_too_large_are_not_a_matter_of_the_rate(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state = SqueezeNet(num_classes=5).state_dict()
    write_weights("large.npz", {name: np.sign(array) * np.float32(1e25) for name, array in state.items()})
    told = refused(capsys, command, *COMMANDS[command], "--weights", "large.npz")
    assert "not finite" in told and "large.npz holds numbers too large for it" in told and "--lr" not in told


def test_complex_weights_are_refused_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    bias = np.full(5, 1j, np.complex64)
    write_weights("turned.npz", {**SqueezeNet(num_classes=5).state_dict(), "classifier.1.bias": bias})
    assert main(["saliency", "cat.png", "--weights", "turned.npz"]) == 2
    assert "mis-typed   classifier.1.bias: float32 here, complex64 there" in capsys.readouterr().err


def test_a_folder_is_no_file(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    of, folder = ("--weights", str(weights)), "folder is a folder"
    assert f"{folder}, not a weights file" in refused(capsys, "weights", "inspect", "folder")
    assert f"{folder}, not a weights file" in refused(capsys, "weights", "convert", "folder", "w.npz")
    assert f"{folder}, not a weights file" in refused(capsys, "saliency", "cat.png", "--weights", "folder")
    assert f"{folder}, and should be a file" in refused(capsys, "saliency", "cat.png", "--labels", "folder", *of)
    assert f"{folder}, not a picture" in refused(capsys, "saliency", "folder", *of)


def test_a_loss_that_rose_is_said_to_have_risen(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ("--weights", str(weights), "--side", "32", "--out", "new")
    assert main(["style", "cat.png", "night.png", "--steps", "1", "--lr", "5", *common]) == 0
    told = capsys.readouterr().out
    assert "THE LOSS ROSE, from " in told and "fell" not in told and "--lr may help" in told
    page = (Path("new") / "report.html").read_text(encoding="utf-8")
    assert "rise of the loss" in page and "fall of" not in page


def test_a_preview_is_there_while_a_picture_is_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.cli.seeing._SECONDS_BETWEEN_PREVIEWS", 0.0)
    with Watched("work", 2, tmp_path / "preview.png", show=False) as watched:
        watched(Iteration(0, {"loss": 4.0}, np.zeros((1, 3, 5, 4), np.float32)))
        assert read_image(tmp_path / "preview.png").shape == (5, 4, 3)
        watched(Iteration(1, {"loss": 1.0}, np.zeros((1, 3, 5, 4), np.float32)))
    assert not (tmp_path / "preview.png").exists() and watched.fallen == 0.75
    watched.log[0]["loss"] = 0.0
    assert watched.fallen is None, "there was nothing that could fall"


def test_heat_and_differences() -> None:
    values = np.zeros((20, 20))
    values[5, 5:9] = 7.0
    warm = heat(values)
    assert warm[0, 0].sum() < 10 and warm[5, 5].sum() > 500 and heat(np.zeros((2, 2))).sum() < 40
    over = overlay(np.full((20, 20, 3), 200, np.uint8), values)
    assert over.dtype == np.uint8 and over[5, 7, 0] > over[5, 7, 2] and len(set(over[19, 0].tolist())) == 1
    grey = np.full((2, 2, 3), 100, np.uint8)
    assert (difference(grey, grey) == 128).all() and (difference(grey, grey + np.uint8(3)) == 158).all()
