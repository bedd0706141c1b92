"""What is built with the engine: captioners, networks on pictures, closed forms, data.

May import minigrad, never viz.
"""

from models.captioner import Captioner

__all__ = ["Captioner"]
