"""Templates translated by a process that is started before they are there.

Loading SAM's translator takes a quarter of a second of a core, an eighth of the time until a small run starts. Whoever
knows that a template comes says so first thing, and the translator is loaded on another core while this process loads
its own:

    forks.prepare(after=translations.prepare())
    from pipeline.local.deploy import deploy
"""

import json
import os
import subprocess
import sys

from pipeline.cores import available_cores
from pipeline.local import sam
from pipeline.local.forks import INHERITED

_LONGEST = 60  # seconds

_prepared: "list[subprocess.Popen[str]]" = []


def prepare() -> int | None:
    """Let another process translate the next template of this one.

    Returns the file descriptor of a pipe that ends when that process has loaded; None where there is none.
    """
    if _prepared or available_cores() == 1:
        return None
    loaded, loads = os.pipe()
    try:
        _prepared.append(
            subprocess.Popen(
                [sys.executable, "-P", sam.__file__, str(loads)],
                env={name: os.environ[name] for name in INHERITED if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,
                pass_fds=[loads],
            )
        )
    except OSError:
        os.close(loaded)
        return None
    finally:
        os.close(loads)
    return loaded


def translated(order: sam.Order) -> sam.Translated:
    """What sam.py gives, by the process that was prepared, or here."""
    try:
        process = _prepared.pop()
    except IndexError:  # there was none, or it has translated already
        return sam.translated(order)
    with process:
        try:
            answer, _ = process.communicate(json.dumps(order), timeout=_LONGEST)
            given: sam.Translated = json.loads(answer)
        except (OSError, subprocess.TimeoutExpired, ValueError):
            process.kill()
        else:
            return given
    return sam.translated(order)
