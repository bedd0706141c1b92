"""Scenes are drawn once, kept where something can be written, and drawn again when what draws them changes."""

from pathlib import Path

import pytest

from models.data import cache, scenes


def empty(folder: Path, seed: int, progress: object) -> Path:
    """In place of half a minute of drawing."""
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes without pictures, kept below a folder of the test's own."""
    monkeypatch.setattr(scenes, "build", empty)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_scenes_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.find_scenes() is None
    folder = cache.scenes_folder()
    assert folder.parent == tmp_path / "kept" and folder.is_dir()
    monkeypatch.setattr(scenes, "build", pytest.fail)
    assert cache.scenes_folder() == folder == cache.find_scenes()
    assert cache.find_scenes(seed=1) is None


@pytest.mark.fault(number=25)
def test_where_nothing_can_be_written_the_next_place_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", "/dev/null/kept")
    assert cache.writable_root() == tmp_path / "home/minigrad"
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/home")
    assert cache.writable_root() == tmp_path / "runs"


def test_a_process_that_was_quicker_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(folder: Path, seed: int, progress: object) -> Path:
        folder.mkdir(parents=True)
        raise OSError("Directory not empty")

    monkeypatch.setattr(scenes, "build", overtaken)
    assert cache.scenes_folder().is_dir()


def test_the_name_changes_with_the_program_that_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.scenes_name(0)
    for source in Path(scenes.__file__).parent.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(scenes, "__file__", str(tmp_path / "__init__.py"))
    assert cache.scenes_name(0) == before != cache.scenes_name(1)
    (tmp_path / "recipe.py").write_text("")
    assert cache.scenes_name(0) == before
    (tmp_path / "drawing.py").write_text("")
    assert cache.scenes_name(0) != before
