"""The course's names as its notebooks use them: their checks, their training, on real data where that is present."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_folder import IMAGES, NAME, WORDS, write_features, write_folder
from PIL import Image

from minigrad.errors import MissingFileError, UsageError
from models.cs231n import (
    CaptioningRNN,
    CaptioningSolver,
    decode_captions,
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    image_from_url,
    load_coco_data,
    lstm_forward,
    lstm_step_forward,
    rel_error,
    rnn_backward,
    rnn_forward,
    rnn_step_forward,
    sample_coco_minibatch,
    temporal_softmax_loss,
)


def spaced(low: float, high: float, *shape: int) -> Any:
    return np.linspace(low, high, num=int(np.prod(shape))).reshape(shape)


def test_rnn_step_of_the_notebook() -> None:
    N, D, H = 3, 10, 4
    next_h, _ = rnn_step_forward(
        spaced(-0.4, 0.7, N, D),
        spaced(-0.2, 0.5, N, H),
        spaced(-0.1, 0.9, D, H),
        spaced(-0.3, 0.7, H, H),
        spaced(-0.2, 0.4, H),
    )
    wanted = [
        [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
        [0.66854692, 0.79562378, 0.87755553, 0.92795967],
        [0.97934501, 0.99144213, 0.99646691, 0.99854353],
    ]
    assert rel_error(np.array(wanted), next_h) < 1e-7


def test_lstm_step_of_the_notebook() -> None:
    N, D, H = 3, 4, 5
    next_h, _, _ = lstm_step_forward(
        spaced(-0.4, 1.2, N, D),
        spaced(-0.3, 0.7, N, H),
        spaced(-0.4, 0.9, N, H),
        spaced(-2.1, 1.3, D, 4 * H),
        spaced(-0.7, 2.2, H, 4 * H),
        spaced(0.3, 0.7, 4 * H),
    )
    wanted = [
        [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
        [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
        [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
    ]
    assert rel_error(np.array(wanted), next_h) < 1e-7


def test_rnn_backward_by_the_notebooks_gradient_check() -> None:
    rng = np.random.default_rng(231)
    x, h0, Wx, Wh, b = (rng.normal(size=s) for s in ((2, 10, 3), (2, 5), (3, 5), (5, 5), (5,)))
    out, cache = rnn_forward(x, h0, Wx, Wh, b)
    dout = rng.normal(size=out.shape)
    dx, *_, db = rnn_backward(dout, cache)
    assert rel_error(eval_numerical_gradient_array(lambda x: rnn_forward(x, h0, Wx, Wh, b)[0], x, dout), dx) < 1e-6
    assert rel_error(eval_numerical_gradient_array(lambda b: rnn_forward(x, h0, Wx, Wh, b)[0], b, dout), db) < 1e-6
    assert lstm_forward(x, h0, *(np.tile(w, 4) for w in (Wx, Wh, b)))[0].shape == (2, 10, 5)


def test_softmax_loss_of_the_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(231)

    def loss(N: int, T: int, V: int, p: float) -> float:
        x, y = 0.001 * rng.normal(size=(N, T, V)), rng.integers(V, size=(N, T))
        return float(temporal_softmax_loss(x, y, rng.random((N, T)) <= p)[0])

    assert loss(100, 1, 10, 1.0) == pytest.approx(2.3, abs=0.01)
    assert loss(100, 10, 10, 1.0) == pytest.approx(23, abs=0.1)
    assert 2.2 < loss(5000, 10, 10, 0.1) < 2.4
    temporal_softmax_loss(np.zeros((1, 2, 3)), np.zeros((1, 2), int), np.ones((1, 2)), verbose=True)
    assert "(1, 2, 3)" in capsys.readouterr().out


PETS = {"<NULL>": 0, "cat": 2, "dog": 3}


@pytest.mark.parametrize(
    ("cell", "low", "high", "wanted"), [("rnn", -1.5, 0.3, 9.83235591003), ("lstm", -0.5, 1.7, 9.82445935443)]
)
def test_captioning_loss_of_the_notebooks(cell: str, low: float, high: float, wanted: float) -> None:
    N, D, W, H, V, T = 10, 20, 30, 40, 3, 13
    model = CaptioningRNN(PETS, input_dim=D, wordvec_dim=W, hidden_dim=H, cell_type=cell, dtype=np.float64)
    for name, array in model.params.items():
        model.params[name] = spaced(-1.4, 1.3, *array.shape)
    captions = (np.arange(N * T) % V).reshape(N, T)
    loss, grads = model.loss(spaced(low, high, N, D), captions)
    assert loss == pytest.approx(wanted, abs=1e-10)
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in model.params.items()}


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_captioning_gradients_by_the_notebooks_check(cell: str) -> None:
    np.random.seed(231)
    model = CaptioningRNN(PETS, 4, 5, 6, cell, np.float64)
    features, captions = np.random.randn(2, 4), np.random.randint(3, size=(2, 3))
    _, grads = model.loss(features, captions)
    for name, array in model.params.items():  # changed in place by the check, and read at every call
        numerical = eval_numerical_gradient(lambda _: model.loss(features, captions)[0], array, verbose=False, h=1e-6)
        assert np.abs(numerical - grads[name]).max() < 1e-8


def test_weights_come_from_numpys_global_state_in_the_courses_order() -> None:
    np.random.seed(0)
    model = CaptioningRNN({"<NULL>": 0, "<START>": 1, "a": 2}, 4, 5, 6, "lstm", np.float64)
    np.random.seed(0)
    assert np.array_equal(model.params["W_embed"], np.random.randn(3, 5) / 100)
    assert np.array_equal(model.params["W_proj"], np.random.randn(4, 6) / np.sqrt(4))
    assert np.array_equal(model.params["Wx"], np.random.randn(5, 24) / np.sqrt(5))
    assert model.sample(np.ones((2, 4)), max_length=7).shape == (2, 7)


def test_refusals() -> None:
    with pytest.raises(UsageError, match="gru"):
        CaptioningRNN(PETS, cell_type="gru")
    with pytest.raises(UsageError, match="<NULL>"):
        CaptioningRNN({"a": 0})
    with pytest.raises(UsageError, match="<START>"):
        CaptioningRNN(PETS, 4, 5, 6).sample(np.ones((1, 4)))
    model = CaptioningRNN(PETS, 4, 5, 6)
    with pytest.raises(UsageError, match="adagrad"):
        CaptioningSolver(model, {}, update_rule="adagrad")
    with pytest.raises(UsageError, match="momentun"):
        CaptioningSolver(model, {}, update_rule="sgd_momentum", optim_config={"momentun": 0.9})


def test_sentences() -> None:
    words = ["<NULL>", "<START>", "<END>", "<UNK>", "cat"]
    assert decode_captions(np.array([1, 4, 2, 4, 0]), words) == "<START> cat <END>"
    assert decode_captions(np.array([[4, 0, 4], [3, 2, 4]]), words) == ["cat cat", "<UNK> <END>"]


KINDS = ("captions", "image_idxs", "features", "urls")
State = defaultdict[str, Any]


def sgd(w: Any, g: Any, s: State, lr: float, t: int) -> Any:
    return w - lr * g


def sgd_momentum(w: Any, g: Any, s: State, lr: float, t: int) -> Any:
    s["v"] = 0.9 * s["v"] - lr * g
    return w + s["v"]


def rmsprop(w: Any, g: Any, s: State, lr: float, t: int) -> Any:
    s["v"] = 0.99 * s["v"] + 0.01 * g * g
    return w - lr * g / (np.sqrt(s["v"]) + 1e-8)


def adam(w: Any, g: Any, s: State, lr: float, t: int) -> Any:
    s["m"], s["v"] = 0.9 * s["m"] + 0.1 * g, 0.999 * s["v"] + 0.001 * g * g
    return w - lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * s["m"] / (np.sqrt(s["v"]) + 1e-8)


@pytest.mark.parametrize("rule", [sgd, sgd_momentum, rmsprop, adam])
def test_the_solver_follows_the_courses_formulas(rule: Any, tmp_path: Path) -> None:
    data = load_coco_data(str(write_folder(tmp_path)), max_train=7, features=NAME)
    models = [CaptioningRNN(data["word_to_idx"], 5, 4, 3, "lstm", np.float64) for _ in range(2)]
    models[1].params = {name: array.copy() for name, array in models[0].params.items()}
    solver = CaptioningSolver(
        models[0],
        data,
        update_rule=rule.__name__,
        optim_config={"learning_rate": 1e-2},
        lr_decay=0.5,
        num_epochs=3,
        batch_size=3,
        verbose=False,
    )
    np.random.seed(1)
    solver.train()
    np.random.seed(1)
    states: dict[str, State] = {name: defaultdict(float) for name in models[1].params}
    for t in range(1, 7):  # epochs of two steps
        captions, features, _ = sample_coco_minibatch(data, batch_size=3)
        loss, grads = models[1].loss(features, captions)
        assert solver.loss_history[t - 1] == pytest.approx(loss, rel=1e-12)
        for name, w in models[1].params.items():
            models[1].params[name] = rule(w, grads[name], states[name], 1e-2 * 0.5 ** ((t - 1) // 2), t)
    for name, w in models[1].params.items():
        assert np.abs(models[0].params[name] - w).max() < 1e-12 * np.abs(w).max(), name


def test_the_data_as_the_course_has_it(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path, "vgg16_fc7_pca"))
    for split, images in IMAGES.items():
        write_features(tmp_path, split, np.ones((images, 6), np.float32), "vgg16_fc7")
    data = load_coco_data(folder)
    assert list(data["idx_to_word"]) == list(data["word_to_idx"]) == list(WORDS)
    assert [data[f"{split}_{what}"].shape for split in ("train", "val") for what in KINDS] == [
        *((23, 8), (23,), (9, 5), (9,)),
        *((7, 8), (7,), (4, 5), (4,)),
    ]
    np.random.seed(3)
    drawn = load_coco_data(folder, max_train=50, pca_features=False)
    np.random.seed(3)
    rows = np.random.randint(23, size=50)
    assert drawn["train_features"].shape == (9, 6)
    assert np.array_equal(drawn["train_captions"], data["train_captions"][rows])
    assert np.array_equal(drawn["train_image_idxs"], data["train_image_idxs"][rows])
    captions, features, urls = sample_coco_minibatch(data, batch_size=6, split="val")
    assert (captions.shape, features.shape, urls.shape) == ((6, 8), (6, 5), (6,))
    with pytest.raises(UsageError, match="'train' or 'val'"):
        sample_coco_minibatch(data, split="test")


def test_pictures_from_paths_and_addresses(tmp_path: Path) -> None:
    pixels, path = np.arange(24, dtype=np.uint8).reshape(2, 4, 3), tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    for address in (str(path), path.as_uri()):
        assert np.array_equal(image_from_url(address), pixels)
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(path)  # 16-bit grey
    assert np.array_equal(image_from_url(str(path)), pixels[..., [0, 0, 0]])


def test_a_picture_that_is_gone_is_none_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    absent = tmp_path / "absent.png"
    for address in (str(text), str(absent), absent.as_uri(), "http://[no-address/a.png"):
        assert image_from_url(address) is None
        assert f"no picture at {address}: " in capsys.readouterr().out


def test_the_notebooks_name_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cs231n" / "datasets" / "coco_captioning"
    folder.mkdir(parents=True)
    write_folder(folder, "vgg16_fc7_pca")
    monkeypatch.chdir(tmp_path)
    assert load_coco_data(max_train=3)["train_captions"].shape == (3, 8)
    monkeypatch.chdir(folder)
    with pytest.raises(MissingFileError, match=r"cs231n/datasets/coco_captioning.*get_datasets\.sh"):
        load_coco_data()


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_solver_overfits_fifty_real_captions(
    real_data: Path, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.random.seed(231)
    data = load_coco_data(str(real_data / "coco_small"), max_train=50, features="squeezenet_fire9")
    assert sample_coco_minibatch(data, batch_size=3)[1].shape == (3, 512)
    model = CaptioningRNN(data["word_to_idx"], input_dim=512, hidden_dim=512, wordvec_dim=256, cell_type=cell)
    solver = CaptioningSolver(
        model,
        data,
        update_rule="adam",
        num_epochs=50,
        batch_size=25,
        optim_config={"learning_rate": 5e-3},
        lr_decay={"rnn": 0.95, "lstm": 0.995}[cell],
        print_every=10,
    )
    solver.train()
    assert len(solver.loss_history) == 100
    assert "(Iteration 91 / 100) loss:" in capsys.readouterr().out
    assert solver.loss_history[-1] < {"rnn": 0.6, "lstm": 0.5}[cell]
    captions, features, _ = sample_coco_minibatch(data, batch_size=10)
    written = decode_captions(model.sample(features), data["idx_to_word"])
    told = decode_captions(captions[:, 1:], data["idx_to_word"])
    assert sum(a == b for a, b in zip(written, told, strict=True)) >= 5  # a photograph may have two captions
