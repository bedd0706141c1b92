"""What is built with the engine: closed forms, captioners, data. May import minigrad, never viz."""

from models.captioner import Captioner

__all__ = ["Captioner"]
