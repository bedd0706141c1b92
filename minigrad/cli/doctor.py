"""`minigrad doctor`: what this machine has, what is missing, and how to get it. Needs no extra package itself."""

import argparse
import platform
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import minigrad
from minigrad.cli import console, mpi, speed
from models.data.cache import find_scenes, writable_root
from models.parallel import world

_INSTALL = "python -m pip install 'minigrad[all]'"


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command."""
    parser = subparsers.add_parser(
        "doctor",
        help="what this machine has",
        description="Versions, the kernels that multiply matrices and what they reach, workers, the engines that can "
        "lay out graphs, MPI and its ranks, data found, packages missing and how to install them. Exits 1 when a "
        "package is missing.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints what is found; returns 1 if a package is missing. If there are several ranks, the first one prints."""
    ranks = world()
    places = ranks.each(mpi.here())
    return ranks.once(lambda: told(arguments, places))


def told(arguments: argparse.Namespace, places: list[mpi.Place]) -> int:
    """Collects everything and prints it."""
    found = {
        "versions": versions(),
        "speed": speed.speed(),
        "layout": layout_engines(),
        "mpi": mpi.found(places),
        "data": data(),
        "missing": [name for name, there in versions().items() if there is None],
    }
    if arguments.json:
        console.say_json(found)
    else:
        console.say("\n".join(in_words(found)))
    return int(bool(found["missing"]))


def versions() -> dict[str, str | None]:
    """The versions of Python, minigrad and the packages it can use; None for a missing one."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    return found | {"minigrad": minigrad.__version__} | {name: installed(name) for name in packages()}


def packages() -> list[str]:
    """The names of the packages that minigrad requires, its extra `all` included."""
    wanted = (r for r in requirements() if "extra ==" not in r or "extra == 'all'" in r or 'extra == "all"' in r)
    return [requirement_name(requirement) for requirement in wanted]


def requirements() -> list[str]:
    """minigrad's requirements, from its installation, or from pyproject.toml if it is not installed."""
    try:
        return requires("minigrad") or []
    except PackageNotFoundError:
        project = tomllib.loads((Path(minigrad.__path__[0]).parent / "pyproject.toml").read_text("utf-8"))["project"]
        return [*project["dependencies"], *project["optional-dependencies"]["all"]]


def requirement_name(requirement: str) -> str:
    """`numpy` of `numpy>=2.0; python_version > "3"`."""
    return requirement.split(";")[0].split("[")[0].rstrip("<>=!~. 0123456789")


def installed(package: str) -> str | None:
    """The version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def layout_engines() -> dict[str, str | None]:
    """The engines that can lay out general graphs, in order of preference; None for a missing one."""
    return {
        "dot on PATH": dot(),
        "Graphviz libraries of pygraphviz": installed("pygraphviz") if find_spec("pygraphviz") else None,
        "built in": "always there",
    }


def dot() -> str | None:
    """The output of `dot -V`, or None."""
    path = shutil.which("dot")
    if path is None:
        return None
    try:
        said = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stderr.strip() or path


def data() -> dict[str, str | None]:
    """Where the scenes are, and where built data is kept."""
    scenes = find_scenes()
    return {"scenes": str(scenes) if scenes else None, "kept in": str(writable_root())}


def in_words(found: dict[str, Any]) -> Iterator[str]:
    """The report, section by section."""
    yield "versions"
    yield from pairs(found["versions"], "missing")
    yield "speed"
    yield from speed.in_words(found["speed"])
    yield "layout of graphs"
    yield from pairs(found["layout"], "not found")
    yield "ranks"
    yield from mpi.in_words(found["mpi"])
    yield "data"
    yield from pairs(found["data"], "not built yet: minigrad train builds them")
    if found["missing"]:
        yield f"missing: {', '.join(found['missing'])}; {_INSTALL}"


def pairs(values: dict[str, str | None], otherwise: str) -> Iterator[str]:
    """Lines `  name   value`, aligned."""
    width = max(map(len, values))
    return (f"  {name:{width}}  {value or otherwise}" for name, value in values.items())
