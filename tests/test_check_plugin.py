"""The pytest plugin, run on small test files of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import minigrad.check.plugin  # noqa: F401 (pytester forgets what its runs load, and NumPy loads only once)
from minigrad import display

pytest_plugins = "pytester"
ROOT = Path(__file__).resolve().parents[1]

WRONG = """
import numpy as np
import minigrad as mg
from minigrad.ops.activation import Tanh
from minigrad.op import apply

class Wrong(Tanh):
    def vjp(self, g, y, x):
        return (g * (1 - y * y) * 2,)

def net(x):
    return (apply(Wrong(), x) * x).sum()
"""


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.syspathinsert(ROOT)
    pytester.makepyfile(source)
    return pytester.runpytest("-p", "pytest_minigrad", *options)


def test_the_fixture_checks_and_the_summary_sums_up(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import minigrad as mg

        def test_softplus(gradcheck):
            gradcheck(lambda x: mg.softplus(x) * x, [gradcheck.rng.standard_normal(3)])
        """,
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["gradcheck, worst error per Op: *Softplus *e-1*"])


def test_the_marker_checks_what_the_test_returns(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import numpy as np
        import pytest
        import minigrad as mg

        class Linear(mg.Module):
            def __init__(self):
                self.w = mg.Parameter(np.ones((3, 2), np.float32))

            def loss(self, x):
                return mg.tanh(x @ self.w).sum()

        @pytest.fixture
        def batch():
            return np.ones((4, 3), np.float32)

        @pytest.mark.gradcheck(method="complex")
        def test_linear(batch):
            return Linear().loss, [batch]
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=1)


def test_a_failure_is_a_diagnosis_and_files(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        WRONG
        + """
def test_net(gradcheck):
    gradcheck(net, [np.linspace(-1, 1, 5)])
""",
        "--gradcheck-folder=kept",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Wrong()*1 of 1 gradients wrong*", "*2.000 × too large*", "*kept in *test_net.txt*"])
    (text,) = (pytester.path / "kept").glob("*.txt")
    assert "2.000 × too large" in text.read_text(encoding="utf-8")
    pictures = list((pytester.path / "kept").glob("*.svg"))
    assert len(pictures) == (display.drawer() is not None)
    assert all("Wrong" in picture.read_text(encoding="utf-8") for picture in pictures)


def test_full_looks_at_second_order_too(pytester: pytest.Pytester) -> None:
    source = WRONG.replace("g * (1 - y * y) * 2", "g * (1 - (y * y).detach())") + (
        "def test_net(gradcheck):\n    gradcheck(net, [np.linspace(-1, 1, 5)])\n"
    )
    source = source.replace("(y * y).detach()", "(y * y if isinstance(y, np.ndarray) else (y * y).detach())")
    run(pytester, source).assert_outcomes(passed=1)
    run(pytester, source, "--gradcheck=full").assert_outcomes(failed=1)


def test_loading_the_plugin_loads_neither_numpy_nor_the_engine() -> None:
    script = "import sys, pytest_minigrad; print(sorted({'numpy', 'minigrad'} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


def test_seeds_come_from_the_name_of_the_test(pytester: pytest.Pytester) -> None:
    source = """
        def test_a(gradcheck):
            print("drew", gradcheck.rng.random())

        def test_b(gradcheck):
            print("drew", gradcheck.rng.random())
        """
    first, second = ([line for line in run(pytester, source, "-s").outlines if "drew" in line] for _ in range(2))
    assert first == second and len(set(first)) == 2
