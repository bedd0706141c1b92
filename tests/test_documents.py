"""What the documents show: programs that run, commands that are understood, names and links that are there."""

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import minigrad as mg
import viz
from minigrad import check
from minigrad.cli import COMMANDS, parsed

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: f"{path.parent.name}-{path.name}")


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def command_lines(path: Path) -> Iterator[str]:
    """Commands that stand in blocks of their own; what follows two blanks is a remark."""
    for block in blocks(path, ""):
        for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
            if line.startswith("minigrad "):
                yield line.split("  ")[0]


def anchors(path: Path) -> set[str]:
    """What the headings of a document are called in links."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def seen(path: Path) -> str:
    """A drawing without the texts that appear where one points, which are docstrings."""
    return re.sub(r"<title.*?</title>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            place, _, anchor = target.partition("#")
            linked = (path.parent / place).resolve() if place else path
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


@each_document
def test_programs_are_python_and_use_names_that_exist(path: Path) -> None:
    text = "\n".join(blocks(path, "python"))
    compile(text, path.name, "exec")
    assert [
        name for name in re.findall(r"\bmg\.(\w+)", path.read_text(encoding="utf-8")) if not hasattr(mg, name)
    ] == []


@each_document
def test_commands_are_understood(path: Path) -> None:
    for line in command_lines(path):
        parsed(shlex.split(line)[1:])
    named = re.findall(r"`(?:mpiexec -n 4 )?minigrad ([a-z-]+)", path.read_text(encoding="utf-8"))
    assert set(named) <= COMMANDS.keys()


def test_the_readme_tells_of_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if not re.search(rf"`(minigrad )?{name}\b", text)] == []


def test_the_reference_names_all_that_is_public() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    modules = (mg.layers, mg.init, mg.optim)
    made = {name for m in modules for name, value in vars(m).items() if getattr(value, "__module__", "") == m.__name__}
    inner = {"Weighted", "Convolutional", "BatchNorm", "Optimizer", "running_mean", "squares"}  # parts of the others
    public = {*mg.__all__, *check.__all__, *viz.__all__, *made} - inner
    assert sorted(name for name in public if not re.search(rf"`(mg\.)?{name}\b", text)) == []


def test_the_first_program_draws_the_picture_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(blocks(ROOT / "README.md", "python")[0], {})
    assert "Tensor([[-0.7398]" in capsys.readouterr().out
    assert seen(tmp_path / "graph.svg") == seen(ROOT / "docs" / "first_graph.svg")


@pytest.mark.parametrize(
    "name, says",
    [
        ("first_steps", "d²y/dx² = 1.815995"),
        ("own_op", "gx: proved"),
        ("own_ranks", "w 1.03"),
        ("spirals", "100.0 % of the points"),
    ],
)
def test_examples_run(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [name, str(tmp_path / "graph.svg")])
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert says in capsys.readouterr().out
