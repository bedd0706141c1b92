"""The architecture, enforced: layers, direction of imports, sizes of files and functions, what an import may load."""

import ast
import io
import statistics
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("minigrad", "models", "viz")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# A file imports only from its own layer or from those before it.
LAYERS = (
    "minigrad.errors minigrad.files minigrad.memory minigrad.context minigrad.nest",
    "minigrad.blas minigrad.device minigrad.op minigrad.mutation minigrad.symbol",
    "minigrad.ops",
    "minigrad.autodiff minigrad.indexing minigrad.array_methods minigrad.functional minigrad.losses "
    "minigrad.numpy_protocol minigrad.display minigrad.explain",
    "minigrad.tensor",
    "minigrad.gradient minigrad.graph minigrad.module minigrad.measure minigrad.network",
    "minigrad.init minigrad.optim minigrad.layers",
    "minigrad.store",
    "minigrad.compiler minigrad.check minigrad.export",
    "minigrad",
    "models viz",
    "minigrad.cli",
)
ENGINE_LINES, PICTURE_LINES, COMPILER_LINES, PROVER_LINES = 2_500, 760, 2_000, 600
EXPORT_LINES, BRIDGE_LINES = 800, 150
LONGEST_FILE = 300


def name_of(path: Path) -> str:
    """Dotted name of a file of ours."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Dotted names a file imports, anywhere in it, save what only a type checker reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else node.module


def ours(path: Path) -> set[str]:
    """The files of ours that a file imports."""
    return {name for name in imports(path) if name in NAMES}


def layer(name: str) -> int:
    """The number of the layer whose longest prefix fits."""
    ranked = [(prefix, rank) for rank, names in enumerate(LAYERS) for prefix in names.split()]
    fitting = [(len(p), rank) for p, rank in ranked if name == p or (name.startswith(f"{p}.") and p != "minigrad")]
    assert fitting, f"{name} has no layer: add it to LAYERS where it belongs"
    return max(fitting)[1]


def code_lines(path: Path) -> int:
    """Lines that hold code: no blanks, comments or docstrings."""
    source = path.read_text(encoding="utf-8")
    documentation = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {n for t in tokens if t.type not in silent for n in range(t.start[0], t.end[0] + 1)}
    return len(lines - documentation)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_from_layers_above(path: Path) -> None:
    name = name_of(path)
    below = sorted(other for other in ours(path) if layer(other) > layer(name))
    assert not below, f"{name} imports from a layer below its own: {below}"


def test_no_import_circles() -> None:
    TopologicalSorter({name_of(path): ours(path) - {name_of(path)} for path in FILES}).prepare()


def test_models_and_viz_do_not_know_each_other_and_nothing_imports_the_command_line() -> None:
    for path in FILES:
        package, found = name_of(path).split(".")[0], ours(path)
        if package in ("models", "viz"):
            other = {"models": "viz", "viz": "models"}[package]
            assert not any(name.split(".")[0] == other for name in found), path
        if not name_of(path).startswith("minigrad.cli"):
            assert not any(name.startswith("minigrad.cli") for name in found), path


def test_the_closed_forms_import_numpy_and_nothing_else() -> None:
    assert set(imports(ROOT / "models/closed_form.py")) <= {"numpy", "typing", "collections.abc"}


def test_the_engine_imports_numpy_and_the_standard_library_alone() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "minigrad"}
    outside = ("blas", "store", "check", "compiler", "export", "cli")
    for path in (ROOT / "minigrad").rglob("*.py"):
        if path.relative_to(ROOT / "minigrad").parts[0].removesuffix(".py") not in outside:
            assert {name.split(".")[0] for name in imports(path)} <= allowed, path


def test_import_minigrad_loads_no_heavy_package() -> None:
    heavy = {"h5py", "matplotlib", "PIL", "safetensors", "tqdm", "graphviz", "scipy", "numpy.random", "hypothesis"}
    extras = {"onnx", "onnxruntime", "jax", "mpi4py", "cupy"}
    script = f"import sys, minigrad; print(sorted({heavy | extras} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize("path", [*FILES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: str(p.name))
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_every_file_says_what_it_holds() -> None:
    assert [p for p in FILES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))] == []


def test_budgets_of_code() -> None:
    bridges = ("blas.py", "device.py", "display.py", "memory.py")  # to BLAS, CuPy, who draws, the C library
    apart = ("check", "compiler", "export", "cli", "debug.py", "measure.py")  # they look at the engine from outside
    parts = {path: path.relative_to(ROOT / "minigrad").parts for path in (ROOT / "minigrad").rglob("*.py")}
    pictures = {("ops", "conv.py"), ("ops", "pool.py"), ("ops", "window.py"), ("network.py",), ("layers.py",)}
    engine = {path: at for path, at in parts.items() if at[0] not in (*apart, *bridges)}
    assert sum(code_lines(path) for path, at in engine.items() if at not in pictures) <= ENGINE_LINES
    assert sum(code_lines(path) for path, at in engine.items() if at in pictures) <= PICTURE_LINES
    assert sum(code_lines(path) for path, at in parts.items() if at[0] == "compiler") <= COMPILER_LINES
    assert sum(code_lines(path) for path, at in parts.items() if at[:2] == ("check", "proof")) <= PROVER_LINES
    assert sum(code_lines(path) for path, at in parts.items() if at[0] in bridges) <= BRIDGE_LINES
    assert sum(code_lines(path) for path, at in parts.items() if at[0] == "export") <= EXPORT_LINES


def test_the_median_function_is_short() -> None:
    functions = [
        len({line for node in f.body for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)})
        - (ast.get_docstring(f) is not None)
        for path in FILES
        for f in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(f, ast.FunctionDef)
    ]
    assert statistics.median(functions) <= 6


def test_the_top_level_holds_what_the_readme_promises() -> None:
    assert not list(ROOT.rglob("utils.py"))
    for name in ("minigrad", "models", "viz", "tests", "docs", "examples", "benchmarks", "pyproject.toml", "README.md"):
        assert (ROOT / name).exists(), name
