"""Captions of photographs: one graph from pixels to words, its gradient, and what `minigrad caption` makes of it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_folder import IMAGES, write_features, write_folder
from photo_folder import drawn, write_photographs
from PIL import Image

from minigrad.cli import main
from minigrad.op import Array
from models.captioner import Captioner
from models.data.imagenet import framed, preprocess
from models.data.images import read_image, resized
from models.data.projection import PROJECTION, Origin, Projection
from models.image_gradients import integrated_gradients, saliency
from models.photo_captioner import PhotoCaptioner, WordGradient, told, word_saliency
from models.photo_features import ProjectedFeatures, weights_digest
from models.squeezenet import SqueezeNet
from models.weights import load_weights, write_weights

IDS = np.array([4, 7, 5, 2])


def seeing(dtype: Any = np.float64, network: SqueezeNet | None = None, scale: float = 1) -> PhotoCaptioner:
    """A captioner of random weights behind a network that is random too, unless it is given."""
    network = network or SqueezeNet(num_classes=3, dtype=dtype)
    rng = np.random.default_rng(3)
    origin = Origin("squeezenet", 1, weights_digest(network), "", 9)
    projection = Projection(
        rng.random(512).astype(dtype), (scale * rng.standard_normal((512, 6))).astype(dtype), 1.0, origin
    )
    captioner = Captioner("lstm", 9, 6, 5, 8, dtype=dtype, embedding_deviation=1.0)
    return PhotoCaptioner(ProjectedFeatures(network, projection), captioner)


def picture(side: int = 40, dtype: Any = np.float64) -> Array:
    return preprocess(resized(drawn((200, 30, 30), "disc", 1), side, side)).astype(dtype)


def test_sentences_are_those_of_the_beam_with_each_word_s_log_probability() -> None:
    model, x = seeing(), picture()
    sentences = told(model, x, beams=3, max_length=6)
    assert len(sentences) == 3
    assert [s.total for s in sentences] == sorted((s.total for s in sentences), reverse=True)
    for sentence in sentences:
        probabilities, _ = WordGradient(model, sentence.ids, eager=True)(x, [0])
        np.testing.assert_allclose(probabilities[0], sentence.log_probabilities, rtol=1e-9)


def test_the_gradient_of_a_word_goes_down_to_the_pixels() -> None:
    model, x = seeing(scale=300), picture()
    gradient, direction = WordGradient(model, IDS, eager=True), np.random.default_rng(0).standard_normal(x.shape)
    for place in range(len(IDS)):
        along = float((gradient(x, [place])[1] * direction).sum())
        ends = [gradient(x + sign * 1e-6 * direction, [place])[0][0, place] for sign in (1, -1)]
        assert along == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


def test_compiled_equals_eager_and_words_are_seen_together() -> None:
    model, x = seeing(dtype=np.float32), picture(dtype=np.float32)
    compiled, eager = WordGradient(model, IDS), WordGradient(model, IDS, eager=True)
    maps = word_saliency(compiled, x, 3)
    assert maps.shape == (3, 40, 40) and maps.dtype == np.float32
    for place in range(3):
        np.testing.assert_allclose(maps[place], saliency(eager, x, [place])[0], rtol=1e-3, atol=1e-6)


def test_a_word_s_integrated_gradients_add_up_on_a_real_photograph(real_data: Path) -> None:
    network = SqueezeNet()
    load_weights(network, real_data / "squeezenet1_1/squeezenet1_1.pth")
    model = seeing(dtype=np.float32, network=network, scale=0.02)
    photo = framed(read_image(real_data / "photos/000000290843.jpg"))
    x, gradient = preprocess(resized(photo, 96, 96)), WordGradient(model, IDS)
    ends = gradient(np.concatenate([x, np.zeros_like(x)]), [1, 1])[0]
    found = integrated_gradients(gradient, x, 1, tolerance=1e-3, most=100)
    assert found.gap <= 1e-3
    assert found.values.sum(dtype=np.float64) == pytest.approx(float(ends[0, 1] - ends[1, 1]), rel=2e-3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps on drawn photographs, with the network's weights beside it."""
    folder = tmp_path_factory.mktemp("photographs")
    images, path = write_photographs(folder, 6)
    write_weights(folder / "network.npz", SqueezeNet(num_classes=3).state_dict())
    write_weights(folder / "other.npz", SqueezeNet(num_classes=3, seed=1).state_dict())
    prepare = ["data", "prepare", "--images", str(images), "--annotations", str(path), "-o", str(folder / "data")]
    assert main([*prepare, "--weights", str(folder / "network.npz"), "--held-out", "0.4", "--min-count", "1"]) == 0
    sizes = ["--word", "4", "--hidden", "6", "--batch-size", "4", "--steps", "3", "--threads", "1"]
    assert main(["train", "--data", str(folder / "data"), "--out", str(folder / "run"), *sizes, "--json"]) == 0
    return folder / "run"


