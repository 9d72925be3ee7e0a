"""How many files this process may have open: each connection is one, and so is what it is sent."""

import resource
from contextlib import suppress

FEWEST = 256
"""Enough for a run of a few photos, and what macOS gives a process that does not ask for more."""
_WANTED = (65_536, 10_240)


def allow_many_files() -> None:
    """Lift this process's limit on open files as far as it may. Raises OSError where that is not far enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEWEST:
        raise OSError(
            f"this process may have {hard} files open, and a local cloud takes at least {FEWEST}: "
            f"lift the limit (`ulimit -Hn`, or the container's --ulimit nofile=)"
        )
    for files in _WANTED:
        wanted = files if hard == resource.RLIM_INFINITY else min(hard, files)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        # macOS has a lower ceiling than the one it tells, which may be none at all; OPEN_MAX, 10,240, it takes always.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return
