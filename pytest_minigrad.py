"""The pytest plugin of minigrad: checks gradients from tests, and sums up the worst error of each Op.

pytest loads this file in every project of the environment, so it stands apart from the package and imports nothing of
it until a test asks for a check.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from minigrad.check.plugin import Checker

WORST = pytest.StashKey[dict[str, float]]()
MARKER = """gradcheck(**options): the test returns a function, or a Module's method, and its inputs, which are checked \
as by minigrad.check.gradcheck with these options"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--gradcheck` and `--gradcheck-folder`."""
    group = parser.getgroup("minigrad")
    group.addoption(
        "--gradcheck",
        choices=("fast", "full"),
        default="fast",
        help="few places and first order, or all places and both",
    )
    group.addoption("--gradcheck-folder", default="gradcheck", help="where reports and pictures of failures go")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line("markers", MARKER)
    config.stash[WORST] = {}


@pytest.fixture(name="gradcheck")
def gradcheck_fixture(request: pytest.FixtureRequest) -> Iterator["Checker"]:
    """`gradcheck(f, inputs, **options)`, with `.rng`, a generator seeded by the test's name."""
    yield checker_of(request.node)


def checker_of(item: Any) -> "Checker":
    """The checker of one test."""
    from minigrad.check.plugin import Checker  # NumPy and the engine, only now

    config = item.config
    folder = Path(config.rootpath) / config.getoption("--gradcheck-folder")
    return Checker(item.nodeid, config.getoption("--gradcheck") == "full", folder, config.stash[WORST])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a marked test: calls it, and checks what it returns."""
    marker = pyfuncitem.get_closest_marker("gradcheck")
    if marker is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    f, inputs = pyfuncitem.obj(**arguments)
    checker_of(pyfuncitem)(f, inputs, **marker.kwargs)
    return True


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line: the worst relative error of each Op that was checked, the largest first."""
    worst = sorted(config.stash[WORST].items(), key=lambda pair: -pair[1])
    if worst:
        terminalreporter.write_line("gradcheck, worst error per Op: " + ", ".join(f"{op} {e:.1e}" for op, e in worst))
