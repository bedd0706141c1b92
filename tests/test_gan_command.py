"""`minigrad gan` and `minigrad data`, as a user types them; films."""

import gzip
import hashlib
import io
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_gan import make_gan_quick

from minigrad.cli import gan_results, main
from minigrad.errors import DataError, UsageError
from models.data import fetching, mnist
from models.data.drawn_digits import draw_digits
from models.training.adversarial import KINDS, GanRun
from models.training.log import read_log
from models.weights.download import refuse_other
from viz.film import gif, mosaic

FEW = ["--batch-size", "16", "--threads", "1", "--sample-every", "4"]


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and cache, and scores of few samples."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gan_results, "_SCORED", 150)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn digits in MNIST's format."""
    folder = tmp_path_factory.mktemp("digits")
    for part, names in mnist.FILES.items():
        for name, array in zip(names, draw_digits(part, 0, 160), strict=True):
            header = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
            (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.tobytes(), 1))
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """The JSON object that a command prints."""
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_run_writes_all_there_is_to_look_at(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    found = said(capsys, "gan", "ls", "--data", str(folder), "--steps", "9", "--out", "run", *FEW)
    assert found["step"] == 9 and len(found["frechet_distances"]) == 3 and found["generator_parameters"] == 1_952_528
    assert {Path(path).name for path in found["written"]} == {
        "samples.png", "interpolation.png", "samples.gif", "curves.svg", "curves.png", "report.html",
    }  # fmt: skip
    with Image.open("run/samples.gif") as film:
        assert film.n_frames == 4 and film.size == (560, 560)  # steps 1, 4, 8, 9
    page = Path("run/report.html").read_text()
    assert "data:image/gif;base64," in page and "minigrad gan ls --data" in page and "least squares" in page
    with Image.open("run/interpolation.png") as between:
        assert between.size == (280, 224)


def test_a_run_goes_on_and_its_settings_stay(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["gan", "--data", str(folder), "--out", "run", *FEW]
    whole = said(capsys, *words, "--steps", "6")
    Path("link").symlink_to(folder)
    for same in ([], ["--data", "link"]):
        assert said(capsys, "gan", *same, "--resume", "--out", "run")["generator_loss"] == whole["generator_loss"]
    for words, other in ((["--lr", "1"], "learning_rate"), (["dc"], "dc"), (["--data", "drawn"], "data")):
        refused = said(capsys, "gan", *words, "--resume", "--out", "run", code=2)
        assert f"{other} would be another" in refused["error"]["message"]


@pytest.mark.parametrize(("kind", "steps"), [("dc", 2), ("wgan-gp", 5)])
def test_other_kinds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str, steps: int
) -> None:
    make_gan_quick(monkeypatch)
    words = ["--steps", str(steps), "--batch-size", "4", "--threads", "1", "--sample-every", str(steps)]
    found = said(capsys, "gan", kind, "--out", "run", *words)
    assert found["step"] == steps and all(Path(path).is_file() for path in found["written"])
    assert asdict(GanRun.open(Path("run")).settings).items() >= KINDS[kind].items()
    updated = [record["step"] for record in read_log(Path("run/log.jsonl")) if "generator_loss" in record]
    assert updated == list(range(1, steps + 1)) if kind == "dc" else updated == [steps]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gan", "cyclic"], "invalid choice"),
        (["gan", "--data", "nowhere"], "holds no train-images"),
        (["gan", "--data", "mnist"], "minigrad data fetch mnist"),
        (["gan", "--batch-size", "1"], "at least 2"),
        (["gan", "--epochs", "-1"], "--epochs is -1.0"),
        (["gan", "--resume"], "--out names"),
        (["gan", "--resume", "--out", "."], "is no run"),
        (["data", "fetch", "imagenet"], "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_told(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert message in said(capsys, *words, code=2)["error"]["message"]


@pytest.mark.fault(number=17)
def test_divergence_is_one_clear_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    words = ["gan", "ls", "--data", str(folder), "--steps", "9", "--lr", "1e18", "--out", "run", *FEW]
    message = said(capsys, *words, code=2)["error"]["message"]
    assert "training diverged" in message and "step 1" in message and "before: discriminator 0." in message


def test_mnist_is_fetched_and_checked(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "http://127.0.0.1/"

    def copied(remote: Any, into: Path, progress: Any = None) -> Path:
        into.mkdir(parents=True, exist_ok=True)
        path: Path = into / remote.name
        path.write_bytes((folder / remote.address.removeprefix(address)).read_bytes())
        refuse_other(remote, path)
        return path

    monkeypatch.setattr(fetching, "fetch", copied)
    with pytest.raises(DataError, match="it is not kept"):
        fetching.fetch_mnist(address=address)
    assert not list(Path("cache/mnist").iterdir())
    contents = {name: mnist.uncompressed(mnist.located(folder, name)) for name in mnist.CHECKSUMS}
    monkeypatch.setattr(
        fetching, "CHECKSUMS", {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    )
    assert len(said(capsys, "data", "fetch", "mnist", "--address", address)["written"]) == 4
    assert fetching.find_mnist() == Path("cache/mnist").absolute()


def test_a_mosaic_lays_pictures_in_rows() -> None:
    cells = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((5, 2, 3), np.uint8)
    whole = mosaic(cells, 2)
    assert whole.shape == (6, 6) and whole[::2, ::3].tolist() == [[0, 1], [2, 3], [4, 0]]
    assert mosaic(np.zeros((4, 2, 3, 3), np.uint8), 2).shape == (4, 6, 3)
    with pytest.raises(UsageError, match="no mosaic"):
        mosaic(cells[:0], 2)


def test_a_film_plays_its_pictures_enlarged() -> None:
    frames = [np.full((4, 5), value, np.uint8) for value in (0, 100, 255)]
    with Image.open(io.BytesIO(gif(frames, 100, enlarged=3))) as film:
        assert film.n_frames == 3 and film.size == (15, 12) and film.info["loop"] == 0
        film.seek(1)
        assert np.abs(np.asarray(film.convert("L")).astype(int) - 100).max() <= 2
    with pytest.raises(UsageError, match="2 sizes"):
        gif([frames[0], frames[0].T])
