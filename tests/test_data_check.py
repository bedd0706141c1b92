"""`minigrad data check`: all faults of a folder at once, what is odd but can be used, and the page."""

import fcntl
import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from coco_folder import (
    CAPTIONS,
    CAPTIONS_FILE,
    IMAGES,
    VOCABULARY_FILE,
    WIDTH,
    WORDS,
    write_array,
    write_features,
    write_folder,
    write_vocabulary,
)
from photo_folder import parts_of

from minigrad.cli import main
from models.data.checking import check
from models.data.coco import open_data
from models.data.originals import originals
from models.data.preparation import prepare
from models.data.writing import Recipe
from models.photo_features import PhotoFeatures
from models.squeezenet import SqueezeNet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data")


def faults(folder: Path) -> list[str]:
    return list(check(folder, patience=0).faults)


def test_a_sound_folder_has_no_faults(folder: Path) -> None:
    found = check(folder)
    assert (found.faults, found.remarks) == ((), ("1 val images have no caption",))
    assert found.data is not None and found.data.feature_name == "plain"


def test_faults_are_told_one_after_another(folder: Path) -> None:
    (folder / "val2014_urls.txt").unlink()  # 1
    (folder / "train2014_urls.txt").write_text("http://example.org/1.jpg\n")
    (folder / "val2014_plain.h5").write_text("<html>not found</html>")  # 2
    with h5py.File(folder / CAPTIONS_FILE, "a") as file:
        file.move("val_captions", "val_caption")  # 3
    captions = np.full((CAPTIONS["train"], 8), 4, "i4")
    captions[3, 2], captions[4, 1] = -1, len(WORDS)
    write_array(folder / CAPTIONS_FILE, "train_captions", captions)  # 6
    write_array(folder / CAPTIONS_FILE, "train_image_idxs", np.arange(CAPTIONS["train"], dtype="i4"))  # 5
    write_array(folder / CAPTIONS_FILE, "val_image_idxs", np.zeros(CAPTIONS["val"], "f4"))  # 4
    write_vocabulary(folder, WORDS, dict.fromkeys(WORDS, 0))  # 7
    values = np.zeros((IMAGES["train"], WIDTH), "f4")
    values[2, 1] = np.nan
    write_features(folder, "train", values)  # 8
    with h5py.File(folder / "train2014_other.h5", "w") as file:
        file["features"] = h5py.SoftLink("/elsewhere")  # 9
    found = faults(folder)
    expected = [
        "'idx_to_word' and 'word_to_idx' disagree about 9 of 10 words",
        "train2014_other.h5: 'features' is a soft or external link",
        "there is no .*val2014_other.h5",
        "train2014_plain.h5: row 2 of 'features' has a NaN",
        "val2014_plain.h5 is not a complete HDF5 file .*an HTML page",
        "1 of 'train_captions' are outside 0 to .* is -1 at",
        "coco2014_captions.h5 has no 'val_captions': .*'val_caption'",
        "'val_image_idxs' should hold integers, and holds floating-point numbers",
        "there is no .*val2014_urls.txt",
    ]
    for pattern in expected:
        assert sum(bool(re.search(pattern, fault)) for fault in found) == 1, (pattern, found)
    assert len(found) == len(expected) and not any("\n" in fault for fault in found)


def test_what_depends_on_another_file_is_checked_against_it(folder: Path) -> None:
    write_array(folder / CAPTIONS_FILE, "train_image_idxs", np.arange(CAPTIONS["train"] - 1, dtype="i4"))
    write_features(folder, "val", np.zeros((IMAGES["val"], WIDTH + 1), "f4"))
    write_array(folder / CAPTIONS_FILE, "val_captions", np.full((CAPTIONS["val"], 9), 4, "i4"))
    (folder / "train2014_urls.txt").write_text("http://example.org/1.jpg\n")
    found = faults(folder)
    for pattern in ("13 of 'train_image_idxs' are outside 0 to 8, the range of the train images",
                    "has 1 addresses for 9 images",
                    "train_captions are 8 tokens long, val_captions 9",
                    r"train2014_plain.h5 has features \(5,\) for each image and .*plain.h5 \(6,\)"):  # fmt: skip
        assert sum(bool(re.search(pattern, fault)) for fault in found) == 1, (pattern, found)
    assert len(found) == 4
    write_array(folder / CAPTIONS_FILE, "train_image_idxs", np.zeros(CAPTIONS["train"] - 1, "i4"))
    assert any("'train_captions' has 23 captions and 'train_image_idxs' 22 images" in fault for fault in faults(folder))


def test_a_locked_file_and_no_folder_are_told(folder: Path) -> None:
    with (folder / CAPTIONS_FILE).open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        (fault,) = faults(folder)
        assert "is locked by a program that writes it" in fault  # 10
    (fault,) = faults(folder / "nowhere")
    assert fault.startswith(f"there is no folder {folder / 'nowhere'}, which holds the data")
    (folder / VOCABULARY_FILE).unlink()
    (fault,) = faults(folder)
    assert "which holds the words and their ids" in fault


def test_what_is_odd_is_no_fault(folder: Path) -> None:
    captions = np.full((CAPTIONS["train"], 8), 4, "i4")
    captions[:, 0] = 1
    captions[5:, 0] = 4
    write_array(folder / CAPTIONS_FILE, "train_captions", captions)
    write_array(folder / CAPTIONS_FILE, "train_image_idxs", np.zeros(CAPTIONS["train"], "i4"))
    (folder / "val2014_urls.txt").write_text("".join(f"http://example.org/train/{row}.jpg\n" for row in range(4)))
    found = check(folder)
    assert found.faults == ()
    assert found.remarks[:3] == (
        "18 train captions do not begin with <START>",
        "23 train captions have no <END>",
        "8 train images have no caption",
    )
    assert found.remarks[-1] == "4 addresses are in both splits"


def test_the_command_tells_all_and_exits_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train2014_urls.txt", "val2014_urls.txt"):
        (folder / name).unlink()
    assert main(["data", "check", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:3] for line in lines] == ["1. ", "2. "]
    assert main(["data", "check", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (len(found["faults"]), found["page"], found["facts"]) == (2, None, {})


def test_the_page_shows_photographs_and_loads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = parts_of(tmp_path, train=3, val=2)
    prepare(tmp_path / "data", parts, PhotoFeatures("squeezenet", SqueezeNet(num_classes=3)), Recipe(min_count=1))
    (tmp_path / "images" / "3.png").unlink()
    page = tmp_path / "page.html"
    assert main(["data", "check", str(tmp_path / "data"), "-o", str(page)]) == 0
    assert f"look at  {page}" in capsys.readouterr().out
    text = page.read_text()
    assert text.count("<img") == text.count('src="data:image/') == 4
    assert (
        text.count('class="card ') == 5 and "There&#x27;s a green box!" in text and "http://example.org/1.jpg" in text
    )


def test_a_row_of_addresses_has_no_picture(folder: Path) -> None:
    (plain,) = originals(open_data(folder), "train", [2])
    assert plain.image is None and plain.address == "http://example.org/train/2.jpg"
