"""The layered layout by Graphviz, run as a separate process with a time limit.

The program `dot` is used, or else the libraries that come with the package pygraphviz; without either, our own layout
is.
"""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from viz.graph.dot import write_dot
from viz.graph.flow import HEIGHT, texts, width_of_lines, with_leaves_at_use
from viz.graph.geometry import Layout, Placed, Point, Rect, Region, Text, Wire
from viz.graph.look import MARGIN, TOP
from viz.graph.model import Diagram

SECONDS = 10.0
"""The time that Graphviz is given."""
LIBRARY = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format="json0", prog="dot"))
"""


class NoGraphvizError(Exception):
    """Graphviz is missing, takes too long or fails; the message says which."""


def lay_out_by_graphviz(diagram: Diagram, labels: bool = False, seconds: float = SECONDS) -> Layout:
    """The layout of a diagram by Graphviz, with labels at the edges if asked for; raises NoGraphvizError."""
    diagram = with_leaves_at_use(diagram, True)
    lines = {box.id: texts(box) for box in diagram.boxes}
    sizes = {key: (width_of_lines(text), HEIGHT) for key, text in lines.items()}
    found = run(write_dot(diagram, sizes, labels), seconds)
    left, bottom, right, top = map(float, found["bb"].split(","))
    height = top - bottom
    objects = found.get("objects", [])
    rects = {o["name"]: rect_at(o["pos"], sizes[o["name"]], height) for o in objects if "pos" in o}
    layout = Layout(right - left + 2 * MARGIN, height + TOP + MARGIN, engine="Graphviz")
    layout.placed = [Placed(box, rects[box.id], lines[box.id]) for box in diagram.boxes]
    layout.regions = [Region(rect_of(o["bb"], height), "module", o.get("label", "")) for o in objects if "bb" in o]
    numbered = {o["_gvid"]: o["name"] for o in objects}
    kinds = {(e.source, e.target): e for e in diagram.edges}
    for drawn in found.get("edges", []):
        edge = kinds[numbered[drawn["tail"]], numbered[drawn["head"]]]
        points = spline(drawn["pos"], height)
        layout.wires.append(Wire(points, edge.kind, (edge.source,), (edge.target,), shape="bezier"))
        if "lp" in drawn:
            x, y = point_at(drawn["lp"], height)
            layout.texts.append(Text(x, y + 3, edge.label, "label", "middle"))
    return layout


def run(dot: str, seconds: float) -> Any:
    """Graphviz's answer, in its JSON, for a program in DOT."""
    command = ["dot", "-Tjson0"] if shutil.which("dot") else library_command()
    try:
        answer = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=seconds, check=True)
        return json.loads(answer.stdout)
    except subprocess.TimeoutExpired:
        raise NoGraphvizError(f"Graphviz took more than {seconds:g} s") from None
    except (subprocess.CalledProcessError, OSError, ValueError):
        raise NoGraphvizError("Graphviz failed") from None


def library_command() -> list[str]:
    """A Python command that calls Graphviz's libraries."""
    if find_spec("pygraphviz") is None:
        raise NoGraphvizError("neither the program dot nor the package pygraphviz is there")
    return [sys.executable, "-c", LIBRARY]


def rect_at(middle: str, size: tuple[float, float], height: float) -> Rect:
    """A box, given its middle."""
    x, y = point_at(middle, height)
    return Rect(x - size[0] / 2, y - size[1] / 2, *size)


def point_at(text: str, height: float) -> Point:
    """A point of the picture (Graphviz's y axis points up)."""
    x, y = map(float, text.split(",")[-2:])
    return x + MARGIN, height - y + TOP


def rect_of(corners: str, height: float) -> Rect:
    """A cluster, given its corners."""
    left, bottom, right, top = map(float, corners.split(","))
    return Rect(left + MARGIN, height - top + TOP, right - left, top - bottom)


def spline(text: str, height: float) -> tuple[Point, ...]:
    """The control points of an edge, ending at the tip of its arrow."""
    tip: list[Point] = []
    points: list[Point] = []
    for part in text.split():
        (tip if part.startswith("e,") else points).append(point_at(part, height))
    return (*points[:-1], tip[0]) if tip else tuple(points)
