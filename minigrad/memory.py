"""Keeps the memory of freed arrays in the process. Imports nothing of ours.

A training step frees and allocates the same hundred megabytes again and again. glibc returns such memory to the system
at once, and a step then spends up to a sixth of its time on page faults to get it back. MINIGRAD_KEEP_MEMORY=0 leaves
the allocator alone; with other C libraries nothing is done.
"""

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
KEPT = 1 << 30  # bytes that may stay in the process, unused
LARGEST = 32 << 20  # bytes; glibc takes no more


def keep_freed_pages() -> bool:
    """Tells glibc's malloc to keep freed memory for later arrays; returns whether that was possible."""
    if sys.platform != "linux" or os.environ.get("MINIGRAD_KEEP_MEMORY") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST) and mallopt(TRIM_THRESHOLD, KEPT))
