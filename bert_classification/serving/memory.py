"""How much memory the server keeps for itself when it has had much."""

import ctypes
from contextlib import suppress

ARENAS = 2
M_ARENA_MAX = -8
"""The number of the setting in glibc's `malloc.h`."""


def limit_arenas() -> None:
    """
    Lets all threads share a few of the allocator's arenas. glibc gives each thread one of its own,
    up to eight for each core, and what one had to hold once the others cannot use. Other C
    libraries have nothing of the kind.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Returns to the system what the allocator keeps of memory that is free; in milliseconds."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
