"""Scenes, the embedded data set: pictures of coloured shapes, five captions each, and a strict judge.

build("scenes")                     # draws, describes, extracts features, writes the course's files
scenes = open_scenes("scenes")
scenes.judge({0: "a red star is above a blue circle"})   # {"seen": 0.0, "all": 0.0}
"""

from models.data.scenes.build import NAME, build
from models.data.scenes.drawing import draw
from models.data.scenes.extractor import Extractor
from models.data.scenes.grammar import is_true
from models.data.scenes.reader import Scenes, open_scenes
from models.data.scenes.recipe import RECIPE, Recipe
from models.data.scenes.world import Scene, Thing

__all__ = [
    "NAME",
    "RECIPE",
    "Extractor",
    "Recipe",
    "Scene",
    "Scenes",
    "Thing",
    "build",
    "draw",
    "is_true",
    "open_scenes",
]
