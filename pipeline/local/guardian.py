"""Kills the process groups of a cloud when the cloud's process is gone, however it went.

Run as a script with a pipe as standard input. The lines `+PID` and `-PID` add and remove a process group; the end of
the input means that nobody holds the other end any more, and whatever is still on the list is killed.
"""

import os
import signal
import sys


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


if __name__ == "__main__":
    main()
