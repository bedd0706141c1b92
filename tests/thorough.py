"""How thorough tests of faults are: `MINIGRAD_THOROUGH=50 pytest -m fault` tries 50 times as many cases as usual."""

import os

TIMES = int(os.environ.get("MINIGRAD_THOROUGH", "1"))
