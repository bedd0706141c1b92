"""The picture format shared by the code that draws pictures and the code that measures them. Imports NumPy only."""

import numpy as np
import numpy.typing as npt

SIDE = 64
"""Pixels along each side."""
Image = npt.NDArray[np.uint8]
"""One picture (64, 64, 3), or several (N, 64, 64, 3): red, green and blue from 0 to 255."""