def test_a_photograph_is_captioned_and_each_word_is_drawn(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    photo, out = run.parent / "images" / "3.png", tmp_path / "out"
    assert main(["caption", str(run), str(photo), "--beams", "2", "--out", str(out), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    best = result["captions"][0]
    assert result["of"] == "3" and len(result["captions"]) == 2
    assert sum(word["log_probability"] for word in best["words"]) == pytest.approx(best["log_probability"], abs=1e-4)
    written = [word["word"] for word in best["words"] if word["word"] != "<END>"]
    assert " ".join(written) == best["caption"]
    page = Path(result["report"]).read_text()
    assert page.count('src="data:image/') == 1 + max(1, len(written)) and "http://" not in page
    with Image.open(result["words"]) as strip:
        assert strip.width >= 224


def test_pixels_to_words_are_one_onnx_model(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: python -m pip install 'minigrad[onnx]'")
    capsys.readouterr()
    sizes = ["--size", "48", "--length", "3", "-o", str(tmp_path / "model.onnx"), "--json"]
    assert main(["export", str(run), "--what", "photographs", *sizes]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == [{"name": "pictures", "shape": [1, 3, 48, 48], "dtype": "float32"}]
    assert found["outputs"][0]["shape"] == [1, 3] and found["difference"] == 0


def test_captions_in_words_tell_how_sure_each_word_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["caption", str(run), str(run.parent / "images" / "3.png"), "--no-report", "--row", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3:" and lines[-1].startswith("row 1: ")
    assert lines[-2].count(" %") >= 1 and not any(line.startswith("look at") for line in lines)


def test_photographs_are_looked_through_by_the_names_of_their_files(run: Path, tmp_path: Path) -> None:
    assert main(["view", str(run), "--out", str(tmp_path / "page.html"), "--json"]) == 0
    names = re.findall(r'class="group" dir="auto">([^<]*)<', (tmp_path / "page.html").read_text(encoding="utf-8"))
    held_out = json.loads((run.parent / "data/photographs.json").read_text())["val"]["photographs"]
    assert names == [f"{photo['file']}, row {row}" for row, photo in enumerate(held_out)] != []


@pytest.mark.parametrize("method", ["smooth", "integrated"])
def test_other_methods(run: Path, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from functools import partial

    from minigrad.cli import photographs
    from models.image_gradients import smooth_grad

    monkeypatch.setattr(photographs, "smooth_grad", partial(smooth_grad, samples=2))
    monkeypatch.setattr(photographs, "integrated_gradients", partial(integrated_gradients, most=2))
    monkeypatch.setattr(photographs, "told", partial(told, max_length=2))
    capsys.readouterr()
    words = ["caption", str(run), str(run.parent / "images" / "2.png"), "--method", method, "--out", str(tmp_path)]
    assert main([*words, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert ("completeness_gaps" in result) == (method == "integrated")


def test_what_a_photograph_cannot_be_captioned_by_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = str(run.parent / "images" / "3.png")

    def refusal(*words: str) -> str:
        capsys.readouterr()
        assert main(["caption", str(run), photo, *words, "--no-report"]) == 2
        return capsys.readouterr().err.splitlines()[-1]

    assert "were made with other weights of SqueezeNet" in refusal("--weights", str(run.parent / "other.npz"))
    assert "there is no weights file nowhere.pth" in refusal("--weights", "nowhere.pth")
    assert "--tolerance is 0; it is a share" in refusal("--tolerance", "0")
    assert "'0' is no whole number from 1 to" in refusal("--beams", "0")
    Image.new("RGB", (1, 300)).save(tmp_path / "tower.png")
    assert f"{tmp_path / 'tower.png'} of 1 × 300 pixels is too narrow" in refusal(str(tmp_path / "tower.png"))
    kept = (run / PROJECTION).read_bytes()
    try:
        (run / PROJECTION).write_bytes(kept[:100])
        assert "is no projection of features" in refusal()
        (run / PROJECTION).unlink()
        assert "prepared features (squeezenet_fire9_pca) without their projection.npz" in refusal()
    finally:
        (run / PROJECTION).write_bytes(kept)


def test_features_of_places_are_refused_before_a_run_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "data")
    for split, images in IMAGES.items():
        write_features(folder, split, np.zeros((images, 4, 3), np.float32))
    assert main(["train", "--data", str(folder), "--out", str(tmp_path / "run")]) == 2
    assert "plain has features of 4 places for each image" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
