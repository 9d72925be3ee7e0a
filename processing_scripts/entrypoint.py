"""What the container starts: it gives up root, and becomes the program that was asked for.

    docker run IMAGE serve                          Batch Transform and endpoints (SageMaker's own command)
    docker run IMAGE infer                          Processing, with ContainerArguments ["infer"]
    docker run IMAGE predict                        Processing of one image
    python3 -m processing_scripts.entrypoint infer  the same, where a job names a ContainerEntrypoint

An image with a USER would do, but for SageMaker: it "expects all containers to run with root users" (Developer Guide,
"Custom Inference Code with Hosting Services"), since the folders that it mounts are root's. So the container starts as
root, hands the folders that it writes to over to the user that IMAGEBATCH_USER names, and is that user from then on.
Outside the image the variable is not set, and whoever starts this stays who he is.
"""

import os
import pwd
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PROGRAMS = ("serve", "infer", "predict")
WRITTEN = ("opt/ml/output", "opt/ml/processing/output")
"""Folders of the container contract that are written to, below IMAGEBATCH_ROOT."""


def main(arguments: Sequence[str] = sys.argv[1:], environment: Mapping[str, str] = os.environ) -> None:
    """Becomes the program in this process, so that SIGTERM reaches it."""
    if len(arguments) != 1 or arguments[0] not in PROGRAMS:
        raise SystemExit(f"expected one argument, {', '.join(PROGRAMS)}; got {' '.join(arguments) or 'none'}")
    program = f"processing_scripts.{arguments[0]}"
    user = environment.get("IMAGEBATCH_USER")
    if not user or os.geteuid() != 0:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    account = pwd.getpwnam(user)
    _hand_over(Path(environment.get("IMAGEBATCH_ROOT", "/")), account)
    _become(account)
    # Another interpreter: what /proc tells of a process stays root's where it only changes its user (proc(5)).
    command = [sys.executable, "-m", program]
    os.execve(command[0], command, {**environment, "HOME": account.pw_dir})  # noqa: S606 - nothing is from outside


def _hand_over(root: Path, account: pwd.struct_passwd) -> None:
    for folder in _folders(root):
        os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _folders(root: Path) -> Iterator[Path]:
    for name in WRITTEN:
        (root / name).mkdir(parents=True, exist_ok=True)
        for folder, _, _ in os.walk(root / name):
            yield Path(folder)


def _become(account: pwd.struct_passwd) -> None:
    """The groups go first: whoever is no longer root may not change them."""
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    main()
