"""Memory that is given back."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# `M_MMAP_THRESHOLD` in malloc.h.
_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1 << 20


def return_large_blocks() -> None:
    """
    Have glibc return large blocks to the system as soon as they are freed.

    By default it learns to keep blocks of the size of our pages, some for every thread: more than all pages
    together. Does nothing where the C library is another one.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
