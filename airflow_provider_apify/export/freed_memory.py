"""Memory of large blocks: what glibc keeps for the next block, and what glibc gives back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# `M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` in malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_KEPT_BYTES = 16 << 20
#: Blocks from this size on are returned to the system as soon as they are freed.
LARGE_BYTES = 1 << 20


def tune_malloc() -> None:
    """
    Have glibc return large blocks to the system as soon as they are freed, and keep what small ones took.

    By default glibc learns to keep blocks of the size of a page, some for every thread: more than all pages
    together. And the memory of a block that is used over and over would come from the system each time, which
    takes as long as filling the block. Does nothing where the C library is another one.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
