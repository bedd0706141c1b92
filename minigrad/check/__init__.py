"""Gradient checks that say what is wrong. Imports the engine; imported by name, never by `import minigrad`."""

from minigrad.check.gradcheck import gradcheck, gradgradcheck, jvpcheck

__all__ = ["gradcheck", "gradgradcheck", "jvpcheck"]
