"""The gallery of the documentation, made by one command, and the drawing that plays."""

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import sample_graphs as graphs

import viz

ROOT = Path(__file__).resolve().parents[1]
SVG = "{http://www.w3.org/2000/svg}"


def test_the_gallery_has_every_picture(tmp_path: Path) -> None:
    gallery = runpy.run_path(str(ROOT / "examples" / "gallery.py"))
    index = gallery["write_gallery"](tmp_path).read_text(encoding="utf-8")
    for picture in gallery["PICTURES"]:
        ET.fromstring((tmp_path / f"{picture.name}.svg").read_bytes())
        assert picture.title in index
        assert not picture.page or (tmp_path / f"{picture.name}.html").exists()
    assert "#b3001b" in (tmp_path / "wrong.svg").read_text(encoding="utf-8")
    vanishing = re.findall(r">([\d.e−]+)</text>", (tmp_path / "vanishing.svg").read_text(encoding="utf-8"))
    assert "3.5e−07" in vanishing


def test_generated_pictures_are_not_committed() -> None:
    assert "/docs/gallery/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_a_drawing_that_plays_forward_then_backward(tmp_path: Path) -> None:
    svg = viz.animate(graphs.scalar(), tmp_path / "x.svg", seconds=6)
    assert (tmp_path / "x.svg").read_text(encoding="utf-8") == svg
    assert "<script" not in svg
    start = {}
    for group in ET.fromstring(svg).iter(SVG + "g"):
        motion, box = group.find(SVG + "animate"), group.find(SVG + "g")
        if motion is not None and box is not None:
            start[box.get("id", "")] = float(motion.get("keyTimes", "").split(";")[1])
            assert motion.get("dur") == "6s"
    boxes = {box.id: box for box in viz.draw(graphs.scalar(), view="both").shown.boxes}
    forward = [time for key, time in start.items() if not boxes[key].backward]
    backward = [time for key, time in start.items() if boxes[key].backward]
    assert max(forward) < min(backward)


def test_points_run_along_the_wires_to_what_is_computed_next() -> None:
    root = ET.fromstring(viz.animate(graphs.scalar(), seconds=6))
    groups = [group for group in root.iter(SVG + "g") if group.get("opacity") == "0"]
    points = [group for group in groups if group.find(SVG + "circle") is not None]
    outlines = [group for group in groups if group.find(SVG + "rect") is not None]
    drawing = viz.draw(graphs.scalar(), view="both")
    assert len(outlines) == len(drawing.layout.placed)
    assert len(points) == sum(bool(wire.targets) for wire in drawing.layout.wires)
    for point in points:
        way = point.find(f"{SVG}circle/{SVG}animateMotion")
        assert way is not None
        times = [float(time) for time in way.get("keyTimes", "").split(";")]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (0, 1)
    said = [text.text for group in groups for text in group.iter(SVG + "text")]
    assert said == ["forward", "backward"]
